"""What is locked: listed, verified, restored, locked anew."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from runcard import errors
from runcard.catalog.datasets import bundled_names
from runcard.catalog.registered import Catalog
from runcard.data.dvc import find_tracked, open_version
from runcard.data.fingerprint import fingerprint
from runcard.data.locked import DATASET, Locked, as_dict, copy_bytes, tidy
from runcard.data.lockfile import NAME, lock_for_writing, read_lock
from runcard.data.source import read_table
from runcard.data.store import Kept, Store, full_suffix, open_store
from runcard.project import Project
from runcard.workflow.keeping import is_wanted, keep_job
from runcard.workflow.locking import Content, describe, make_entry, require_same, with_dvc
from runcard.workflow.reading import load_dataset, load_file, load_locked
from runcard.workflow.resolve import bring_missing_file, load_catalog

Tree = Literal["as locked", "changed", "missing"]
Shelf = Literal["kept", "damaged", "not kept", "unknown"]


@dataclass(frozen=True, slots=True)
class Shown:
    """A locked name, and where its content is kept."""

    locked: Locked
    kept: Kept | None

    def as_dict(self) -> dict[str, Any]:
        """Write it as plain JSON."""
        return {**as_dict(self.locked), "kept": self.kept and self.kept.file}


@dataclass(frozen=True, slots=True)
class Verdict:
    """A locked name, compared with what is there."""

    name: str
    tree: Tree
    store: Shelf
    problems: tuple[str, ...]
    """What changed, or what is wrong."""

    @property
    def is_good(self) -> bool:
        """Whether the name stands for what it was locked as, and what is kept of it is whole."""
        return self.tree == "as locked" and self.store != "damaged"


def list_locked(project: Project) -> list[Shown]:
    """List what is locked, in order of names.

    Raises
    ------
    LockUnreadable, StoreUnusable, ContentDamaged
    """
    store = open_store(project)
    return [Shown(locked, store.find(locked.content.digest)) for locked in read_lock(project.root).values()]


def verify_locked(project: Project, name: str | None = None) -> list[Verdict]:
    """Compare what is locked, or one name, with the tree and the data store; everything is read.

    Raises
    ------
    LockUnreadable, DatasetNotLocked
    """
    catalog, store = load_catalog(project), open_store(project)
    lock = read_lock(project.root)
    chosen = lock.values() if name is None else _find(lock.values(), name, project)
    return [_verify(locked, project, catalog, store) for locked in chosen]


def restore_dataset(project: Project, name: str, *, force: bool = False) -> str:
    """Put the locked content of a file back in its place, byte by byte; say what was done.

    Other content that lies there is moved aside if `force` says so; it is never lost.

    Raises
    ------
    DatasetNotLocked
    DataInTheWay
        Other content lies there, or no file is what the name stands for.
    DataGone, ContentDamaged, StoreUnusable, DvcFailed, PackageMissing
    """
    locked = _find(read_lock(project.root).values(), name, project)[0]
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


def lock_dataset(project: Project, name: str, *, reason: str | None = None) -> tuple[list[Locked], bool]:
    """Lock a name that is not locked yet, or anew what it stands for now; give its entries, and whether any is new.

    One that is as it was locked is kept in the data store if it was not, and its commit noted if DVC tracks it since.

    Parameters
    ----------
    name
        A registered or bundled dataset, or a path; a path that is read in several ways has an entry for each.
    reason
        Why it now stands for other content; None to lock only what is not locked.

    Raises
    ------
    DatasetUnknown, DataNotAsLocked, LockUnreadable, FileUnwritable, StoreUnusable
    """
    catalog = load_catalog(project)
    lock = read_lock(project.root)
    known = _matching(lock.values(), name, project)
    if not known:
        content = _read_now(_new_source(name, project, catalog, list(lock)), (), project, catalog)
        return _write([(content, make_entry(project, content, catalog, reason=reason or ""))], project), True
    contents = [_read_now(locked.source, locked.na_values, project, catalog) for locked in known]
    if reason is None:
        for locked, content in zip(known, contents, strict=True):
            require_same(project, locked, content.table, content.print_of_data)
    pairs = list(zip(contents, known, strict=True))
    changed = [content for content, locked in pairs if content.print_of_data.digest != locked.content.digest]
    if changed:
        return _write([(c, make_entry(project, c, catalog, reason=reason or "")) for c in changed], project), True
    return _write([(content, with_dvc(locked, content.stamp)) for content, locked in pairs], project), False


def _write(entries: Sequence[tuple[Content, Locked]], project: Project) -> list[Locked]:
    """Keep contents, then lock them: what is locked can be had again."""
    store = open_store(project)
    for content, locked in entries:
        if is_wanted(project, content, locked):
            keep_job(store, content, locked)()
    with lock_for_writing(project.root, project.home) as lock:
        lock.update({locked.name: locked for _, locked in entries})
    return [locked for _, locked in entries]


def _read_now(source: str, na_values: Sequence[str], project: Project, catalog: Catalog) -> Content:
    if source.startswith(DATASET):
        table, stamp = load_dataset(source.removeprefix(DATASET), catalog, where=source), None
    else:
        bring_missing_file(project.root / source)
        table, stamp = load_file(project, source, na_values)
    return Content(table, fingerprint(table.frame), stamp, tuple(na_values))


def _verify(locked: Locked, project: Project, catalog: Catalog, store: Store) -> Verdict:
    tree, changes = _look_at_tree(locked, project, catalog)
    shelf, problems = _look_at_store(locked, store)
    return Verdict(locked.name, tree, shelf, (*changes, *problems))


def _look_at_tree(locked: Locked, project: Project, catalog: Catalog) -> tuple[Tree, tuple[str, ...]]:
    try:
        table = load_locked(locked, project, catalog)
        content = fingerprint(table.frame)
    except (errors.FileMissing, errors.DatasetUnknown) as error:
        return "missing", (error.what,)
    except errors.RuncardError as error:
        return "changed", (f"{error.what}: {error.why}",)
    if content.digest == locked.content.digest:
        return "as locked", ()
    return "changed", describe(project, locked, table, content)


def _look_at_store(locked: Locked, store: Store) -> tuple[Shelf, tuple[str, ...]]:
    try:
        kept = store.find(locked.content.digest)
        if kept is None:
            return "not kept", ()
        store.read(kept, name=locked.name, source=locked.source)
    except errors.ContentDamaged as error:
        return "damaged", (f"{error.where}: {error.why}",)
    except errors.RuncardError as error:
        return "unknown", (f"{error.what}: {error.why}",)
    return "kept", ()


def _matching(entries: Sequence[Locked] | Any, name: str, project: Project) -> list[Locked]:
    """Find the entries that a name means: all readings of a path, or the one that is named."""
    found = [locked for locked in entries if locked.is_file and locked.source in _paths(name, project)]
    return found or [locked for locked in entries if locked.name == name]


def _paths(name: str, project: Project) -> list[str]:
    """Write a path as the lock does: from the project's root, or from the present folder."""
    places = [project.root / name, Path.cwd() / name]
    return [tidy(Path(project.shown(place)).as_posix()) for place in places]


