"""Verification of locked datasets against the work tree and the data store; everything is read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from runcard import errors
from runcard.catalog.registered import Catalog, load_catalog
from runcard.data.fingerprint import fingerprint
from runcard.data.locked import Locked, as_dict
from runcard.data.lockfile import read_lock
from runcard.data.store import Kept, Store, open_data_store
from runcard.project import Project
from runcard.workflow.datasets.check import explain_change
from runcard.workflow.datasets.names import find_entries
from runcard.workflow.datasets.read import load_locked

Tree = Literal["as locked", "changed", "missing"]
Shelf = Literal["kept", "damaged", "not kept", "unknown"]


@dataclass(frozen=True, slots=True)
class DatasetVerdict:
    """The result of verifying a locked name."""

    name: str
    tree: Tree
    store: Shelf
    problems: tuple[str, ...]
    """What changed, or what is wrong."""

    @property
    def is_good(self) -> bool:
        """Whether the name has its locked content, and the stored copy is whole."""
        return self.tree == "as locked" and self.store != "damaged"


def verify_locked(project: Project, name: str | None = None) -> list[DatasetVerdict]:
    """Compare all locked names, or one, with the work tree and the data store, reading everything.

    Raises
    ------
    LockUnreadable, DatasetNotLocked
    """
    catalog, store = load_catalog(project), open_data_store(project)
    lock = read_lock(project.root)
    chosen = lock.values() if name is None else find_entries(lock.values(), name, project)
    return [_verify(locked, project, catalog, store) for locked in chosen]


def _verify(locked: Locked, project: Project, catalog: Catalog, store: Store) -> DatasetVerdict:
    tree, changes = _look_at_tree(locked, project, catalog)
    shelf, problems = _look_at_store(locked, store)
    return DatasetVerdict(locked.name, tree, shelf, (*changes, *problems))


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
    return "changed", explain_change(project, locked, table, content)


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


@dataclass(frozen=True, slots=True)
class Shown:
    """A locked name, and where its content is kept."""

    locked: Locked
    kept: Kept | None

    def as_dict(self) -> dict[str, Any]:
        """Write it as plain JSON."""
        return {**as_dict(self.locked), "kept": self.kept and self.kept.file}


def list_locked(project: Project) -> list[Shown]:
    """List the locked names, sorted.

    Raises
    ------
    LockUnreadable, StoreUnusable, ContentDamaged
    """
    store = open_data_store(project)
    return [Shown(locked, store.find(locked.content.digest)) for locked in read_lock(project.root).values()]
