"""The ledger of promotions, edited by somebody who may write to MLflow: `history --verify` sees it."""

from __future__ import annotations

import json
import re
import shutil
import sqlite3
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient

from runcard import errors
from runcard.project import Project
from runcard.promotion import EventKind, Promotion, promotion_json
from runcard.tracking.entries import LedgerEntry
from runcard.tracking.mlflow import MlflowLedger, quiet_mlflow
from runcard.workflow.promote import verify_history
from runcard.workflow.promote.events import complete_events
from runcard.workflow.promote.session import open_desk

pytestmark = pytest.mark.slow

MODEL = "churn"


class Store:
    """A registry and its ledger in a SQLite file: one model, registered twice, moved back and forth."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.file = folder / "mlflow.db"
        self.project = Project(folder).with_settings(tracking_uri=f"sqlite:///{self.file}")
        with quiet_mlflow():
            self.client = MlflowClient(self.project.tracking_uri, self.project.tracking_uri)

    def event(self, kind: EventKind, version: int, **more: Any) -> LedgerEntry:
        promotion = Promotion(kind, MODEL, version, f"run{version}", "ada", "host", "2026-01-05T10:00:00+00:00", **more)
        with MlflowLedger(self.project.tracking_uri, artifact_root=self.folder) as ledger:
            entries = ledger.entries()
            entry = ledger.append(promotion, entries[-1] if entries else None)
            assert entry is not None
            return ledger.finish(entry, version=version)

    def entries(self) -> list[LedgerEntry]:
        with MlflowLedger(self.project.tracking_uri, artifact_root=self.folder) as ledger:
            return ledger.entries()

    def sql(self, *statements: tuple[str, tuple[Any, ...]]) -> None:
        with sqlite3.connect(self.file) as database:
            for words, values in statements:
                assert database.execute(words, values).rowcount > 0
        database.close()

    def rewrite(self, entry: LedgerEntry, **changes: Any) -> None:
        """Edit an event everywhere where it can be read, as MLflow's page or its client lets anybody."""
        told = json.loads(promotion_json(entry.promotion)) | changes
        self.client.set_tag(entry.event_id, "runcard.event", json.dumps(told))
        for name, value in changes.items():
            self.client.set_tag(entry.event_id, f"runcard.{name}", value)
        self.client.log_text(entry.event_id, json.dumps(told), "event.json")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, empty_mlflow_db: Path) -> Path:
    folder = tmp_path_factory.mktemp("ledger")
    shutil.copy(empty_mlflow_db, folder / "mlflow.db")
    store = Store(folder)
    with quiet_mlflow():
        store.client.create_registered_model(MODEL)
        for version in (1, 2):
            tags = {"runcard.model_digest": "d" * 64}
            store.client.create_model_version(MODEL, str(folder), f"run{version}", tags=tags)
            store.event("register", version)
        store.event("promote", 1, alias="production")
        store.event("promote", 2, alias="production", previous=1, reason="better")
        store.event("rollback", 1, alias="production", previous=2, reason="worse")
        store.client.set_registered_model_alias(MODEL, "production", "1")
    return folder


@pytest.fixture
def store(made: Path, tmp_path: Path) -> Iterator[Store]:
    """Give the store and put it back afterwards: MLflow keeps in memory where the files of a run are."""
    shutil.copytree(made, kept := tmp_path / "kept")
    yield Store(made)
    with sqlite3.connect(kept / "mlflow.db") as before, sqlite3.connect(made / "mlflow.db") as now:
        before.backup(now)
    for database in (before, now):
        database.close()
    shutil.copytree(kept, made, dirs_exist_ok=True, ignore=shutil.ignore_patterns("mlflow.db*"))


def test_a_ledger_as_it_was_written(store: Store) -> None:
    found = verify_history(MODEL, project=store.project)
    assert str(found) == "the ledger is as it was written: 5 events, each in its place"


