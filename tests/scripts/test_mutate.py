"""Changes made on purpose: which there are, that the same are chosen again, and that those left out still stand."""

from __future__ import annotations

import ast
import sys
import tomllib
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "scripts"))

from mutate import EQUIVALENT, PACKAGE, ROOT, changes_in, choose, mirror_of

SAMPLE = '''
"""A text with 1 == 2."""

from dataclasses import dataclass

@dataclass(frozen=True)
class Füße:
    size: tuple[int, ...] = (3,)

def walk(a: int, b: bool = True) -> int | None:
    if not a < 3 and b:
        raise ValueError(f"{a == 1} ü")
    flush(a, key=b)
    "ü" in a
    return f(a, -1) if a is b else g(b)
'''
EXPECTED = {
    ("off by one", "size: tuple[int, ...] = (3,)", "size: tuple[int, ...] = (4,)"),
    ("constant", "def walk(a: int, b: bool = True) -> int | None:", "def walk(a: int, b: bool = False) -> int | None:"),
    ("and/or", "if not a < 3 and b:", "if (not a < 3 or b):"),
    ("sign", "if not a < 3 and b:", "if (a < 3) and b:"),
    ("comparison", "if not a < 3 and b:", "if not a <= 3 and b:"),
    ("off by one", "if not a < 3 and b:", "if not a < 4 and b:"),
    ("raise", 'raise ValueError(f"{a == 1} ü")', "pass"),
    ("call", "flush(a, key=b)", "pass"),
    ("comparison", '"ü" in a', "'ü' not in a"),
    ("branches", "return f(a, -1) if a is b else g(b)", "return (g(b) if a is b else f(a, -1))"),
    ("arguments", "return f(a, -1) if a is b else g(b)", "return f(-1, a) if a is b else g(b)"),
    ("sign", "return f(a, -1) if a is b else g(b)", "return f(a, (1)) if a is b else g(b)"),
    ("off by one", "return f(a, -1) if a is b else g(b)", "return f(a, -2) if a is b else g(b)"),
    ("comparison", "return f(a, -1) if a is b else g(b)", "return f(a, -1) if a is not b else g(b)"),
}


def test_what_is_changed_and_what_is_left() -> None:
    """Annotations, decorators, texts and what stands in f-strings are left; letters of two bytes shift nothing."""
    found = changes_in(Path("sample.py"), SAMPLE)
    assert {(change.kind, *change.lines(SAMPLE)) for change in found} == EXPECTED
    assert len(found) == len(EXPECTED)
    for change in found:
        ast.parse(change.apply(SAMPLE))


def test_the_same_are_chosen_again_each_kind_in_turn() -> None:
    changes = changes_in(Path("sample.py"), SAMPLE)
    chosen = choose(changes, 9, seed=1)
    assert choose(changes, 9, seed=1) == chosen
    assert len({change.kind for change in chosen}) == 9
    assert len({choose(changes, 14, seed=seed)[0].line for seed in range(20)} | {0}) > 1
    assert len(choose(changes, 99, seed=0)) == len(changes)


@pytest.mark.parametrize(
    ("place", "tests"),
    [
        ("journal", ["tests/journal"]),
        ("stats.py", ["tests/test_stats.py"]),
        ("journal/book.py", ["tests/journal/test_book.py"]),
        ("journal/trouble.py", ["tests/journal/test_trouble.py"]),
        ("audit/finding.py", ["tests/audit"]),
    ],
)
def test_tests_mirror_the_source(place: str, tests: list[str]) -> None:
    assert mirror_of(place) == tests


def test_what_is_listed_as_making_no_difference_still_stands_in_the_source() -> None:
    listed = tomllib.loads(EQUIVALENT.read_text(encoding="utf-8"))["equivalent"]
    assert all(each["reason"] for each in listed)
    for each in listed:
        text = (ROOT / PACKAGE / each["file"]).read_text(encoding="utf-8")
        found = {change.lines(text) for change in changes_in(Path(each["file"]), text)}
        assert (each["was"], each["now"]) in found, each
