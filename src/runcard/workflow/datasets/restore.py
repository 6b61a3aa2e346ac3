"""Restoring the locked content of a file."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from runcard import errors
from runcard.data.dvc import find_tracked, open_version
from runcard.data.fingerprint import fingerprint
from runcard.data.locked import Locked, copy_bytes
from runcard.data.lockfile import read_lock
from runcard.data.source import read_table
from runcard.data.store import Kept, Store, full_suffix, open_data_store
from runcard.project import Project
from runcard.workflow.datasets.names import find_entries


def restore_dataset(project: Project, name: str, *, force: bool = False) -> str:
    """Restore the locked content of a file, byte by byte; say what was done.

    Other content that lies there is moved aside if `force` says so; it is never lost.

    Raises
    ------
    DatasetNotLocked
    DataInTheWay
        Other content lies there, or no file is what the name stands for.
    DataGone, ContentDamaged, StoreUnusable, DvcFailed, PackageMissing
    """
    locked = find_entries(read_lock(project.root).values(), name, project)[0]
    if not locked.is_file:
        raise _no_file(locked, project)
    path = project.root / locked.source
    if path.exists() and _is_as_locked(path, locked):
        return f"{locked.source} is as it was locked"
    if path.exists() and not force:
        raise _in_the_way(locked, path)
    with _open_content(project, locked) as found:
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f".{path.name}.{os.getpid()}.tmp")
        try:
            copy_bytes(found, draft)
            aside = _move_aside(path) if path.exists() else None
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)
    return f"Restored {locked.source}" + (f"; what was there is now {aside.name}" if aside else "")


def _is_as_locked(path: Path, locked: Locked) -> bool:
    try:
        table = read_table(path, na_values=locked.na_values)
    except errors.RuncardError:
        return False
    return fingerprint(table.frame).digest == locked.content.digest


@contextmanager
def _open_content(project: Project, locked: Locked) -> Iterator[Path]:
    """Give the locked bytes from the data store, else from DVC."""
    path, store = project.root / locked.source, open_data_store(project)
    kept, tracked = _find_bytes(store, locked, path), find_tracked(path)
    if kept is not None:
        with store.open_file(kept) as found:
            yield found
    elif locked.dvc is not None and tracked is not None:
        with open_version(tracked, locked.dvc) as found:
            yield found
    else:
        raise errors.DataGone(
            f"the content of `{locked.name}` is not to be had",
            where=locked.source,
            why=f"it is not kept at {store.where}, and DVC does not track it",
            hint="bring the file from where it came from, and `runcard data verify` tells whether it is the same",
        )


def _find_bytes(store: Store, locked: Locked, path: Path) -> Kept | None:
    """Find the locked bytes, or else a file of the same format with the same table."""
    kept = store.find(locked.content.digest)
    if locked.file is not None and (name := store.find_file(locked.file, path)):
        return Kept(locked.content.digest, name, locked.file.n_bytes, locked.file.sha256, locked.na_values)
    return kept if kept is not None and kept.suffix == full_suffix(path) else None


def _move_aside(path: Path) -> Path:
    moment = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    return path.rename(path.with_name(f"{path.stem}.before-{moment}{path.suffix}"))


def _in_the_way(locked: Locked, path: Path) -> errors.DataInTheWay:
    return errors.DataInTheWay(
        f"`{path.name}` is there, and is not what was locked",
        where=locked.source,
        why="it would be replaced",
        hint="move it away, or let `--force` put it aside under another name",
    )


def _no_file(locked: Locked, project: Project) -> errors.DataInTheWay:
    store = open_data_store(project)
    kept = store.find(locked.content.digest)
    place = f"{store.where}/files/{kept.file}" if kept else ""
    return errors.DataInTheWay(
        f"`{locked.name}` is made by a function, and has no file to restore",
        where=locked.function,
        why="what it returns is up to its code and to what that reads",
        hint="bring its code back with git" + (f"; its content is kept as a Parquet file: {place}" if kept else ""),
    )