def test_events_of_before_they_were_chained_are_no_fault(store: Store) -> None:
    for entry in store.entries():
        store.sql(("DELETE FROM params WHERE run_uuid = ? AND key IN ('before', 'digest')", (entry.event_id,)))
    with quiet_mlflow():
        store.event("promote", 1, alias="staging")
        store.client.set_registered_model_alias(MODEL, "staging", "1")
    found = verify_history(MODEL, project=store.project)
    assert str(found).endswith("6 events, each in its place; the first 5 are of before events were chained")
    store.rewrite(store.entries()[1], reason="a reason of mine")
    with pytest.raises(errors.LedgerAltered, match="RC706"):
        verify_history(MODEL, project=store.project)


def edited(store: Store, at: int) -> None:
    store.rewrite(store.entries()[at], reason="a reason of mine")


def edited_with_its_digest(store: Store) -> None:
    edited(store, 3)
    entry = store.entries()[3]
    store.sql(("UPDATE params SET value = ? WHERE run_uuid = ? AND key = 'digest'", (entry.digest, entry.event_id)))


def tag_edited(store: Store) -> None:
    store.client.set_tag(store.entries()[3].event_id, "runcard.who", "somebody else")


def file_edited(store: Store) -> None:
    store.client.log_text(store.entries()[3].event_id, "{}", "event.json")


def taken_out(store: Store) -> None:
    before, gone, after = store.entries()[2:5]
    store.sql(
        ("UPDATE params SET value = ? WHERE run_uuid = ? AND key = 'next'", (after.event_id, before.event_id)),
        ("UPDATE tags SET value = ? WHERE run_uuid = ? AND key = 'runcard.after'", (before.event_id, after.event_id)),
        ("UPDATE runs SET experiment_id = 0 WHERE run_uuid = ?", (gone.event_id,)),
    )


def first_taken_out(store: Store) -> None:
    first, second = store.entries()[:2]
    store.sql(
        ("UPDATE tags SET value = 'first' WHERE run_uuid = ? AND key = 'runcard.after'", (second.event_id,)),
        ("UPDATE runs SET experiment_id = 0 WHERE run_uuid = ?", (first.event_id,)),
    )


def last_taken_out(store: Store) -> None:
    before, last = store.entries()[3:]
    store.sql(
        ("DELETE FROM params WHERE run_uuid = ? AND key = 'next'", (before.event_id,)),
        ("UPDATE runs SET experiment_id = 0 WHERE run_uuid = ?", (last.event_id,)),
    )


def last_cut_off(store: Store) -> None:
    store.sql(("DELETE FROM params WHERE run_uuid = ? AND key = 'next'", (store.entries()[3].event_id,)))


def lost(store: Store) -> None:
    store.sql(("UPDATE runs SET experiment_id = 0 WHERE run_uuid = ?", (store.entries()[3].event_id,)))


def deleted(store: Store) -> None:
    store.client.delete_run(store.entries()[3].event_id)


def reordered(store: Store) -> None:
    a, b, c, d = (entry.event_id for entry in store.entries()[1:])
    words = "UPDATE params SET value = ? WHERE run_uuid = ? AND key = 'next'"
    store.sql((words, (c, a)), (words, (b, c)), (words, (d, b)))


def put_in(store: Store) -> None:
    before, after = store.entries()[2:4]
    promotion = Promotion("promote", MODEL, 2, "run2", "eve", "host", "2026-01-05T10:00:00+00:00", alias="staging")
    experiment = store.client.get_experiment_by_name("runcard-ledger").experiment_id
    with MlflowLedger(store.project.tracking_uri, artifact_root=store.folder) as ledger:
        event = ledger._write(promotion, experiment, lambda text: "", before).event_id
    store.client.log_param(event, "next", after.event_id)
    store.client.set_terminated(event, "FINISHED")
    store.sql(("UPDATE params SET value = ? WHERE run_uuid = ? AND key = 'next'", (event, before.event_id)))


def digests_taken_off(store: Store) -> None:
    event = store.entries()[4].event_id
    store.sql(("DELETE FROM params WHERE run_uuid = ? AND key IN ('before', 'digest')", (event,)))


