"""Rendering of report blocks as Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from runcard.printable import in_markdown, printable_line
from runcard.report.blocks import (
    Block,
    Cell,
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

_FIRST = re.compile(r"^(\d*)([-+#>=.)])")
"""What would make a paragraph a heading, a list or a quotation."""


def as_markdown(blocks: Sequence[Block]) -> str:
    """Write blocks one below the other, with Markdown's special characters in names escaped."""
    texts = (text for block in blocks for text in _paragraphs(block))
    return "\n\n".join(text for text in texts if text) + "\n"


def _paragraphs(block: Block) -> Iterator[str]:
    if isinstance(block, Text):
        yield _paragraph(block)
    elif isinstance(block, Excerpt):
        yield _fenced([printable_line(line) for line in block.lines])
    elif isinstance(block, Facts):
        yield _paragraph(block.title)
        yield "\n".join(f"- **{in_markdown(name)}**: {_line(said)}" for name, said in block.pairs)
    else:
        yield from (_paragraph(block.title), _pipe_table(block), _paragraph(block.caption))


def _fenced(lines: Sequence[str]) -> str:
    longest = max((len(run) for line in lines for run in re.findall("`+", line)), default=0)
    fence = "`" * max(3, longest + 1)
    return "\n".join([fence, *lines, fence])


def _pipe_table(table: ReportTable[Any]) -> str:
    columns = table.to_show()
    lines = [[in_markdown(heading_of(column)) for column, _ in columns]]
    lines.append(["---:" if column.is_number else "---" for column, _ in columns])
    lines += [[_cell(cell) for cell in row] for row in zip(*(cells for _, cells in columns), strict=True)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(cell: Cell) -> str:
    return "<br>".join(_line(line) for line in lines_of(cell))


def _paragraph(line: Line) -> str:
    return _FIRST.sub(r"\1\\\2", _line(line))


def _line(line: Line) -> str:
    return "".join(_marked(text, tone) for text, tone in words_of(line))


def _marked(text: str, tone: Tone) -> str:
    if tone == "code":
        return f"`{printable_line(text.replace('`', ''))}`"
    return in_markdown(text) if tone in ("plain", "faint") else f"**{in_markdown(text)}**"
