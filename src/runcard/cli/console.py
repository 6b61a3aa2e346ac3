"""Where the command line prints: results to standard output, all else to standard error."""

from __future__ import annotations

import sys

from rich.console import Console

_FILE_WIDTH = 160


def results_console() -> Console:
    """Make the console for results: as wide as the terminal, or as tables want in a file or a pipe."""
    return Console(highlight=False, width=None if sys.stdout.isatty() else _FILE_WIDTH)


def progress_console() -> Console:
    """Make the console for progress and notes."""
    return Console(stderr=True, highlight=False, soft_wrap=not sys.stderr.isatty())


def say(line: str) -> None:
    """Print a note to standard error, without credentials."""
    import click

    from runcard.redact import redact

    click.echo(redact(line), err=True)
