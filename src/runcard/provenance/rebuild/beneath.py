"""File access confined to a folder: no symbolic link on the way is followed, whoever made it."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath
from typing import BinaryIO

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW


def write_beneath(top: Path, name: str, content: bytes, *, mode: int = 0o644) -> None:
    """Write a new file below a folder, creating the folders on the way.

    Raises
    ------
    OSError
        It is there already, or a link or a file is on the way.
    """
    with _folder_of(top, name) as (folder, last), os.fdopen(os.open(last, _NEW, mode, dir_fd=folder), "wb") as file:
        file.write(content)
        os.fchmod(file.fileno(), mode)  # whatever the umask


def link_beneath(top: Path, name: str, target: bytes) -> None:
    """Make a new link below a folder, without checking its target. Raises as `write_beneath`."""
    with _folder_of(top, name) as (folder, last):
        os.symlink(os.fsdecode(target), last, dir_fd=folder)


def folder_beneath(top: Path, name: str) -> Path:
    """Make or find a folder below another one, and return its path. Raises as `write_beneath`."""
    with _folder_of(top, f"{name}/within"):
        return top / name


def read_beneath(top: Path, name: str, *, most_bytes: int) -> bytes:
    """Read a file below a folder that others can write to; not a link, pipe or device. Raises as `write_beneath`."""
    with _folder_of(top, name) as (folder, last):
        handle = os.open(last, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
        with os.fdopen(handle, "rb") as file:
            about = os.fstat(file.fileno())
            if not stat.S_ISREG(about.st_mode) or about.st_size > most_bytes:
                raise PermissionError(f"{name} is no file, or too large")
            return file.read(most_bytes)


def copy_beneath(source: Path, top: Path, name: str) -> None:
    """Copy a file to a new one below a folder. Raises as `write_beneath`."""
    with (
        source.open("rb") as content,
        _folder_of(top, name) as (folder, last),
        os.fdopen(os.open(last, _NEW, 0o644, dir_fd=folder), "wb") as file,
    ):
        shutil.copyfileobj(content, file, 1 << 20)


@contextmanager
def edit_beneath(top: Path, name: str) -> Iterator[BinaryIO]:
    """Open an existing file below a folder for reading and writing. Raises as `write_beneath`."""
    with _folder_of(top, name) as (folder, last):
        handle = os.open(last, os.O_RDWR | os.O_NOFOLLOW, dir_fd=folder)
        with os.fdopen(handle, "r+b") as file:
            yield file


@contextmanager
def _folder_of(top: Path, name: str) -> Iterator[tuple[int, str]]:
    """Open the parent folder of a path below another folder, step by step, making folders if asked to."""
    *folders, last = PurePosixPath(name).parts
    if last in ("..", "/") or ".." in folders or "/" in folders:
        raise PermissionError(f"{name} leads out of the folder")
    here = os.open(top, os.O_RDONLY | os.O_DIRECTORY)
    try:
        for folder in folders:
            with suppress(FileExistsError):
                os.mkdir(folder, dir_fd=here)
            below = os.open(folder, _FOLDER, dir_fd=here)
            os.close(here)
            here = below
        yield here, last
    finally:
        os.close(here)
