"""The entry of a locked name: its content by fingerprint, the source of the content, when and why."""

from __future__ import annotations

import hashlib
import json
import os
import posixpath
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from runcard.data.fingerprint import Fingerprint

DATASET = "dataset:"
SHORT = 16
"""Digits of a column's digest that are kept: enough to tell columns apart; the table's digest stays whole."""

_BLOCK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class FileContent:
    """Size and hash of a file's bytes."""

    n_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class DvcVersion:
    """The hash by which DVC knows a content."""

    md5: str
    """Of the file; of its folder, with `.dir` behind it, where the folder is what DVC tracks."""
    revision: str = ""
    """The git commit that brought it; empty while the `.dvc` file is not committed."""


@dataclass(frozen=True, slots=True)
class Locked:
    """A dataset's name or path as it is read, with the content it stands for."""

    name: str
    source: str
    """A path below the project's root, an absolute path, or `dataset:iris_v1`."""
    content: Fingerprint
    """The digests of its columns are shortened to `SHORT` digits."""
    locked: datetime
    """UTC, whole seconds."""
    na_values: tuple[str, ...] = ()
    """What is read as missing besides the empty text; sorted."""
    function: str = ""
    """What makes it, where a function does."""
    file: FileContent | None = None
    dvc: DvcVersion | None = None
    reason: str = ""
    """Why it was updated."""

    @property
    def is_file(self) -> bool:
        """Whether it is the content of a file."""
        return not self.source.startswith(DATASET)


def lock_content(
    source: str,
    content: Fingerprint,
    *,
    na_values: Sequence[str] = (),
    function: str = "",
    file: FileContent | None = None,
    dvc: DvcVersion | None = None,
    reason: str = "",
) -> Locked:
    """Make the entry of a content as it is now."""
    values = tuple(sorted(set(na_values)))
    short = replace(content, columns=tuple(part._replace(digest=part.digest[:SHORT]) for part in content.columns))
    now = datetime.now(UTC).replace(microsecond=0)
    return Locked(locked_name(source, values), tidy(source), short, now, values, function, file, dvc, reason)


def locked_name(source: str, na_values: Sequence[str] = ()) -> str:
    """Name a source with how it is read: a file read with other `na_values` is another table."""
    if source.startswith(DATASET):
        return source.removeprefix(DATASET)
    shown = ", ".join(value if _is_plain(value) else json.dumps(value) for value in sorted(set(na_values)))
    return f"{tidy(source)} (na_values: {shown})" if shown else tidy(source)


def tidy(source: str) -> str:
    """Normalise a path to the form that is locked: `data/../x.csv` is `x.csv`."""
    return source if source.startswith(DATASET) else posixpath.normpath(source)


def as_dict(locked: Locked) -> dict[str, Any]:
    """Write an entry as plain JSON."""
    dvc = locked.dvc
    return {
        "name": locked.name,
        "source": locked.source,
        "fingerprint": locked.content.digest,
        "n_rows": locked.content.n_rows,
        "columns": {column.name: column.type for column in locked.content.columns},
        "na_values": list(locked.na_values),
        "function": locked.function or None,
        "n_bytes": locked.file and locked.file.n_bytes,
        "sha256": locked.file and locked.file.sha256,
        "dvc": dvc and {"md5": dvc.md5, "revision": dvc.revision or None},
        "locked": locked.locked.isoformat(),
        "reason": locked.reason or None,
    }


def read_bytes(path: Path) -> FileContent:
    """Count and hash a file's bytes."""
    with path.open("rb") as file:
        hashed = hashlib.file_digest(file, "sha256")
        return FileContent(file.tell(), hashed.hexdigest())


def copy_bytes(source: Path, target: Path) -> FileContent:
    """Copy a file and flush it to disk, counting and hashing its bytes on the way."""
    hashed = hashlib.sha256()
    n_bytes = 0
    with source.open("rb") as read, target.open("wb") as written:
        while block := read.read(_BLOCK_BYTES):
            hashed.update(block)
            n_bytes += written.write(block)
        written.flush()
        os.fsync(written.fileno())
    return FileContent(n_bytes, hashed.hexdigest())


def _is_plain(text: str) -> bool:
    return text.isprintable() and text == text.strip() != "" and not set(text) & set(',()"')
