"""Guesses at what a path or text is when it is not what was expected."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from runcard.bounds import special_file_kind
from runcard.data.textfile import RaggedRow, first_lines

_OTHERS = (";", "\t", "|")
_SHOWN = 60
_DECIMAL_COMMA = re.compile(r"\s*[+-]?\d+,\d+\s*")
_MONEY = r"[€$£¥₹₽]|[A-Z]{3}"
_NUMBER = r"[+-]?\s*[\d.,' \u00a0\u202f]*\d"
_FORMS = {
    "percentages": re.compile(rf"{_NUMBER}\s*%"),
    "amounts of money": re.compile(rf"[+-]?(?:{_MONEY})\s*{_NUMBER}|{_NUMBER}\s*(?:{_MONEY})"),
    "numbers with separators of thousands": re.compile(r"[+-]?\d{1,3}(?:[,' \u00a0\u202f]\d{3})+(?:\.\d+)?"),
    "numbers with a decimal comma": re.compile(r"[+-]?(?:\d{1,3}(?:\.\d{3})+|\d+),\d+"),
    "dates": re.compile(r"\d{1,4}[/.-]\d{1,2}[/.-]\d{1,4}(?:[ T]\d{1,2}:\d{2}.*)?"),
}
_READ = {
    "percentages": 'frame["{0}"].str.rstrip("% ").astype(float) / 100',
    "amounts of money": 'frame["{0}"].str.replace(r"[^0-9.-]", "", regex=True).astype(float)',
    "numbers with separators of thousands": 'pandas.read_csv(..., thousands=",")',
    "numbers with a decimal comma": 'pandas.read_csv(..., decimal=",")',
    "dates": 'pandas.to_datetime(frame["{0}"], dayfirst=...)',
}


@dataclass(frozen=True, slots=True)
class Looked:
    """How the values of a file's lines seem to be separated."""

    separator: str
    has_decimal_commas: bool
    header: str
    """Its first characters."""


@dataclass(frozen=True, slots=True)
class Comment:
    """A line that seems to be a comment."""

    line: int
    text: str


def what_it_is(path: Path) -> str | None:
    """Name what a path is if it is no regular file; None if it is one, or does not exist."""
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError):
        return "a link that leads in a circle" if _is_loop(path) else None
    return special_file_kind(mode)


def other_separator(names: Sequence[str], path: Path) -> Looked | None:
    """Find what separates the values of a file whose header seems to be one name."""
    if len(names) != 1:
        return None
    header, *lines = [*first_lines(path, 5), ""]
    found = max(_OTHERS, key=header.count)
    rows = [line for line in lines if line.strip()]
    if not header.count(found) or any(row.count(found) != header.count(found) for row in rows):
        return None
    has_commas = any(_DECIMAL_COMMA.fullmatch(value) for row in rows for value in row.split(found))
    return Looked(found, has_commas, header if len(header) <= _SHOWN else header[:_SHOWN] + "...")


def find_comment(path: Path, row: RaggedRow) -> Comment | None:
    """Tell whether a row does not fit because it, or the line read as header, is a comment."""
    first = next(iter(first_lines(path, 1)), "")
    for line, text in ((1, first), (row.line, row.text)):
        if text.lstrip().startswith(("#", "//", "%")):
            return Comment(line, text if len(text) <= _SHOWN else text[:_SHOWN] + "...")
    return None


def form_of(words: Iterable[str]) -> str | None:
    """Name the form of texts, such as dates, if all of them have the same."""
    texts = [word.strip() for word in words]
    return next((form for form, pattern in _FORMS.items() if texts and all(map(pattern.fullmatch, texts))), None)


def reading_of(form: str, column: str) -> str:
    """Give the pandas call that converts such texts to numbers or dates."""
    return _READ[form].format(column)


def _is_loop(path: Path) -> bool:
    import errno

    try:
        path.stat()
    except OSError as error:
        return error.errno == errno.ELOOP
    except ValueError:
        pass
    return False
