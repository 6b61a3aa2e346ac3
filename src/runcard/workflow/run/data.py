"""The table of a card during a run: locked, stored, staged for the jobs, released."""

from __future__ import annotations

import json
from pathlib import Path

from runcard import errors
from runcard.data.locked import Locked, as_dict
from runcard.data.source import SourceStamp, Table, check_unchanged, release_memory, write_parquet
from runcard.plan import Plan
from runcard.project import Project
from runcard.redact import redact
from runcard.tabular.work import tabular
from runcard.workflow.datasets.check import Content, lock_first, said
from runcard.workflow.datasets.snapshot import Keeping, keep_beside, size_of
from runcard.workflow.resolve import Resolved
from runcard.workflow.run.listener import Listener

_SILENT_SECONDS = 3.0
"""How long data may be on their way to the store before it is mentioned."""


class CardData:
    """A card's table from reading to storing its content; None for a kind of trials without one."""

    def __init__(self, resolved: Resolved, listener: Listener) -> None:
        self._project: Project = resolved.project
        self._plan: Plan = resolved.plan
        self._catalog = resolved.catalog
        self._table: Table | None = resolved.table
        self._stamp: SourceStamp | None = resolved.stamp
        self._listener = listener
        self._locked: Locked | None = None
        self._keeping: Keeping | None = None

    def lock(self) -> None:
        """Lock the dataset's name at its first use, and begin to store its content."""
        if self._table is None:
            return
        fingerprint, na_values = tabular(self._plan).fingerprint, self._plan.card.data.na_values
        content = Content(self._table, fingerprint, self._stamp, na_values)
        self._locked, is_new = lock_first(self._project, content, self._catalog)
        if is_new:
            self._listener.note(said(self._locked))
        self._keeping = keep_beside(self._project, content, self._locked)
        if is_new and self._keeping is None and self._project.settings.snapshot == "auto":
            n_megabytes = size_of(content, self._locked) / 1e6
            self._listener.note(f'Its content is not kept: {n_megabytes:,.0f} MB; `snapshot = "always"` keeps it')

    def described(self) -> bytes:
        """Describe the data as locked, for readers who have the run but not the project."""
        described = {"locked": self._locked and as_dict(self._locked), "store": redact(self._project.data_store)}
        return json.dumps(described, indent=2).encode()

    def stage(self, folder: Path) -> None:
        """Write what the jobs read to a folder, and release the table in this process."""
        processed = self._plan.card.data.processed_path
        if self._table is not None and processed:
            write_parquet(self._table, self._project.root / processed)
        self._plan.work.stage(self._table, folder)
        self._table = None
        release_memory()

    def changed(self) -> errors.RuncardError | None:
        """Return the error for a file that changed since it was read; None if it did not."""
        try:
            if self._stamp is not None:
                check_unchanged(self._stamp)
        except errors.DataChanged as error:
            return error
        return None

    def wait(self) -> None:
        """Wait until the content is stored; the trials are done by then, so failures are only warnings."""
        if self._keeping is None:
            return
        try:
            if not self._keeping.is_done_within(_SILENT_SECONDS):
                self._listener.step("Keeping the data; Ctrl-C leaves that to the next run")
            trouble = self._keeping.finish()
        except KeyboardInterrupt:
            self._listener.warn("the data's content is not kept yet")
            return
        if trouble is not None:
            self._listener.warn(f"the data's content is not kept: {trouble.what}: {trouble.why}")
