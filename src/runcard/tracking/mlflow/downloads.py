"""Downloads of files from MLflow, counted and summed before the first of them is fetched."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runcard.bounds import MOST_FILES, MOST_MODEL_BYTES, special_file_kind

if TYPE_CHECKING:
    from mlflow.entities import FileInfo


def download(address: str, folder: Path, at: str, *, most: int = MOST_MODEL_BYTES) -> Path:
    """Copy the file or folder at an address to below a folder, and return its path there.

    Parameters
    ----------
    at
        The tracking address, which an address of files may leave out.
    most
        So many bytes they may have in all.

    Raises
    ------
    ValueError
        It has more, or larger, files than any run; or something in it is no file.
    """
    from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository
    from mlflow.tracking.artifact_utils import _get_root_uri_and_artifact_path

    root, name = _get_root_uri_and_artifact_path(address)  # type: ignore[no-untyped-call]
    files: Any = get_artifact_repository(root, tracking_uri=at, registry_uri=at)
    folder.mkdir(parents=True, exist_ok=True)
    _check(_walk(files, name), folder, most)
    return Path(files.download_artifacts(name, str(folder)))


def _check(found: Iterator[FileInfo], folder: Path, most: int) -> None:
    n_bytes = 0
    for n, file in enumerate(found, 1):
        n_bytes += file.file_size or 0
        if n > MOST_FILES:
            raise ValueError(f"there are more than {MOST_FILES:,} files")
        if n_bytes > most:
            raise ValueError(f"its files have more than {most / 1e6:,.0f} MB")
    free = shutil.disk_usage(folder).free
    if n_bytes > free:
        raise ValueError(f"its files have {n_bytes / 1e6:,.0f} MB, and {folder.parent} has {free / 1e6:,.0f} MB left")


def _walk(files: Any, name: str) -> Iterator[FileInfo]:
    """List the files below a name, or the one file of that name."""
    left = [name]
    while left:
        place = left.pop()
        listed = files.list_artifacts(place or None)
        if not listed and place == name:  # it is a file
            above, _, _ = name.rpartition("/")
            listed = [file for file in files.list_artifacts(above or None) if file.path == name and not file.is_dir]
        for file in listed:
            if file.is_dir and file.path not in (".", place):
                left.append(file.path)
            _refuse_what_is_none(files, file)
            yield file


def _refuse_what_is_none(files: Any, file: FileInfo) -> None:
    """Refuse a pipe or device among local files, which would be read without end or waited for."""
    folder = getattr(files, "artifact_dir", None)
    if folder is None or file.is_dir:
        return
    path = Path(folder, file.path)
    if path.exists() and (kind := special_file_kind(path.stat().st_mode)):
        raise ValueError(f"`{file.path}` is {kind}")
