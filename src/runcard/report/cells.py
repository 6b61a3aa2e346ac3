"""Tables as CSV that is safe to open in a spreadsheet, and as plain values for JSON."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from runcard.printable import printable
from runcard.report.blocks import ReportTable

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""What a spreadsheet takes for the beginning of a formula."""
_TO_QUOTE = re.compile(r'[,"\r\n]')


def as_records(table: ReportTable[Any]) -> list[dict[str, Any]]:
    """Give each row as plain values by column name."""
    return [{column.name: column.value(row) for column in table.columns} for row in table.rows]


def as_csv(table: ReportTable[Any]) -> str:
    """Write all columns of all rows, with every digit."""
    if not table.rows:
        return ""
    names, columns = zip(*_csv_columns(table), strict=True)
    lines = [names, *zip(*columns, strict=True)]
    return "".join(",".join(map(csv_cell, line)) + "\n" for line in lines)


def _csv_columns(table: ReportTable[Any]) -> Iterator[tuple[str, list[Any]]]:
    for column in table.columns:
        values = [column.value(row) for row in table.rows]
        if isinstance(values[0], Mapping):
            for name in dict.fromkeys(name for value in values for name in value):
                yield f"{column.prefix}{name}", [value.get(name) for value in values]
        elif not isinstance(values[0], tuple):
            yield column.name, values


def neutral(value: object) -> object:
    """Neutralise a CSV cell, so that no spreadsheet runs it and no terminal obeys it; numbers stay numbers."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if not isinstance(value, str):
        return value
    is_formula = value.startswith(_FORMULA) and not _is_number(value)
    return f"'{printable(value)}" if is_formula else printable(value)


def csv_cell(value: object) -> str:
    """Write a CSV cell, quoted where necessary."""
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
