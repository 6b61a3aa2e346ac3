"""Cells of CSV files that a spreadsheet will open."""

from __future__ import annotations

import re

from runcard.printable import printable

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""What a spreadsheet takes for the beginning of a formula."""
_TO_QUOTE = re.compile(r'[,"\r\n]')


def neutral(value: object) -> object:
    """Give a CSV cell that no spreadsheet takes for a formula and no terminal obeys; numbers stay numbers."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if not isinstance(value, str):
        return value
    is_formula = value.startswith(_FORMULA) and not _is_number(value)
    return f"'{printable(value)}" if is_formula else printable(value)


def csv_cell(value: object) -> str:
    """Write a CSV cell, quoted where it must be."""
    if isinstance(value, float):
        return repr(value)
    text = str(neutral(value))
    # The writer of the standard library leaves a lone carriage return unquoted, at which readers end the line.
    return '"' + text.replace('"', '""') + '"' if _TO_QUOTE.search(text) else text


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return text == text.strip()
