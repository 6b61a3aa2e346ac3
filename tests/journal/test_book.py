"""The journal: what is written stays, in one piece."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from runcard import errors
from runcard.execution import Execution
from runcard.journal import Address, Journal, open_journal
from runcard.journal.book import VERSION
from runcard.record import FinalRecord, Record, record_json

HERE = Address("sqlite:///here.db", "flowers")
THERE = Address("http://there", "flowers")
ELSEWHERE = Address("x", "flowers")


def execution(execution_id: str = "e1", **changes: Any) -> Execution:
    given = {
        "experiment": "flowers",
        "plan_hash": "h1",
        "protocol": "p1",
        "started": 100.0,
        "card": "data: {}",
        "plan": {"primary": "r2", "data": {"digest": "d1"}, "split": {"test": "t1"}},
    }
    return Execution(execution_id=execution_id, **{**given, **changes})


def record(key: str = "k1", record_id: str = "r1", **changes: Any) -> Record:
    given = {
        "protocol": "p1",
        "model": "ridge",
        "params": {"alpha": 0.1},
        "features": "default",
        "index": 0,
        "status": "done",
        "started": 1.0,
        "ended": 2.0,
        "scores": {"r2": (0.1 + 0.2, 0.5)},
    }
    return Record(record_id=record_id, trial_key=key, **{**given, **changes})


def final(of: Record, record_id: str = "f1", **changes: Any) -> FinalRecord:
    return FinalRecord(record_id, of.record_id, of.trial_key, of.protocol, {"r2": 0.4}, 3.0, 4.0, **changes)


@pytest.fixture
def journal(tmp_path: Path):
    with open_journal(tmp_path) as opened:
        opened.begin(execution(), HERE, {"code.json": ("aa", 2)})
        yield opened


def test_what_was_written_is_read_by_another(journal: Journal, tmp_path: Path) -> None:
    made = record()
    journal.add_record(made, "e1", HERE)
    journal.add_final(final(made), "e1", HERE, {"notes.txt": ("bb", 5)})
    with open_journal(tmp_path) as other:
        assert other.records(["k1", "k2"]) == {"k1": made}
        assert other.finals(["k1"]) == {"k1": final(made)}
        assert other.execution("e1") == execution()
        assert (other.record("r1"), other.final("f1")) == (made, final(made))
        assert other.manifest("f1") == {"notes.txt": ("bb", 5)}
        assert other.manifest("e1") == {"code.json": ("aa", 2)}
        assert other.count_test_openings(execution()) == 1


def test_the_latest_record_of_a_trial_counts_and_lost_ones_do_not(journal: Journal) -> None:
    journal.add_record(record(record_id="r1", ended=1.0), "e1", HERE)
    journal.add_record(record(record_id="r2", ended=3.0, status="failed"), "e1", HERE)
    journal.add_record(record(record_id="r3", ended=9.0, status="lost"), "e1", HERE)
    journal.add_record(record("k2", record_id="r4", status="lost"), "e1", HERE)
    found = journal.records(["k1", "k2"])
    assert {key: r.record_id for key, r in found.items()} == {"k1": "r2"}


def test_a_clock_that_was_set_back_changes_nothing_of_what_is_latest(journal: Journal) -> None:
    for n, now in enumerate([900.0, 500.0, 700.0, 100.0]):
        made = record(record_id=f"r{n}", started=now - 1, ended=now)
        journal.add_record(made, "e1", HERE)
        journal.add_final(replace(final(made, f"f{n}"), started=now, ended=now), "e1", HERE, {})
        journal.begin(execution(f"x{n}", started=now), HERE, {})
        assert journal.records(["k1"])["k1"].record_id == f"r{n}"
        assert journal.finals(["k1"])["k1"].record_id == f"f{n}"
        assert journal.latest_execution("h1", "flowers").execution_id == f"x{n}"
    journal.end(execution("x1", started=500.0, ended=2000.0, status="done"), HERE)  # and an end is no beginning
    assert journal.latest_execution("h1", "flowers").execution_id == "x3"


def test_finalists_that_failed_or_were_not_saved_are_tried_again(journal: Journal) -> None:
    for n, changes in enumerate([{"error": "no"}, {"unsaved": "types"}]):
        made = record(f"k{n}", f"r{n}")
        journal.add_record(made, "e1", HERE)
        journal.add_final(final(made, f"f{n}", **changes), "e1", HERE, {})
    assert journal.finals(["k0", "k1"]) == {}
    assert journal.count_test_openings(execution()) == 2


def test_the_same_test_rows_are_counted_whatever_else_changed_and_others_are_not(journal: Journal) -> None:
    plan = {"data": {"digest": "d1"}, "split": {"test": "t1"}}
    others = [plan, {**plan, "split": {"test": "t2"}}, {**plan, "data": {"digest": "d2"}}]
    for n, each in enumerate(others):
        begun = execution(f"x{n}", plan=each, protocol=f"p{n}")
        journal.begin(begun, HERE, {})
        journal.add_record(made := record(f"k{n}", f"r{n}", protocol=f"p{n}"), begun.execution_id, HERE)
        journal.add_final(final(made, f"f{n}"), begun.execution_id, HERE, {})
    assert journal.count_test_openings(execution()) == 1
    assert journal.count_test_openings(execution("x1", plan=others[1])) == 1


@pytest.mark.slow
def test_many_trials_are_found_at_once(journal: Journal) -> None:
    for n in range(1203):
        journal._run(  # one at a time, each on disk, would take seconds
            "INSERT INTO records VALUES (?, 'e1', ?, 'done', 1.0, ?)",
            (f"r{n}", f"k{n}", record_json(record(f"k{n}", f"r{n}"))),
        )
    assert len(journal.records([f"k{n}" for n in range(1300)])) == 1203


def test_news_waits_for_each_address_in_its_order(journal: Journal) -> None:
    made = record()
    journal.add_record(made, "e1", HERE)
    journal.add_final(final(made), "e1", HERE, {})
    journal.end(execution(status="done"), HERE)
    waiting = journal.waiting(HERE.uri)
    assert [(w.kind, w.subject, w.run_of, w.parent) for w in waiting] == [
        ("opened", "e1", "e1", None),
        ("trial", "r1", "r1", "e1"),
        ("final", "f1", "r1", "e1"),
        ("closed", "e1", "e1", None),
    ]
    journal.note_delivery(waiting[0].parcel_id)
    assert [w.kind for w in journal.waiting(HERE.uri)] == ["trial", "final", "closed"]
    assert journal.waiting(THERE.uri) == []
    assert journal.count_waiting(HERE.uri) == 3


def test_another_address_is_told_all_once(journal: Journal) -> None:
    made = record()
    journal.add_record(made, "e1", HERE)
    journal.add_final(final(made), "e1", HERE, {})
    for _ in range(2):
        journal.address_again([made], [final(made)], "e1", THERE)
        journal.address_again([made], [final(made)], "e1", HERE)
    assert [w.kind for w in journal.waiting(THERE.uri)] == ["trial", "final"]
    assert [w.kind for w in journal.waiting(HERE.uri)] == ["opened", "trial", "final"]
    assert journal.has_told("r1", THERE)
    assert not journal.has_told("e1", THERE)


def test_a_finalists_own_trial_is_told_before_it(journal: Journal) -> None:
    """With `--fresh` a trial has a later record than the one its finalist was refitted from."""
    old, new = record(record_id="r1"), record(record_id="r2", ended=9.0)
    journal.address_again([new], [final(old)], "e1", THERE)
    assert [w.subject for w in journal.waiting(THERE.uri)] == ["r2", "r1", "f1"]


def test_runs_are_known_by_address(journal: Journal) -> None:
    assert journal.run_of("r1", HERE) == (False, None)
    journal.note_attempt("r1", HERE)
    assert journal.run_of("r1", HERE) == (True, None)
    journal.note_run("r1", HERE, "run7")
    journal.note_attempt("r1", HERE)
    assert journal.run_of("r1", HERE) == (True, "run7")
    assert journal.run_of("r1", THERE) == (False, None)


def test_the_latest_execution_of_a_plan(journal: Journal) -> None:
    journal.begin(execution("e2", started=200.0), HERE, {})
    journal.begin(execution("e3", started=300.0, plan_hash="other"), HERE, {})
    assert journal.latest_execution("h1", "flowers").execution_id == "e2"
    assert journal.latest_execution("nothing", "flowers") is None
    journal.end(execution("e2", started=200.0, status="interrupted"), HERE)
    assert journal.latest_execution("h1", "flowers").status == "interrupted"


def test_a_card_that_came_to_its_end_is_known_by_its_text(journal: Journal) -> None:
    assert not journal.has_finished("data: {}")
    journal.end(execution(status="done"), HERE)
    assert journal.has_finished("data: {}")
    assert not journal.has_finished("data: {} ")


def test_a_step_that_fails_leaves_nothing_of_itself(journal: Journal) -> None:
    made = record()
    journal.add_record(made, "e1", HERE)
    before = journal.waiting(HERE.uri)
    with pytest.raises(errors.JournalUnusable):
        journal.add_record(made, "e1", HERE)  # the same id a second time
    with pytest.raises(errors.JournalUnusable):
        journal.add_final(final(made), "e1", HERE, {"a": ("x", 1), "b": (None, None)})
    assert journal.waiting(HERE.uri) == before
    assert journal.finals(["k1"]) == {}
    journal.add_record(replace(made, record_id="r2"), "e1", HERE)  # and it can go on


def test_a_process_killed_in_a_step_leaves_nothing_of_it(journal: Journal, tmp_path: Path) -> None:
    code = """
