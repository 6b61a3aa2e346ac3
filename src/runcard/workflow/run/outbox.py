"""The journal as an outbox, from which the tracking backend is filled."""

from __future__ import annotations

import hashlib
import threading
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Self

from runcard.journal import Address, Journal, OutboxEntry, check_files, open_journal
from runcard.redact import redact
from runcard.tracking import addresses, records
from runcard.tracking.delivery import Parcel, RunState
from runcard.tracking.items import RunLog


def address_name(uri: str, root: Path) -> str:
    """Give the journal's name of a tracking address, which stays valid when the project is moved."""
    file = addresses.sqlite_file(uri)
    if file is not None and file.is_relative_to(root):
        return f"sqlite:///{file.relative_to(root).as_posix()}"
    return redact(uri)


class JournalOutbox:
    """Implements `Outbox` on the journal; locked, since one thread delivers and another waits."""

    def __init__(self, home: Path) -> None:
        self._home, self._root = home, home.parent
        self._journal = open_journal(home, any_thread=True)
        self._lock = threading.RLock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        with self._lock:
            self._journal.__exit__()

    def delivering(self, uri: str) -> AbstractContextManager[object]:
        """Hold the lock for delivering to an address; the system releases it when the process dies."""
        from filelock import FileLock

        folder = self._home / "locks"
        folder.mkdir(parents=True, exist_ok=True)
        name = hashlib.sha256(address_name(uri, self._root).encode()).hexdigest()[:16]
        return FileLock(folder / f"delivery-{name}.lock")

    def pending(self, uri: str) -> list[Parcel]:
        """List what is not yet delivered to the address."""
        with self._lock:
            return [
                self._parcel(entry, self._journal) for entry in self._journal.waiting(address_name(uri, self._root))
            ]

    def run_state(self, record_id: str, experiment: str, uri: str) -> RunState:
        """Return what is known of a run there."""
        with self._lock:
            return RunState(*self._journal.run_of(record_id, Address(address_name(uri, self._root), experiment)))

    def attempted(self, record_id: str, experiment: str, uri: str) -> None:
        """Record that a run is about to be created there."""
        with self._lock:
            self._journal.note_attempt(record_id, Address(address_name(uri, self._root), experiment))

    def opened(self, record_id: str, experiment: str, uri: str, run_id: str) -> None:
        """Record the run's id there."""
        with self._lock:
            self._journal.note_run(record_id, Address(address_name(uri, self._root), experiment), run_id)

    def delivered(self, parcel_id: str, uri: str) -> None:
        """Record that the parcel was delivered."""
        with self._lock:
            self._journal.note_delivery(int(parcel_id))

    def _parcel(self, entry: OutboxEntry, journal: Journal) -> Parcel:
        def make_log() -> RunLog:
            with self._lock:
                return _make_log(entry, journal, self._home)

        return Parcel(str(entry.parcel_id), entry.run_of, entry.address.experiment, make_log, entry.parent)


def _make_log(entry: OutboxEntry, journal: Journal, home: Path) -> RunLog:
    experiment = entry.address.experiment
    parent = journal.run_of(entry.parent, entry.address)[1] if entry.parent else None
    match entry.kind:
        case "opened":
            return records.opened_log(journal.execution(entry.subject))
        case "closed":
            folder = check_files(home, entry.subject, journal.manifest(entry.subject))
            execution = journal.execution(entry.subject)
            chosen = execution.summary.get("chosen_record")
            run_id = journal.run_of(chosen, entry.address)[1] if chosen else None
            return records.closed_log(execution, folder, run_id)
        case "trial":
            return records.trial_log(journal.record(entry.subject), experiment, parent)
        case "final":
            final = journal.final(entry.subject)
            folder = check_files(home, final.record_id, journal.manifest(final.record_id))
            return records.final_log(final, journal.record(final.of), experiment, parent, folder)
