"""What a command answers goes to standard output, and nothing else does.

Modules of the project, datasets, estimators and C libraries print where they please. While a command runs, what they
take for standard output is standard error, for this process and all that it starts.
"""

from __future__ import annotations

import codecs
import io
import json
import os
import re
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, redirect_stdout, suppress
from pathlib import Path
from typing import IO, Any

import click

from runcard.errors import MOST_SHOWN, RuncardError
from runcard.printable import printable, printable_line, shortened
from runcard.redact import redact

_STREAM = "runcard.answer"
_STDOUT, _STDERR = 1, 2
_ERRORS = "runcard.plain"
_PLAIN = {
    "±": "+-", "×": "x", "·": "-", "…": "...", "°": "o", "≤": "<=", "≥": ">=", "≠": "!=", "→": "->", "←": "<-",
    "–": "-", "—": "-", "−": "-", "“": '"', "”": '"', "‘": "'", "’": "'", "✓": "ok", "✗": "x", "•": "*",
    "─": "-", "━": "-", "│": "|", "┃": "|", "╸": "-", "╺": "-", "█": "#", "■": "#", "\N{NO-BREAK SPACE}": " ",
}  # fmt: skip


class Command(click.Command):
    """A command whose answer is all that reaches standard output."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run it."""
        with _apart() as stream:
            ctx.meta[_STREAM] = stream
            return super().invoke(ctx)


def answer(text: str, *, nl: bool = True) -> None:
    """Print the answer of the command, or a part of it, so that nothing in it acts on a terminal."""
    click.echo(printable(text), file=answers(), nl=nl)


def answer_json(value: object) -> None:
    """Print the answer as JSON, in characters that every output can hold."""
    answer_document(json.dumps(value, indent=2, default=str))


def answer_document(text: str) -> None:
    """Print JSON; as it writes them itself, none of its signs acts on a terminal."""
    click.echo(re.sub("[\x7f-\U0010ffff]", _in_json, text), file=answers())


def _in_json(found: re.Match[str]) -> str:
    return "\\u007f" if found[0] == "\x7f" else json.dumps(found[0])[1:-1]


def say(line: str) -> None:
    """Print a note to standard error, on one line and without credentials."""
    click.echo(printable_line(redact(line)), err=True)


def say_error(error: RuncardError) -> None:
    """Print an error to standard error, without credentials."""
    click.echo(redact(str(error)), err=True)


def say_all(lines: Iterable[object], *, most: int = MOST_SHOWN) -> None:
    """Print notes, a line each, of very many the first, and how many more there are."""
    notes = [str(line) for line in lines]
    for note in notes[:most]:
        say(shortened(note))
    if len(notes) > most:
        say(f"and {len(notes) - most:,} more")


def answers() -> IO[str]:
    """Give the stream that answers go to."""
    context = click.get_current_context(silent=True)
    stream: IO[str] | None = context.meta.get(_STREAM) if context else None
    return stream or sys.stdout


def prepare_streams() -> None:
    """Open what is closed, lest a file gets its number; replace what cannot be printed, instead of failing at it."""
    codecs.register_error(_ERRORS, _replaced)
    for name in ("stdin", "stdout", "stderr"):
        if getattr(sys, name) is None:
            nowhere = Path(os.devnull).open("r" if name == "stdin" else "w", encoding="utf-8")  # noqa: SIM115
            os.set_inheritable(nowhere.fileno(), True)
            setattr(sys, name, nowhere)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=_ERRORS)


def _replaced(error: UnicodeError) -> tuple[str, int]:
    """Write a character that the output cannot hold with those that it can."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    piece = error.object[error.start : error.end]
    return "".join(_PLAIN.get(sign, sign.encode("ascii", "backslashreplace").decode()) for sign in piece), error.end


@contextmanager
def _apart() -> Iterator[IO[str]]:
    """Keep standard output for ourselves; to all others standard error is lent for it."""
    before = sys.stdout
    if not _is_standard_output(before):
        with redirect_stdout(sys.stderr):
            yield before
        return
    before.flush()
    kept = os.dup(_STDOUT)
    stream = os.fdopen(
        kept, "w", encoding=before.encoding, errors=before.errors, buffering=1 if before.isatty() else -1
    )
    os.dup2(_STDERR, _STDOUT)
    try:
        with redirect_stdout(sys.stderr):
            yield stream
            stream.flush()
    finally:
        _flush_c_streams()
        os.dup2(kept, _STDOUT)
        with suppress(OSError):  # said by the flush above
            stream.close()


def _is_standard_output(stream: IO[str]) -> bool:
    """Tell it from what a test or a notebook has put in its place."""
    try:
        return stream.fileno() == _STDOUT
    except (AttributeError, OSError, ValueError):
        return False


def _flush_c_streams() -> None:
    """Have C libraries print what they hold back while standard output is not yet standard output again."""
    import ctypes

    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).fflush(None)
