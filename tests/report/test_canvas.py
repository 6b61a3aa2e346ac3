from runcard.report.figures.canvas import drawable_text


def test_long_text_is_shortened_in_its_middle():
    assert drawable_text("categorical__payment_method_Electronic check", 20) == "categorical__… check"
    assert len(drawable_text("x" * 100, 26)) == 26
    assert drawable_text("x" * 26, 26) == "x" * 26


def test_no_formulas_no_lines_no_unknown_signs():
    assert drawable_text("$5-$10") == r"\$5-\$10"
    assert drawable_text(" a\tb\n c ") == "a b c"
    assert drawable_text("日 é") == "□ é"
