"""One error for whatever prevents writing to the journal: a full disk, a lock, missing permissions."""

from __future__ import annotations

import errno
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from runcard import errors

_CLOSED = {errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO, errno.ENOTDIR}


@contextmanager
def naming_trouble(home: Path) -> Iterator[None]:
    """Convert system errors about files in the project's `.runcard` folder into one error.

    Raises
    ------
    JournalUnusable
    """
    try:
        yield
    except OSError as error:
        if (errors.is_disk_full(error) or error.errno in _CLOSED) and _is_below(home, error.filename):
            raise unusable(home, error) from error
        raise


def unusable(path: Path, error: OSError | sqlite3.Error) -> errors.JournalUnusable:
    """Make the error that says why the journal cannot be used, and what to do about it."""
    text = str(error)
    if isinstance(error, OSError):
        path, text = Path(error.filename or path), error.strerror or text
    return errors.JournalUnusable("the journal cannot be used", where=str(path), why=text, hint=_hint(path, error))


def _hint(path: Path, error: OSError | sqlite3.Error) -> str:
    text = str(error)
    if "locked" in text:
        return "another program holds the file: close it and run again; what is done is kept"
    if errors.is_disk_full(error) or "full" in text or "disk I/O" in text:
        return "free some space and run again; what is done is kept"
    if "malformed" in text or "not a database" in text:
        return f"the file is damaged: move {path.name} away or restore it, and run again"
    return "see that the folder can be written to"


def _is_below(home: Path, name: object) -> bool:
    """Tell whether an error concerns the journal, by its file name; one without a file name does."""
    return name is None or Path(str(name)).is_relative_to(home)
