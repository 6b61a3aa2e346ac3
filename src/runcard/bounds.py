"""How much of anything is read: generous for what people and runs make, and an end to what they do not.

A card and a sweep have bounds of their own (`yaml.py`), and so has the text of a table (`data/`): a line, and what gzip
may unpack to.
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
"""So long a server may take to say anything before what it says must come at `LEAST_PACE`."""
LEAST_PACE = 10_000
"""Bytes a second of an answer: the slowest of lines are faster, and whoever holds a client up is not."""
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
    """Tell how much memory the machine has; None where the system does not say."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return None


def special_file_kind(mode: int) -> str | None:
    """Say what something is that is no file, by its mode; None if it is one."""
    return next((words for is_of, words in _KINDS if is_of(mode)), None)


@contextmanager
def open_file(path: Path) -> Iterator[BinaryIO]:
    """Open a file for reading; what is no file, such as a pipe, is refused instead of being waited for.

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
    """Read a file that may have so many bytes.

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
    """Unpack gzip that may have so many bytes.

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
