"""The locked entries that a name or a path refers to."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from runcard import errors
from runcard.data.locked import Locked, tidy
from runcard.data.lockfile import NAME
from runcard.names import DatasetRef, read_as
from runcard.project import Project
from runcard.workflow.refs import explain_unknown


def find_entries(entries: Collection[Locked], name: str, project: Project) -> list[Locked]:
    """Find the entries that a name refers to; there must be at least one.

    Raises
    ------
    DatasetNotLocked, UsageError
    """
    found = entries_meant(entries, name, project)
    if found:
        return found
    known = [locked.name for locked in entries]
    near = errors.nearest(name, known)
    with explain_unknown(name, project):
        raise errors.DatasetNotLocked(
            f"`{name}` is not locked",
            where=str(project.root / NAME),
            why=f"locked are {errors.listing(known)}" if known else "nothing is locked yet",
            hint=f"did you mean `{near}`?" if near else "the first `runcard run` locks it, or `runcard lock`",
        )


def entries_meant(entries: Collection[Locked], name: str, project: Project) -> list[Locked]:
    """Find the entries that a name refers to: all readings of a path, or a single one."""
    name = read_as(DatasetRef, name).name
    found = [locked for locked in entries if locked.is_file and locked.source in paths_meant(name, project)]
    return found or [locked for locked in entries if locked.name == name]


def paths_meant(name: str, project: Project) -> list[str]:
    """Write a path as the lock does: from the project's root, or from the present folder."""
    places = [project.root / name, Path.cwd() / name]
    return [tidy(Path(project.shown(place)).as_posix()) for place in places]
