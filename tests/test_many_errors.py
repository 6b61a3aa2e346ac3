"""Very many errors of one card: the first of them, and a count."""

from __future__ import annotations

from pathlib import Path

import pytest

from runcard import errors
from runcard.card import load_card


def test_twenty_errors_are_shown_and_the_rest_is_counted(tmp_path: Path) -> None:
    typos = "".join(f"typo_{n}: 1\n" for n in range(2_000))
    (tmp_path / "card.yaml").write_text(
        f"data: {{raw_path: t.csv}}\nfeatures: {{target: y}}\nmodels: [{{name: ridge}}]\n{typos}"
    )
    with pytest.raises(errors.CardErrors) as caught:
        load_card(tmp_path / "card.yaml")
    said = str(caught.value)
    assert len(caught.value.errors) == 2_000
    assert said.count("error[RC104]") == 20
    assert said.endswith("\n\nand 1,980 more errors")
