"""What is locked, and whether its content is kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from runcard.data.locked import Locked, as_dict
from runcard.data.lockfile import read_lock
from runcard.data.store import Kept, open_store
from runcard.project import Project


@dataclass(frozen=True, slots=True)
class Shown:
    """A locked name, and where its content is kept."""

    locked: Locked
    kept: Kept | None

    def as_dict(self) -> dict[str, Any]:
        """Write it as plain JSON."""
        return {**as_dict(self.locked), "kept": self.kept and self.kept.file}


def list_locked(project: Project) -> list[Shown]:
    """List what is locked, in order of names.

    Raises
    ------
    LockUnreadable, StoreUnusable, ContentDamaged
    """
    store = open_store(project)
    return [Shown(locked, store.find(locked.content.digest)) for locked in read_lock(project.root).values()]