def _find(entries: Any, name: str, project: Project) -> list[Locked]:
    found = _matching(entries, name, project)
    if found:
        return found
    known = [locked.name for locked in entries]
    near = errors.nearest(name, known)
    raise errors.DatasetNotLocked(
        f"`{name}` is not locked",
        where=str(project.root / NAME),
        why=f"locked are {errors.listing(known)}" if known else "nothing is locked yet",
        hint=f"did you mean `{near}`?" if near else "the first `runcard run` locks it, or `runcard lock`",
    )


def _new_source(name: str, project: Project, catalog: Catalog, known: Sequence[str]) -> str:
    datasets = [*catalog.datasets, *bundled_names()]
    if name in datasets:
        return f"{DATASET}{name}"
    for path in _paths(name, project):
        if (project.root / path).is_file() or find_tracked(project.root / path):
            return path
    near = errors.nearest(name, [*datasets, *known])
    raise errors.DatasetUnknown(
        f"unknown dataset `{name}`",
        where=str(project.root),
        why="it is no dataset that is registered or that scikit-learn brings, and no file",
        hint=f"did you mean `{near}`?" if near else "`runcard list datasets` shows all",
    )


def _is_as_locked(path: Path, locked: Locked) -> bool:
    try:
        table = read_table(path, na_values=locked.na_values)
    except errors.RuncardError:
        return False
    return fingerprint(table.frame).digest == locked.content.digest


@contextmanager
def _open_content(project: Project, locked: Locked) -> Iterator[Path]:
    """Give the locked bytes from the data store, else from DVC."""
    path, store = project.root / locked.source, open_store(project)
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
    """Find the bytes that were locked, or else others of the same format that hold the same table."""
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
    store = open_store(project)
    kept = store.find(locked.content.digest)
    place = f"{store.where}/files/{kept.file}" if kept else ""
    return errors.DataInTheWay(
        f"`{locked.name}` is made by a function, and has no file to restore",
        where=locked.function,
        why="what it returns is up to its code and to what that reads",
        hint="bring its code back with git" + (f"; its content is kept as a Parquet file: {place}" if kept else ""),
    )