def voided(store: Store) -> None:
    event = store.entries()[3].event_id
    store.client.set_tag(event, "runcard.void", "it never happened")


def moved_by_hand(store: Store) -> None:
    store.client.set_registered_model_alias(MODEL, "production", "2")


ATTACKS: dict[str, tuple[Callable[[Store], None], str]] = {
    "an event edited": (lambda store: edited(store, 2), "`churn/1 to production` of ada, .* was edited"),
    "the last event edited": (lambda store: edited(store, 4), "`churn/1 back to production` of .* was edited"),
    "an event and its digest edited": (edited_with_its_digest, "`churn/1 back to production` .* was not written after"),
    "a tag edited": (tag_edited, r"the tags of `churn/2 to production` .* were edited: `runcard\.who`"),
    "a file edited": (file_edited, r"the file `event\.json` of `churn/2 to production` .* was edited"),
    "an event taken out": (taken_out, "`churn/1 back to production` .* was not written after `churn/1 to production`"),
    "the first taken out": (first_taken_out, "what came before `churn/2 registered` .* was taken out"),
    "the last taken out": (last_taken_out, "`production` is on churn/1, the ledger left it on churn/2"),
    "the last cut off": (
        last_cut_off,
        "the event churn/1 back to production, run [0-9a-f]{8}, was taken",
    ),
    "an event moved elsewhere": (lost, "its event [0-9a-f]{32} is in another experiment"),
    "an event deleted": (deleted, "`churn/2 to production` .* was deleted"),
    "two events the other way round": (reordered, "was not written after"),
    "an event put in": (put_in, "`churn/2 to production` .* was not written after `churn/2 to staging` of eve"),
    "digests taken off": (digests_taken_off, "`churn/1 back to production` .* was edited"),
    "an event made void": (voided, "`churn/2 to production` .* is marked as void, and its version is there"),
    "an alias moved by hand": (moved_by_hand, "`production` is on churn/2, the ledger left it on churn/1"),
}


@pytest.mark.parametrize("name", ATTACKS)
def test_an_altered_ledger_is_seen(name: str, store: Store) -> None:
    attack, said = ATTACKS[name]
    with quiet_mlflow():
        attack(store)
    with pytest.raises(errors.LedgerAltered) as caught:
        verify_history(MODEL, project=store.project)
    assert any(re.search(said, line) for line in caught.value.why.splitlines()), caught.value.why
    assert caught.value.exit_code == 3


@pytest.mark.slow
def test_those_who_promote_at_once_raise_no_alarm(store: Store) -> None:
    """Whoever is too late tries again, and somebody verifies all the while."""
    done = threading.Event()
    problems: list[BaseException] = []

    def move(n: int) -> None:
        for step in range(2):
            promotion = Promotion(
                "promote", f"model{n}", None, f"run{n}", f"user{n}", "host", f"2026-01-05T10:00:0{step}+00:00"
            )
            with MlflowLedger(store.project.tracking_uri, artifact_root=store.folder) as ledger:
                entry = None
                while entry is None:
                    entries = ledger.entries()
                    entry = ledger.append(promotion, entries[-1])
                ledger.finish(entry, version=step + 1)

    def verify() -> None:
        while not done.is_set():
            with MlflowLedger(store.project.tracking_uri, artifact_root=store.folder) as ledger:
                problems.extend(map(AssertionError, ledger.examine()[1]))

    with quiet_mlflow():
        threads = [threading.Thread(target=move, args=(n,)) for n in range(3)]
        watcher = threading.Thread(target=verify)
        for thread in (*threads, watcher):
            thread.start()
        for thread in threads:
            thread.join()
        done.set()
        watcher.join()
    assert not problems, problems[:3]
    assert len(verify_history(MODEL, project=store.project).entries) == 5 + 6
    with open_desk(store.project) as desk:
        assert len(complete_events(desk, MODEL)) == 11
