"""Where the command line prints: results to standard output, all else to standard error."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.text import Text

from runcard.cli.answer import answers
from runcard.printable import printable
from runcard.report.blocks import Block
from runcard.report.terminal import InTerminal

_FILE_WIDTH = 160


class PlainConsole(Console):
    """Shows texts as they are: what is in a name is neither markup nor a smiley, and does nothing to a terminal."""

    def render_str(self, text: str, **how: Any) -> Text:
        """Make a text of a string."""
        return super().render_str(printable(text), **{**how, "markup": False, "emoji": False})

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Render what is printed; nothing that is in it gets past here to act on the terminal."""
        for segment in super().render(renderable, options):
            text = segment.text if segment.control else printable(segment.text)
            yield segment if text == segment.text else Segment(text, segment.style)

    def on_broken_pipe(self) -> None:
        """Go on without progress that nobody reads; an answer that nobody reads is the end."""
        if not self.stderr:
            raise BrokenPipeError
        self.quiet = True


def results_console() -> Console:
    """Make the console for results: as wide as the terminal, or as tables want in a file or a pipe."""
    stream = answers()
    return PlainConsole(file=stream, highlight=False, width=None if stream.isatty() else _FILE_WIDTH)


def show(*blocks: Block) -> None:
    """Print a report to standard output."""
    results_console().print(InTerminal(*blocks))


def progress_console() -> Console:
    """Make the console for progress and notes."""
    return PlainConsole(stderr=True, highlight=False, soft_wrap=not sys.stderr.isatty())
