"""Locking a name by hand, for the first time or anew with its present content."""

from __future__ import annotations

from collections.abc import Sequence

from runcard import errors
from runcard.catalog.datasets import bundled_names
from runcard.catalog.registered import Catalog, load_catalog
from runcard.data.dvc import bring_missing_file, find_tracked
from runcard.data.fingerprint import fingerprint
from runcard.data.locked import DATASET, Locked
from runcard.data.lockfile import lock_for_writing, read_lock
from runcard.data.store import open_data_store
from runcard.names import DatasetRef, read_as
from runcard.project import Project
from runcard.workflow.datasets.check import Content, make_entry, require_same, with_dvc
from runcard.workflow.datasets.names import entries_meant, paths_meant
from runcard.workflow.datasets.read import load_dataset, load_file
from runcard.workflow.datasets.snapshot import is_wanted, keep_job
from runcard.workflow.refs import explain_unknown


def lock_dataset(project: Project, name: str, *, reason: str | None = None) -> tuple[list[Locked], bool]:
    """Lock a name, for the first time or anew; return its entries, and whether any is new.

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
    known = entries_meant(lock.values(), name, project)
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
    """Store contents, then lock them, so that everything locked can be obtained again."""
    store = open_data_store(project)
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


def _new_source(name: str, project: Project, catalog: Catalog, known: Sequence[str]) -> str:
    name = read_as(DatasetRef, name).name
    datasets = [*catalog.datasets, *bundled_names()]
    if name in datasets:
        return f"{DATASET}{name}"
    for path in paths_meant(name, project):
        if (project.root / path).is_file() or find_tracked(project.root / path):
            return path
    near = errors.nearest(name, [*datasets, *known])
    with explain_unknown(name, project):
        raise errors.DatasetUnknown(
            f"unknown dataset `{name}`",
            where=str(project.root),
            why="it is no dataset that is registered or that scikit-learn brings, and no file",
            hint=f"did you mean `{near}`?" if near else "`runcard list datasets` shows all",
        )
