"""The blocks of a report (texts, facts, tables), independent of where they are shown.

    a plan, a decision, a comparison ... ──► blocks ──► `terminal`, `markdown`, `cells` (CSV and JSON)

Blocks are made by pure functions and name no colours, widths or signs of any output.

Why: docs/adr/0039-a-report-is-blocks.md
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar

from runcard.report.wording import format_number

Row = TypeVar("Row")
Tone = Literal["plain", "strong", "faint", "good", "notable", "bad", "code"]
"""How words stand out from those around them; `code` has its backticks already."""


@dataclass(frozen=True, slots=True, init=False)
class Text:
    """A line of text, in which emphasised words carry a tone."""

    words: tuple[str | tuple[str, Tone], ...]

    def __init__(self, *words: str | tuple[str, Tone]) -> None:
        object.__setattr__(self, "words", words)


Line = str | Text
Cell = Line | tuple[Line, ...]
"""What stands in one field of a table: a line or several."""


@dataclass(frozen=True, slots=True)
class Facts:
    """Names, each with the text that belongs to it."""

    pairs: Sequence[tuple[str, Line]]
    title: str = ""


@dataclass(frozen=True, slots=True)
class Excerpt:
    """Lines from a file, shown unchanged; long ones are cut off at the page's width."""

    lines: Sequence[str]


@dataclass(frozen=True)
class Column(Generic[Row]):
    """A column of a table: its text for people, and its value for programs."""

    name: str
    """Its name in CSV and JSON, and its heading unless that is another one."""
    value: Callable[[Row], Any]
    """The plain value. Of a mapping CSV makes a column for each name; a tuple is for JSON only."""
    heading: str | None = None
    shown: Callable[[Row], Cell] | None = None
    """What people read; by default the value in their spelling."""
    is_number: bool = False
    folds: bool = False
    """Whether it may be broken over several lines."""
    prefix: str = ""
    """How the CSV columns of a mapping begin."""

    def cell(self, row: Row) -> Cell:
        """Give the text of a row's cell."""
        return _spelled(self.shown(row) if self.shown else self.value(row))


@dataclass(frozen=True)
class ReportTable(Generic[Row]):
    """The rows of a table, and the description of its columns."""

    columns: Sequence[Column[Row]]
    rows: Sequence[Row]
    title: str = ""
    caption: Line = ""
    seen: Sequence[str] | None = None
    """The columns that people see, in their order; None for all."""
    fewest: int | None = None
    """How many of them are there in any width, while the last ones go; None for all."""

    def to_show(self) -> list[tuple[Column[Row], list[Cell]]]:
        """Give the columns to show with their cells; columns empty in every row are left out."""
        by_name = {column.name: column for column in self.columns}
        chosen = [by_name[name] for name in self.seen] if self.seen is not None else self.columns
        found = [(column, [column.cell(row) for row in self.rows]) for column in chosen]
        return [(column, cells) for column, cells in found if any(cells) or not cells]


Block = Text | Facts | Excerpt | ReportTable[Any]


def heading_of(column: Column[Any]) -> str:
    """Give the heading of a column."""
    return column.name if column.heading is None else column.heading


def words_of(line: Line) -> Iterator[tuple[str, Tone]]:
    """Give the words of a line, each with its tone."""
    for word in (line,) if isinstance(line, str) else line.words:
        yield (word, "plain") if isinstance(word, str) else word


def plain_text(line: Line) -> str:
    """Give a line without its tones."""
    return "".join(text for text, _ in words_of(line))


def lines_of(cell: Cell) -> tuple[Line, ...]:
    """Give the lines of a cell."""
    return cell if isinstance(cell, tuple) else (cell,)


def _spelled(value: Any) -> Cell:
    if isinstance(value, Text | tuple | str):
        return value
    if value is None:
        return ""
    return format_number(value) if isinstance(value, float) else f"{value:,}" if isinstance(value, int) else str(value)
