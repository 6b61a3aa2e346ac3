"""The journal's database: one SQLite file in WAL mode; each call is one transaction, durable when it returns."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Self

from runcard import errors, execution
from runcard.execution import Execution
from runcard.journal.moved import name_by_place
from runcard.journal.trouble import unusable
from runcard.record import FinalRecord, Record, read_final, read_record, record_json

FILE = "journal.db"
VERSION = 2
LOCKED_SECONDS = 10.0
"""How long a step waits for another program that holds the file; its own processes take milliseconds."""

ParcelKind = Literal["opened", "trial", "final", "closed"]
Manifest = Mapping[str, tuple[str, int]]
"""The files of a record or execution: name -> (sha256, bytes)."""

_SCHEMA = """
CREATE TABLE executions (
    execution_id TEXT PRIMARY KEY, plan_hash TEXT NOT NULL, experiment TEXT NOT NULL,
    status TEXT NOT NULL, started REAL NOT NULL, body TEXT NOT NULL
);
CREATE INDEX executions_by_plan ON executions (plan_hash);
CREATE TABLE records (
    record_id TEXT PRIMARY KEY, execution_id TEXT NOT NULL REFERENCES executions,
    trial_key TEXT NOT NULL, status TEXT NOT NULL, ended REAL NOT NULL, body TEXT NOT NULL
);
CREATE INDEX records_by_trial ON records (trial_key, ended);
CREATE TABLE finals (
    record_id TEXT PRIMARY KEY, of TEXT NOT NULL REFERENCES records, trial_key TEXT NOT NULL,
    execution_id TEXT NOT NULL REFERENCES executions, status TEXT NOT NULL, ended REAL NOT NULL,
    body TEXT NOT NULL
);
CREATE INDEX finals_by_trial ON finals (trial_key, ended);
CREATE TABLE files (
    record_id TEXT NOT NULL, name TEXT NOT NULL, sha256 TEXT NOT NULL, n_bytes INTEGER NOT NULL,
    PRIMARY KEY (record_id, name)
);
CREATE TABLE parcels (
    parcel_id INTEGER PRIMARY KEY, uri TEXT NOT NULL, experiment TEXT NOT NULL, kind TEXT NOT NULL,
    subject TEXT NOT NULL,
    run_of TEXT NOT NULL, parent TEXT, delivered INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX parcels_waiting ON parcels (uri, delivered, parcel_id);
CREATE INDEX parcels_by_subject ON parcels (subject);
CREATE TABLE runs (
    run_of TEXT NOT NULL, uri TEXT NOT NULL, experiment TEXT NOT NULL, run_id TEXT,
    PRIMARY KEY (run_of, uri, experiment)
);
"""


@dataclass(frozen=True, slots=True)
class Address:
    """Where a record is delivered: an experiment at a tracking URI, with one run there.

    The URI has no credentials, and a database in the project is named by its place there: see `address_name`.
    """

    uri: str
    experiment: str


@dataclass(frozen=True, slots=True)
class OutboxEntry:
    """One message that waits to be delivered to an address."""

    parcel_id: int
    address: Address
    kind: ParcelKind
    subject: str
    """The execution's, record's or final's id that it tells of."""
    run_of: str
    """The record or execution whose run it belongs to."""
    parent: str | None
    """The execution whose run is the parent."""


class Journal:
    """An open journal, used by the thread that opened it; leaving the context closes it."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self.path = path
        self._connection = connection

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self._connection.close()

    def begin(self, begun: Execution, address: Address, manifest: Manifest) -> None:
        """Record that a card's execution begins, or continues after an interruption."""
        with self._transaction():
            self._put_execution(begun)
            self._put_files(begun.execution_id, manifest)
            self._post(address, "opened", begun.execution_id, begun.execution_id, None)

    def end(self, ended: Execution, *addresses: Address) -> None:
        """Record how an execution ended."""
        with self._transaction():
            self._put_execution(ended)
            for address in addresses:
                self._post(address, "closed", ended.execution_id, ended.execution_id, None)

    def add_record(self, record: Record, execution_id: str, address: Address) -> None:
        """Store the record of a trial."""
        row = (record.record_id, execution_id, record.trial_key, record.status, record.ended, record_json(record))
        with self._transaction():
            self._run("INSERT INTO records VALUES (?, ?, ?, ?, ?, ?)", row)
            self._post(address, "trial", record.record_id, record.record_id, execution_id)

    def add_final(self, final: FinalRecord, execution_id: str, address: Address, manifest: Manifest) -> None:
        """Store the record of a finalist with its files."""
        status = "failed" if final.error else "unsaved" if final.unsaved else "done"
        row = (final.record_id, final.of, final.trial_key, execution_id, status, final.ended, record_json(final))
        with self._transaction():
            self._run("INSERT INTO finals VALUES (?, ?, ?, ?, ?, ?, ?)", row)
            self._put_files(final.record_id, manifest)
            self._post(address, "final", final.record_id, final.of, execution_id)

    def address_again(
        self, records: Iterable[Record], finals: Iterable[FinalRecord], execution_id: str, address: Address
    ) -> None:
        """Queue results of earlier executions for an address that has not received them."""
        finals = list(finals)
        with self._transaction():
            for record_id in dict.fromkeys([*(r.record_id for r in records), *(f.of for f in finals)]):
                if not self.has_told(record_id, address):
                    self._post(address, "trial", record_id, record_id, execution_id)
            for final in finals:
                if not self.has_told(final.record_id, address):
                    self._post(address, "final", final.record_id, final.of, execution_id)

    def has_told(self, subject: str, address: Address) -> bool:
        """Tell whether an execution, record or final was delivered to an address, or is queued for it."""
        query = "SELECT 1 FROM parcels WHERE subject = ? AND uri = ? AND experiment = ? LIMIT 1"
        return self._run(query, (subject, *_columns(address))).fetchone() is not None

    def records(self, trial_keys: Iterable[str]) -> dict[str, Record]:
        """Give the latest record of each trial that has one; lost ones do not count.

        The latest is the one written last, whatever the clock said.
        """
        query = "SELECT trial_key, body FROM records WHERE status != 'lost' AND trial_key IN ({}) ORDER BY rowid"
        return {key: read_record(body) for key, body in self._by_key(query, trial_keys)}

    def finals(self, trial_keys: Iterable[str]) -> dict[str, FinalRecord]:
        """Give the latest finalist's record of each trial that has one: with its model kept, or failed for good."""
        query = (
            "SELECT trial_key, body FROM finals WHERE status IN ('done', 'failed') AND trial_key IN ({}) ORDER BY rowid"
        )
        found = ((key, read_final(body)) for key, body in self._by_key(query, trial_keys))
        return {key: final for key, final in found if not (final.error and final.may_pass)}

    def latest_execution(self, plan_hash: str, experiment: str) -> Execution | None:
        """Find the most recently begun execution of a plan under an experiment's name."""
        query = "SELECT body FROM executions WHERE plan_hash = ? AND experiment = ? ORDER BY rowid DESC LIMIT 1"
        row = self._run(query, (plan_hash, experiment)).fetchone()
        return execution.read_execution(row[0]) if row else None

    def running(self) -> list[Execution]:
        """List the executions that have begun and not ended, whether their process is running or was killed."""
        rows = self._run("SELECT body FROM executions WHERE status = 'running' ORDER BY rowid")
        return [execution.read_execution(body) for (body,) in rows]

    def last_sign_of(self, execution_id: str) -> float | None:
        """Give the time of an execution's last write, seconds since 1970; None if there is none."""
        query = """SELECT max(ended) FROM (SELECT ended FROM records WHERE execution_id = ?
            UNION ALL SELECT ended FROM finals WHERE execution_id = ?)"""
        row = self._run(query, (execution_id, execution_id)).fetchone()
        return None if row[0] is None else float(row[0])

    def addresses_of(self, execution_id: str) -> list[Address]:
        """List the addresses to which an execution's beginning was delivered, or is queued."""
        query = "SELECT DISTINCT uri, experiment FROM parcels WHERE kind = 'opened' AND subject = ?"
        return [Address(*row) for row in self._run(query, (execution_id,))]

    def has_finished(self, card: str) -> bool:
        """Tell whether a card of exactly this text was ever carried out to its end."""
        row = self._run(
            "SELECT 1 FROM executions WHERE status = 'done' AND json_extract(body, '$.card') = ? LIMIT 1",
            (card,),
        ).fetchone()
        return row is not None

    def has_files(self, digests: Mapping[str, str]) -> bool:
        """Tell whether one execution left files of exactly these contents: name -> sha256."""
        query = "SELECT 1 FROM executions WHERE true"
        query += " AND execution_id IN (SELECT record_id FROM files WHERE name = ? AND sha256 = ?)" * len(digests)
        values = [value for pair in digests.items() for value in pair]
        return self._run(f"{query} LIMIT 1", values).fetchone() is not None

    def count_test_openings(self, like: Execution) -> int:
        """Count how often finalists were scored on an execution's test rows, with any features and metrics."""
        data, test_rows = (like.plan.get(part, {}).get(name) for part, name in (("data", "digest"), ("split", "test")))
        query = """SELECT count(*) FROM finals WHERE execution_id IN (SELECT execution_id FROM executions
            WHERE json_extract(body, '$.plan.data.digest') = ? AND json_extract(body, '$.plan.split.test') = ?)"""
        return int(self._run(query, (data, test_rows)).fetchone()[0])

    def execution(self, execution_id: str) -> Execution:
        """Give an execution by its id."""
        return execution.read_execution(self._body("executions", "execution_id", execution_id))

    def record(self, record_id: str) -> Record:
        """Give a trial's record by its id."""
        return read_record(self._body("records", "record_id", record_id))

    def final(self, record_id: str) -> FinalRecord:
        """Give a finalist's record by its id."""
        return read_final(self._body("finals", "record_id", record_id))

    def manifest(self, record_id: str) -> dict[str, tuple[str, int]]:
        """Give the manifest of the files kept for a record: name -> (sha256, bytes)."""
        rows = self._run("SELECT name, sha256, n_bytes FROM files WHERE record_id = ?", (record_id,))
        return {name: (sha256, n_bytes) for name, sha256, n_bytes in rows}

    def waiting(self, uri: str) -> list[OutboxEntry]:
        """List what is not yet delivered to a tracking URI, in the order it was written."""
        rows = self._run(
            "SELECT parcel_id, experiment, kind, subject, run_of, parent FROM parcels"
            " WHERE uri = ? AND delivered = 0 ORDER BY parcel_id",
            (uri,),
        )
        return [OutboxEntry(parcel_id, Address(uri, experiment), *rest) for parcel_id, experiment, *rest in rows]

    def count_waiting(self, uri: str) -> int:
        """Count what is not yet delivered to a tracking URI."""
        row = self._run("SELECT count(*) FROM parcels WHERE uri = ? AND delivered = 0", (uri,)).fetchone()
        return int(row[0])

    def waiting_by_uri(self) -> dict[str, int]:
        """Count what is not yet delivered, by tracking URI."""
        return dict(self._run("SELECT uri, count(*) FROM parcels WHERE delivered = 0 GROUP BY uri ORDER BY uri"))

    def run_of(self, record_id: str, address: Address) -> tuple[bool, str | None]:
        """Tell whether a run was begun for a record at an address, and give its id if known."""
        query = "SELECT run_id FROM runs WHERE run_of = ? AND uri = ? AND experiment = ?"
        row = self._run(query, (record_id, *_columns(address))).fetchone()
        return (row is not None, row[0] if row else None)

    def runs_at(self, address: Address) -> dict[str, str]:
        """Map records to the ids of their runs at an address, as far as known."""
        query = "SELECT run_of, run_id FROM runs WHERE uri = ? AND experiment = ? AND run_id IS NOT NULL"
        return dict(self._run(query, _columns(address)).fetchall())

    def note_attempt(self, record_id: str, address: Address) -> None:
        """Record that a run is about to be created at an address."""
        with self._transaction():
            self._run("INSERT OR IGNORE INTO runs VALUES (?, ?, ?, NULL)", (record_id, *_columns(address)))

    def note_run(self, record_id: str, address: Address, run_id: str) -> None:
        """Record the id of the run that was created."""
        with self._transaction():
            self._run("INSERT OR REPLACE INTO runs VALUES (?, ?, ?, ?)", (record_id, *_columns(address), run_id))

    def note_delivery(self, parcel_id: int) -> None:
        """Record that a message was delivered."""
        with self._transaction():
            self._run("UPDATE parcels SET delivered = 1 WHERE parcel_id = ?", (parcel_id,))

    def _put_files(self, owner: str, manifest: Manifest) -> None:
        for name, (sha256, n_bytes) in manifest.items():
            self._run("INSERT INTO files VALUES (?, ?, ?, ?)", (owner, name, sha256, n_bytes))

    def _put_execution(self, made: Execution) -> None:
        row = (
            made.execution_id,
            made.plan_hash,
            made.experiment,
            made.status,
            made.started,
            execution.execution_json(made),
        )
        # It keeps its row: the order of rows is the order in which executions began.
        query = """INSERT INTO executions VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (execution_id)
            DO UPDATE SET status = excluded.status, started = excluded.started, body = excluded.body"""
        self._run(query, row)

    def _post(self, address: Address, kind: ParcelKind, subject: str, run_of: str, parent: str | None) -> None:
        self._run(
            "INSERT INTO parcels (uri, experiment, kind, subject, run_of, parent) VALUES (?, ?, ?, ?, ?, ?)",
            (*_columns(address), kind, subject, run_of, parent),
        )

    def _by_key(self, query: str, trial_keys: Iterable[str]) -> Iterator[tuple[str, str]]:
        keys = list(trial_keys)
        for start in range(0, len(keys), 500):
            part = keys[start : start + 500]
            yield from self._run(query.format(", ".join("?" * len(part))), part)

    def _body(self, table: str, column: str, value: str) -> str:
        row = self._run(f"SELECT body FROM {table} WHERE {column} = ?", (value,)).fetchone()
        if row is None:
            raise errors.JournalUnusable(
                f"the journal has no {table.removesuffix('s')} `{value}`",
                where=str(self.path),
                why="another entry refers to it",
                hint="restore the journal from a backup, or run with `--fresh`",
            )
        return str(row[0])

    def _run(self, query: str, values: Iterable[object] = ()) -> sqlite3.Cursor:
        try:
            return self._connection.execute(query, tuple(values))
        except sqlite3.Error as error:
            raise unusable(self.path, error) from error

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._run("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._connection.rollback()
            raise
        try:
            self._connection.commit()
        except sqlite3.Error as error:
            self._connection.rollback()
            raise unusable(self.path, error) from error


def _columns(address: Address) -> tuple[str, str]:
    return address.uri, address.experiment


def open_journal(home: Path, *, any_thread: bool = False) -> Journal:
    """Open the journal in the project's `.runcard` folder, creating it if there is none.

    With `any_thread` whoever uses it sees to it that one thread does at a time.

    Raises
    ------
    JournalUnusable
        It cannot be opened, or a newer runcard wrote it.
    """
    path = home / FILE
    try:
        home.mkdir(parents=True, exist_ok=True)
        ignore = home / ".gitignore"
        if not ignore.exists():
            ignore.write_text("*\n")
        return Journal(path, _connect(path, any_thread=any_thread))
    except (OSError, sqlite3.Error) as error:
        raise unusable(path, error) from error


def is_begun(home: Path) -> bool:
    """Tell whether the journal exists."""
    return (home / FILE).exists()


def _connect(path: Path, *, any_thread: bool) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=LOCKED_SECONDS, isolation_level=None, check_same_thread=not any_thread)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        _ensure_schema(connection, path)
    except BaseException:
        connection.close()
        raise
    return connection


def _ensure_schema(connection: sqlite3.Connection, path: Path) -> None:
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version == VERSION:
        return
    if version > VERSION:
        raise errors.JournalUnusable(
            f"the journal has format {version}, this runcard reads {VERSION}",
            where=str(path),
            why="a newer runcard wrote it",
            hint="upgrade runcard",
        )
    connection.execute("BEGIN EXCLUSIVE")
    version = connection.execute("PRAGMA user_version").fetchone()[0]  # another process may have been faster
    if version == 0:
        for statement in _SCHEMA.split(";"):
            connection.execute(statement)
    if version == 1:
        name_by_place(connection, path.parent.parent)
    connection.execute(f"PRAGMA user_version = {VERSION}")
    connection.execute("COMMIT")
