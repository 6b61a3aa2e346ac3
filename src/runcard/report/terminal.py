"""Rendering of report blocks for a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.table import Table as Grid
from rich.text import Text as Words

from runcard.printable import printable_line
from runcard.report.blocks import (
    Block,
    Cell,
    Column,
    Excerpt,
    Facts,
    Line,
    ReportTable,
    Text,
    Tone,
    heading_of,
    lines_of,
    words_of,
)

_STYLES: dict[Tone, str] = {"strong": "bold", "faint": "dim", "good": "green", "notable": "yellow", "bad": "bold red"}
_GAP = 2


class InTerminal:
    """Blocks that rich prints in the available width, with no markup in texts."""

    def __init__(self, *blocks: Block) -> None:
        self._blocks = blocks

    def __rich_console__(self, _: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        """Give rich the renderables."""
        for block in self._blocks:
            yield from _drawn(block, options.max_width)


def _drawn(block: Block, width: int) -> Iterator[RenderableType]:
    if isinstance(block, Facts | ReportTable) and block.title:
        yield _line(Text((block.title, "strong")))
    if isinstance(block, ReportTable):
        yield _table(block, width)
        if block.caption:
            yield _line(block.caption)
    elif isinstance(block, Facts):
        yield _facts(block)
    elif isinstance(block, Excerpt):
        for line in block.lines:
            yield Words(printable_line(line.expandtabs(4)), style="dim", overflow="ellipsis", no_wrap=True)
    else:
        yield _line(block)


def _line(line: Line) -> Words:
    return Words.assemble(*((printable_line(text), _STYLES.get(tone, "")) for text, tone in words_of(line)))


def _cell(cell: Cell) -> Words:
    return Words("\n").join(_line(line) for line in lines_of(cell))


def _facts(facts: Facts) -> Grid:
    grid = Grid.grid(padding=(0, _GAP))
    grid.add_column(style="bold", no_wrap=True)
    grid.add_column(overflow="fold")
    for name, said in facts.pairs:
        grid.add_row(_line(name), _line(said))
    return grid


def _table(table: ReportTable[Any], width: int) -> Grid:
    grid = Grid(header_style="bold", box=None, pad_edge=False, padding=(0, _GAP, 0, 0), collapse_padding=True)
    columns = [(column, [_cell(cell) for cell in cells]) for column, cells in table.to_show()]
    widths = [_least_width(column, cells) for column, cells in columns]
    n_shown = len(columns)
    while table.fewest is not None and n_shown > table.fewest and sum(widths[:n_shown]) + _GAP * (n_shown - 1) > width:
        n_shown -= 1
    for (column, _), least in list(zip(columns, widths, strict=True))[:n_shown]:
        grid.add_column(
            _line(heading_of(column)),
            justify="right" if column.is_number else "left",
            no_wrap=not column.folds,
            min_width=None if table.fewest is None else least,
            overflow="fold",
        )
    for row in zip(*(cells for _, cells in columns[:n_shown]), strict=True):
        grid.add_row(*row)
    return grid


def _least_width(column: Column[Any], cells: list[Words]) -> int:
    """Give the least width in which numbers and names stay whole; text that may wrap counts by its words."""
    lines = [heading_of(column), *(line for cell in cells for line in cell.plain.split("\n"))]
    return max(len(word) for line in lines for word in (line.split(" ") if column.folds else [line]))
