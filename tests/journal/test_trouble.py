"""A journal that cannot be used says what to do, by what the system says."""

from __future__ import annotations

import errno
import sqlite3
from pathlib import Path

import pytest

from runcard import errors
from runcard.journal.trouble import naming_trouble, unusable

FULL = "free some space and run again; what is done is kept"


@pytest.mark.parametrize(
    ("error", "hint"),
    [
        (sqlite3.OperationalError("database is locked"), "another program holds the file"),
        (sqlite3.OperationalError("database or disk is full"), FULL),
        (sqlite3.OperationalError("disk I/O error"), FULL),
        (OSError(errno.ENOSPC, "No space left on device"), FULL),
        (OSError(errno.EDQUOT, "Disk quota exceeded"), FULL),
        (sqlite3.DatabaseError("database disk image is malformed"), "the file is damaged: move journal.db away"),
        (sqlite3.DatabaseError("file is not a database"), "the file is damaged: move journal.db away"),
        (PermissionError(errno.EACCES, "Permission denied"), "see that the folder can be written to"),
    ],
)
def test_the_hint_is_for_what_is_wrong(error: OSError | sqlite3.Error, hint: str) -> None:
    found = unusable(Path("home/journal.db"), error)
    assert found.hint.startswith(hint)
    assert found.where == "home/journal.db"


@pytest.mark.parametrize(
    ("code", "name", "is_the_journals"),
    [
        (errno.ENOSPC, "home/files/a", True),
        (errno.ENOSPC, None, True),
        (errno.ENOSPC, "elsewhere/a", False),
        (errno.ENOENT, "home/files/a", False),
    ],
)
def test_only_trouble_with_the_journals_own_files_is_named_so(
    code: int, name: str | None, is_the_journals: bool
) -> None:
    with pytest.raises((errors.JournalUnusable, OSError)) as caught, naming_trouble(Path("home")):
        raise OSError(code, "no", name)
    assert isinstance(caught.value, errors.JournalUnusable) is is_the_journals
