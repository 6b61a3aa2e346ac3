"""Storing a content in the data store in the background while trials run."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial

from runcard import errors
from runcard.data.locked import Locked
from runcard.data.source import SourceStamp, Table
from runcard.data.store import Store, full_suffix, open_data_store
from runcard.project import Project
from runcard.workflow.datasets.check import Content

AUTO_BYTES = 200_000_000
"""Up to here `snapshot = "auto"` keeps a content."""


class Keeping:
    """A content being written to the data store in the background."""

    def __init__(self, keep: Callable[[], None]) -> None:
        self._trouble: errors.RuncardError | None = None
        # Daemonic: whoever leaves is not kept waiting. What is half kept is no content; the next run does it again.
        self._thread = threading.Thread(target=self._work, args=(keep,), name="runcard-keeping", daemon=True)
        self._thread.start()

    def is_done_within(self, seconds: float) -> bool:
        """Wait at most so many seconds, and tell whether it is stored."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def finish(self) -> errors.RuncardError | None:
        """Wait until it is stored, and return what went wrong."""
        self._thread.join()
        return self._trouble

    def _work(self, keep: Callable[[], None]) -> None:
        try:
            keep()
        except errors.RuncardError as error:
            self._trouble = error


def is_wanted(project: Project, content: Content, locked: Locked) -> bool:
    """Whether the setting `snapshot` asks for a content to be stored."""
    setting = project.settings.snapshot
    return setting == "always" or (setting == "auto" and size_of(content, locked) <= AUTO_BYTES)


def size_of(content: Content, locked: Locked) -> int:
    """Count the bytes of the file, or of the table in memory."""
    return locked.file.n_bytes if locked.file else int(content.table.frame.memory_usage().sum())


def keep_job(store: Store, content: Content, locked: Locked) -> Callable[[], None]:
    """Make the job that stores a content unless it is stored; it holds the table only if there is no file.

    It raises DataChanged, StoreUnusable, ContentDamaged, PackageMissing or FileUnwritable.
    """
    if content.stamp is None:
        return partial(_keep_table, store, locked.content.digest, content.table)
    return partial(_keep_file, store, locked, content.stamp)


def keep_beside(project: Project, content: Content, locked: Locked) -> Keeping | None:
    """Begin to store a content in the background, if the setting asks for it."""
    return Keeping(keep_job(open_data_store(project), content, locked)) if is_wanted(project, content, locked) else None


def _keep_table(store: Store, digest: str, table: Table) -> None:
    kept = store.find(digest)
    if kept is None or not store.has_bytes(kept):
        store.keep_table(digest, table)


def _keep_file(store: Store, locked: Locked, stamp: SourceStamp) -> None:
    kept = store.find(locked.content.digest)
    if kept is not None and kept.suffix != full_suffix(stamp.path) and locked.file is not None:
        # The same table in another format: its bytes are wanted too, to be restored.
        kept = kept if store.find_file(locked.file, stamp.path) else None
    if kept is None or not store.has_bytes(kept):
        store.keep_file(locked.content.digest, stamp, na_values=locked.na_values)
