from runcard.report.figures.canvas import shown


def test_long_text_is_shortened_in_its_middle():
    assert shown("categorical__payment_method_Electronic check", 20) == "categorical__… check"
    assert len(shown("x" * 100, 26)) == 26
    assert shown("x" * 26, 26) == "x" * 26


def test_no_formulas_no_lines_no_unknown_signs():
    assert shown("$5-$10") == r"\$5-\$10"
    assert shown(" a\tb\n c ") == "a b c"
    assert shown("日 é") == "□ é"
