"""Upper bounds on what is read: far above what people and runs produce, so that no input is read without end.

A card and a sweep have bounds of their own (`yaml.py`), and so has the text of a table (`data/`): a line, and what gzip
may unpack to.

Why: docs/adr/0037-bounds.md
"""

from __future__ import annotations

import errno
import os
import stat
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

MOST_TEXT_BYTES = 64_000_000
"""Of a file that says what something is: `pyproject.toml`, `runcard.lock`, `X.dvc`, `MLmodel`. With 26,000 columns one
has some megabytes."""
MOST_RECORD_BYTES = 2_000_000_000
"""Of what is read at once of what a run kept of itself: predictions of some ten million rows, all sources, a patch. It
is held in memory."""
MOST_MODEL_BYTES = 50_000_000_000
"""Of all files of a model, or of any one file of a run: more than a machine that trains it has memory for."""
MOST_FILES = 20_000
"""Of a model, with the project's code in it, or of the sources of a run."""
MOST_ANSWER_BYTES = 256_000_000
"""Of one answer of a tracking server; a page of a thousand runs has some ten megabytes."""
SILENT_SECONDS = 30.0
"""How long a server may take before its answer must arrive at `LEAST_PACE` at least."""
LEAST_PACE = 10_000
"""The least bytes per second of an answer: any real connection is faster, a server that stalls its client is not."""
MOST_PAGES = 10_000
"""Of one list of a server, a thousand entries each."""
LEAST_FILES = 64
"""So many files a command may have open at the least: journal, log, pipes to workers, git, MLflow's database."""

_KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a pipe (FIFO)"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)
_AT_ONCE = getattr(os, "O_NONBLOCK", 0)


def memory_bytes() -> int | None:
    """Give the size of the machine's memory; None where the system does not tell."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return None


def special_file_kind(mode: int) -> str | None:
    """Name the kind of a special file (a pipe, a device) by its mode; None for a regular file."""
    return next((words for is_of, words in _KINDS if is_of(mode)), None)


@contextmanager
def open_file(path: Path) -> Iterator[BinaryIO]:
    """Open a regular file for reading; a pipe or device is refused instead of being waited for.

    Raises
    ------
    OSError
    """
    handle = os.open(path, os.O_RDONLY | _AT_ONCE | os.O_CLOEXEC)
    if kind := special_file_kind(os.fstat(handle).st_mode):
        os.close(handle)
        raise OSError(errno.EINVAL, f"it is {kind}", str(path))
    with os.fdopen(handle, "rb") as file:
        yield file


def read_bounded(path: Path, most: int = MOST_TEXT_BYTES) -> bytes:
    """Read a file of at most a given number of bytes.

    Raises
    ------
    OSError
        It has more, or is no file.
    """
    with open_file(path) as file:
        content = file.read(most + 1)
    if len(content) > most:
        raise OSError(errno.EINVAL, f"it is larger than {most:,} bytes", str(path))
    return content


def unzipped(packed: bytes, most: int = MOST_RECORD_BYTES) -> bytes:
    """Decompress gzip data to at most a given number of bytes.

    Raises
    ------
    OSError
        It has more.
    zlib.error, EOFError
        It is no gzip, or cut off.
    """
    unpacking = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    content = unpacking.decompress(packed, most + 1)
    if len(content) > most:
        raise OSError(errno.EINVAL, f"it unpacks to more than {most:,} bytes")
    if not unpacking.eof:
        raise EOFError("it is cut off")
    return content
