"""A report as a terminal shows it."""

import io
from collections.abc import Iterable

from rich.console import Console

from runcard.report.blocks import Block
from runcard.report.terminal import InTerminal


def shown(blocks: Iterable[Block], *, width: int = 80) -> list[str]:
    """Print blocks and give the lines, without spaces at their ends."""
    file = io.StringIO()
    Console(width=width, file=file, highlight=False).print(InTerminal(*blocks))
    return [line.rstrip() for line in file.getvalue().splitlines()]
