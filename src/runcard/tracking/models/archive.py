"""The zip archive of a model in skops format: copied member by member, within bounds, before it is read.

What is loaded is the copy, and its schema is written anew from what was parsed: there is one reading of it.
"""

from __future__ import annotations

import io
import json
import re
import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

SCHEMA = "schema.json"
MAX_SCHEMA = 256 << 20
MAX_RATIO = 200
"""What comes out of an archive, to its size; runcard's own come to 230 where all of a model is zeros."""
NEVER_A_BOMB = 256 << 20
"""Bytes of which no ratio is asked."""
_MEMBER = re.compile(r"schema\.json|[0-9]{1,20}\.np[yz]|[0-9a-f-]{36}\.bin")
_CHUNK = 1 << 20

BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError, LookupError, OSError)
"""What reading such an archive raises."""


@contextmanager
def open_copy(path: Path) -> Iterator[tuple[IO[bytes], Any]]:
    """Copy an archive into an anonymous file; return the file and the parsed schema.

    Raises
    ------
    ValueError and others of `BROKEN`
        It is no archive as skops writes it, or beyond the bounds.
    """
    with tempfile.TemporaryFile(prefix="runcard-model-") as copy:
        schema = _copy(path, copy)
        copy.seek(0)
        yield copy, schema


def check_inner(copy: IO[bytes], names: tuple[str, ...]) -> None:
    """Check the members of a copy that its schema names: each once, and nested archives within bounds.

    Raises
    ------
    ValueError and others of `BROKEN`
    """
    if len(set(names)) != len(names):
        raise ValueError("it reads one of its files again and again")
    with zipfile.ZipFile(copy) as archive:
        for name in names:
            size = archive.getinfo(name).file_size
            if name.endswith(".npz"):
                with archive.open(name) as member, zipfile.ZipFile(member) as inner:
                    _check_size(inner.infolist(), size)
    copy.seek(0)


def _copy(path: Path, copy: IO[bytes]) -> Any:
    schema = b""
    with zipfile.ZipFile(path) as archive, zipfile.ZipFile(copy, "w") as kept:
        members = archive.infolist()
        if len({member.filename for member in members}) != len(members):
            raise ValueError("it holds two files of one name")
        # Reading a member ends at the size that is declared, and what was read up to there must have its checksum.
        _check_size(members, path.stat().st_size)
        for member in members:
            if not _MEMBER.fullmatch(member.filename):
                raise ValueError(f"it holds a file {member.filename[:80]!r}, and skops writes none such")
            if member.filename == SCHEMA:
                schema = _read(archive, member)
                continue
            with archive.open(member) as source, kept.open(member.filename, "w", force_zip64=True) as target:
                shutil.copyfileobj(source, target, _CHUNK)
        found = json.loads(schema)
        kept.writestr(SCHEMA, json.dumps(found))
    return found


def _read(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    if member.file_size > MAX_SCHEMA:
        raise ValueError("its schema is longer than that of any model")
    with archive.open(member) as source, io.BytesIO() as content:
        shutil.copyfileobj(source, content, _CHUNK)
        return content.getvalue()


def _check_size(members: Sequence[zipfile.ZipInfo], size: int) -> None:
    n_bytes = sum(member.file_size for member in members)
    if n_bytes > max(MAX_RATIO * size, NEVER_A_BOMB):
        raise ValueError(f"its {size:,} bytes would decompress to {n_bytes:,}")