import os, pathlib, signal, sys
from runcard.journal import open_journal
journal = open_journal(pathlib.Path(sys.argv[1]))
with journal._transaction():
    journal._run("INSERT INTO runs VALUES ('r1', 'x', 'flowers', NULL)")
    os.kill(os.getpid(), signal.SIGKILL)
"""
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], env=os.environ, check=False)
    assert done.returncode == -signal.SIGKILL
    assert journal.run_of("r1", ELSEWHERE) == (False, None)
    journal.note_run("r1", ELSEWHERE, "run1")
    assert journal.run_of("r1", ELSEWHERE) == (True, "run1")


def test_a_journal_of_a_newer_runcard_is_left_alone(tmp_path: Path) -> None:
    open_journal(tmp_path).__exit__()
    with closing(sqlite3.connect(tmp_path / "journal.db")) as connection:
        connection.execute(f"PRAGMA user_version = {VERSION + 1}")
    with pytest.raises(errors.JournalUnusable, match=f"format {VERSION + 1}, this runcard reads {VERSION}") as raised:
        open_journal(tmp_path)
    assert raised.value.hint == "upgrade runcard"


def test_a_damaged_file_is_said_to_be_damaged(tmp_path: Path) -> None:
    (tmp_path / "journal.db").write_bytes(b"this is no database" * 100)
    with pytest.raises(errors.JournalUnusable) as raised:
        open_journal(tmp_path)
    assert "not a database" in raised.value.why
    assert raised.value.hint.startswith("the file is damaged")


def test_what_is_missing_in_it_is_named(journal: Journal) -> None:
    with pytest.raises(errors.JournalUnusable, match="the journal has no record `r9`"):
        journal.record("r9")


def test_its_folder_is_kept_out_of_git(journal: Journal, tmp_path: Path) -> None:
    assert (tmp_path / ".gitignore").read_text() == "*\n"


def test_a_step_is_on_the_disk_when_it_returns(journal: Journal) -> None:
    """In WAL mode FULL (2) has every commit flushed; NORMAL would lose the last ones in a power cut."""
    asked = {
        name: journal._connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("synchronous", "journal_mode")
    }
    assert asked == {"synchronous": 2, "journal_mode": "wal"}


def test_the_next_format_is_a_newer_one(tmp_path: Path) -> None:
    with open_journal(tmp_path):
        pass
    with closing(sqlite3.connect(tmp_path / "journal.db")) as connection:
        connection.execute(f"PRAGMA user_version = {VERSION + 1}")
    with pytest.raises(errors.JournalUnusable, match=f"format {VERSION + 1}"):
        open_journal(tmp_path)
