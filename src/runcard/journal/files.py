"""Files kept beside the journal: written to a draft folder, flushed to disk, then moved into place at once."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from runcard import errors
from runcard.durable import flush_folder

FOLDER = "files"


def file_folder(home: Path, record_id: str) -> Path:
    """Give the folder of a record's files."""
    return home / FOLDER / record_id


@contextmanager
def stage_files(home: Path, record_id: str) -> Iterator[tuple[Path, dict[str, tuple[str, int]]]]:
    """Give a folder to write to; on exit it becomes the record's folder, and the manifest is filled in.

    The manifest maps each file's name, with slashes, to its sha256 and size in bytes.
    """
    final = file_folder(home, record_id)
    aside = final.with_name(f"{record_id}.part")
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir(parents=True)
    manifest: dict[str, tuple[str, int]] = {}
    try:
        yield aside, manifest
        for path in _files_in(aside):
            manifest[path.relative_to(aside).as_posix()] = _flush(path)
        aside.rename(final)
        flush_folder(final.parent)
    except BaseException:
        shutil.rmtree(aside, ignore_errors=True)
        raise


def check_files(home: Path, record_id: str, manifest: Mapping[str, tuple[str, int]]) -> Path:
    """Give the folder of a record's files after checking each file against the manifest.

    Raises
    ------
    FileDamaged
        A file is missing or not what was written.
    """
    folder = file_folder(home, record_id)
    for name, (sha256, _) in manifest.items():
        path = folder / name
        if not path.is_file() or _digest(path) != sha256:
            raise errors.FileDamaged(
                f"a kept file is {'damaged' if path.is_file() else 'missing'}",
                where=str(path),
                why="its content is not what was written",
                hint="run the card with `--fresh` to make it again",
            )
    return folder


def _files_in(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _flush(path: Path) -> tuple[str, int]:
    with path.open("rb+") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        os.fsync(file.fileno())
        return digest, path.stat().st_size
