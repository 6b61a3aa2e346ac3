"""Cells of CSV files that a spreadsheet will open."""

from __future__ import annotations

import re

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""What a spreadsheet takes for the beginning of a formula."""
_TO_QUOTE = re.compile(r'[,"\r\n]')


def neutral(value: object) -> object:
    """Give a CSV cell that no spreadsheet takes for a formula; numbers stay numbers."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if not isinstance(value, str) or not value.startswith(_FORMULA) or _is_number(value):
        return value
    return f"'{value}"


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
