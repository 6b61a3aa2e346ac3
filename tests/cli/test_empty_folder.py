"""Commands that only look leave an empty folder empty."""

from __future__ import annotations

from pathlib import Path

import pytest
from projects import call_cli
from servers import free_port


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["sync"], 0, "0 delivered; MLflow has everything."),
        (["ui", "--no-browser", "--port", "{port}"], 1, "there is nothing to be seen yet"),
        (["compare", "x"], 1, "x"),
        (["list", "models"], 0, ""),
        (["data", "list"], 0, ""),
    ],
)
def test_an_empty_folder_stays_empty(words: list[str], code: int, said: str, tmp_path: Path) -> None:
    answer = call_cli(tmp_path, *(word.format(port=free_port()) for word in words))
    assert answer.returncode == code, answer.stderr
    assert said in answer.stdout + answer.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
@pytest.mark.parametrize(
    "words",
    [
        ["history", "card"],
        ["predict", "card@staging", "rows.csv", "-o", "out.csv"],
        ["promote", "card", "--to", "staging"],
        ["rollback", "card"],
        ["register", "card"],
        ["audit", "card"],
        ["select", "card"],
        ["reproduce", "card", "--here"],
        ["diff", "aaaaaaaa", "bbbbbbbb"],
        ["serve", "card"],
    ],
)
def test_asking_for_what_is_not_there_makes_nothing(words: list[str], tmp_path: Path) -> None:
    answer = call_cli(tmp_path, *words)
    assert answer.returncode in (1, 2, 3)
    assert answer.stderr.startswith("error[")
    assert list(tmp_path.iterdir()) == []
