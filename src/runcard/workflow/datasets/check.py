"""Checks that a name still stands for its locked content: the first use locks it, later ones must find the same.

Why: docs/adr/0017-a-name-stands-for-one-content.md
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from runcard import errors
from runcard.catalog.registered import Catalog
from runcard.data.change import Frames, describe_change
from runcard.data.dvc import find_tracked
from runcard.data.fingerprint import Fingerprint, fingerprint
from runcard.data.locked import DATASET, DvcVersion, Locked, lock_content, locked_name, read_bytes, tidy
from runcard.data.lockfile import NAME, lock_for_writing, read_lock
from runcard.data.source import SourceStamp, Table, check_unchanged, read_table
from runcard.data.store import open_data_store
from runcard.project import Project
from runcard.provenance.git import GitSilent, ask_git
from runcard.workflow.datasets.read import function_of

_VERSIONED = re.compile(r"(.*?)_v(\d+)")


@dataclass(frozen=True, slots=True, eq=False)
class Content:
    """A table as it was just read, with everything that its lock entry stores."""

    table: Table
    print_of_data: Fingerprint
    stamp: SourceStamp | None
    """What the file looked like when it was read; None where a function made the table."""
    na_values: tuple[str, ...]

    @property
    def name(self) -> str:
        """The name under which it is locked."""
        return locked_name(self.table.source, self.na_values)


def check_locked(project: Project, table: Table, content: Fingerprint, na_values: Sequence[str] = ()) -> None:
    """Check that a table has the content its name was locked with, if it is locked.

    Raises
    ------
    DataNotAsLocked, LockUnreadable
    """
    lock = read_lock(project.root)
    locked = lock.get(locked_name(table.source, na_values))
    if locked is not None:
        require_same(project, locked, table, content)
    else:
        _check_other_readings(project, lock, table)


def require_same(project: Project, locked: Locked, table: Table, content: Fingerprint) -> None:
    """Compare a table with its locked content, and raise if they differ.

    Raises
    ------
    DataNotAsLocked
    """
    if content.digest != locked.content.digest:
        raise _not_as_locked(locked, explain_change(project, locked, table, content))


def explain_change(project: Project, locked: Locked, table: Table, content: Fingerprint) -> tuple[str, ...]:
    """Describe what changed since a name was locked, by rows and values where the old content is kept."""
    try:
        store = open_data_store(project)
        kept = store.find(locked.content.digest)
        old = store.read(kept, name=table.name, source=table.source).frame if kept else None
    except errors.RuncardError:
        old = None  # what changed can be told without it, only less
    frames: Frames | None = None if old is None else (old, table.frame)
    return describe_change(locked.content, content, frames)


def lock_first(project: Project, content: Content, catalog: Catalog) -> tuple[Locked, bool]:
    """Lock a name that is not locked yet; return its entry, and whether it is new.

    Raises
    ------
    DataNotAsLocked
        Another process locked it meanwhile, as something else.
    DataChanged, LockUnreadable, FileUnwritable
    """
    known = read_lock(project.root).get(content.name)
    if known is not None:
        return known, False
    entry = make_entry(project, content, catalog)
    with lock_for_writing(project.root, project.home) as lock:
        known = lock.setdefault(entry.name, entry)
    require_same(project, known, content.table, content.print_of_data)
    return known, known is entry


def make_entry(project: Project, content: Content, catalog: Catalog, *, reason: str = "") -> Locked:
    """Make the lock entry of a content: hash its file, find its function or DVC's hash."""
    source, stamp = content.table.source, content.stamp
    function, file, dvc = "", None, None
    if stamp is None:
        function = function_of(source.removeprefix(DATASET), catalog)
    else:
        file, dvc = read_bytes(stamp.path), _dvc_version(stamp.path)
        check_unchanged(stamp)
    values = content.na_values
    return lock_content(
        source, content.print_of_data, na_values=values, function=function, file=file, dvc=dvc, reason=reason
    )


def with_dvc(locked: Locked, stamp: SourceStamp | None) -> Locked:
    """Add DVC's hash to the entry of an unchanged content, which may have been tracked since."""
    found = _dvc_version(stamp.path) if stamp is not None else None
    return locked if found is None or (locked.dvc and locked.dvc.revision) else replace(locked, dvc=found)


def said(locked: Locked) -> str:
    """Describe in a sentence what was locked."""
    content = locked.content
    shape = f"{content.n_rows:,} rows, {len(content.columns)} columns, fingerprint {content.digest[:12]}"
    return f"Locked {locked.name}: {shape}; commit {NAME}"


def _check_other_readings(project: Project, lock: Mapping[str, Locked], table: Table) -> None:
    """Check a file that is locked only with other `na_values`: a new reading must not hide a change."""
    for locked in lock.values():
        if locked.source != tidy(table.source) or locked.file is None:
            continue
        path = project.root / locked.source
        if read_bytes(path).sha256 != locked.file.sha256:
            other = read_table(path, na_values=locked.na_values, root=project.root)
            require_same(project, locked, other, fingerprint(other.frame))


def _dvc_version(path: Path) -> DvcVersion | None:
    tracked = find_tracked(path)
    if tracked is None or not tracked.holds(path):
        return None  # edited since `dvc add`: DVC does not have it
    folder, name = tracked.file.parent, tracked.file.name
    try:
        ask_git(folder, "diff", "--quiet", "--no-ext-diff", "--no-textconv", "HEAD", "--", name)
        return DvcVersion(tracked.md5, ask_git(folder, "log", "-1", "--format=%H", "--", name).decode().strip())
    except GitSilent:
        return DvcVersion(tracked.md5)


def _not_as_locked(locked: Locked, changes: Sequence[str]) -> errors.DataNotAsLocked:
    name = locked.source.removeprefix(DATASET)
    way = "put it at a path of its own" if locked.is_file else "register it"
    back = f"\nor bring back what was locked: `runcard data restore {name}`" if locked.is_file else ""
    return errors.DataNotAsLocked(
        f"`{name}` is not what it was when it was locked",
        where=f"{NAME}, [{locked.name}], locked {locked.locked:%Y-%m-%d}",
        why="\n".join(changes),
        hint=f"if it is another dataset, {way}: `{_next_name(locked)}`\n"
        f'or say why the name now stands for this: `runcard lock {name} --update --reason "..."`{back}',
    )


def _next_name(locked: Locked) -> str:
    """Suggest the next name: `iris_v2` after `iris` or `iris_v1`, `customers_v2.csv` after `customers.csv`."""
    folder, slash, name = locked.source.removeprefix(DATASET).rpartition("/")
    stem, dot, suffix = name.partition(".") if locked.is_file else (name, "", "")
    found = _VERSIONED.fullmatch(stem)
    stem = f"{found[1]}_v{int(found[2]) + 1}" if found else f"{stem}_v2"
    return f"{folder}{slash}{stem}{dot}{suffix}"
