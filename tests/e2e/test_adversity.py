"""What a run meets on its machine: a full disk, a folder without rights, locks, damage, a clock that runs backwards."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import subprocess
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from contents import contents_of
from engines import HereEngine
from mlflow import MlflowClient
from projects import (
    COMMAND,
    MOODY,
    call_cli,
    count_rows,
    environment,
    held,
    journal_of,
    moody_project,
    run_cli,
    start_cli,
    wait_for,
)
from servers import free_port

from runcard import errors
from runcard.execution import read_execution
from runcard.journal import book, file_folder
from runcard.project import find_project
from runcard.tracking import delivery
from runcard.tracking.items import RunRow
from runcard.tracking.mlflow import MlflowTracker
from runcard.workflow.run import execute
from runcard.workflow.run.execute import run
from runcard.workflow.run.listener import Listener
from runcard.workflow.run.outbox import address_name
from runcard.workflow.run.sync import sync

pytestmark = [pytest.mark.slow, pytest.mark.long]

MODELS = [{"name": "moody", "params": {"shift": [0.0, 0.1, 0.2]}}]


class Ear(Listener):
    """Remembers the warnings; does something when a trial is recorded."""

    def __init__(self, on_record: Any = lambda: None) -> None:
        self.warnings: list[str] = []
        self._on_record = on_record

    def warn(self, text: str) -> None:
        self.warnings.append(text)

    def recorded(self, *_: object) -> None:
        self._on_record()


@pytest.fixture(scope="module")
def engine() -> HereEngine:
    return HereEngine()


@pytest.fixture
def card(tmp_path: Path, empty_mlflow_db: Path, monkeypatch: pytest.MonkeyPatch, engine: HereEngine) -> Path:
    monkeypatch.setattr(execute, "choose_engine", engine)
    return moody_project(tmp_path / "project", MODELS, db=empty_mlflow_db)


def uri_of(card: Path) -> str:
    return f"sqlite:///{card.parents[1] / 'mlflow.db'}"


# Killed, and not run again


def test_the_run_of_a_killed_process_is_closed_by_whoever_comes_next(tmp_path: Path, empty_mlflow_db: Path) -> None:
    """The card is edited after the kill, so nobody goes on with what was killed; a living one stays as it is."""
    path = moody_project(tmp_path / "project", [{"name": "moody", "params": {"seconds": 0.5, "shift": [0.0, 0.1]}}],
                         db=empty_mlflow_db)  # fmt: skip
    folder = path.parents[1]
    process = start_cli(folder, "run", "card", "--workers", "1")
    try:
        while not count_rows(folder, "parcels", "kind = 'trial' AND delivered = 1"):
            assert process.poll() is None, process.communicate()
            time.sleep(0.05)
        assert sync(find_project(path)).left == 0  # another process, and this one is alive
        assert [row[1] for row in contents_of(uri_of(path), "moods") if row[0] == "card"] == ["RUNNING"]
        assert count_rows(folder, "executions", "status = 'running'") == 1
    finally:
        process.kill()
        process.communicate()
    path.write_text(path.read_text().replace("0.1", "0.7"))
    assert sync(find_project(path)).left == 0
    assert count_rows(folder, "executions", "status = 'interrupted'") == 1
    with MlflowTracker(uri_of(path), artifact_root=folder) as tracker:
        (killed,) = tracker.read_runs("moods", kind="card")
    assert killed.status == "KILLED"
    assert killed.ended_ms >= killed.started_ms
    again = call_cli(folder, "run", "card", "--workers", "1")
    assert again.returncode == 0, again.stderr
    statuses = [row[1] for row in contents_of(uri_of(path), "moods") if row[0] == "card"]
    assert statuses == ["FINISHED", "KILLED"]


# Locks


def test_a_locked_journal_is_said_and_what_is_done_is_kept(card: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(book, "LOCKED_SECONDS", 1.0)
    folder, stack = card.parents[1], contextlib.ExitStack()
    with stack:
        ear = Ear(lambda: stack.enter_context(held(folder / ".runcard" / "journal.db")))
        started = time.monotonic()
        with pytest.raises(errors.JournalUnusable) as caught:
            run(card, listener=ear)
        assert time.monotonic() - started < 20
        assert caught.value.why == "database is locked"
        assert caught.value.hint.startswith("another program holds the file")
        assert count_rows(folder, "records") == 1
        with pytest.raises(errors.JournalUnusable, match="the journal cannot be used"):
            run(card)
    result = run(card)
    assert (result.n_run, result.n_left) == (2, 0)
    assert len(contents_of(uri_of(card), "moods")) == 4


def test_a_locked_database_of_mlflow_leaves_the_records_to_sync(card: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery, "PATIENCE_SECONDS", 1.0)
    with held(card.parents[1] / "mlflow.db"):
        ear = Ear()
        result = run(card, listener=ear)
    assert result.problem is None
    assert result.n_run == 3
    assert ear.warnings == [
        f"{result.n_left} of the records are not in MLflow yet (the tracking database does not answer): "
        "`runcard sync` delivers them"
    ]
    assert sync(find_project(card)).left == 0
    assert len(contents_of(uri_of(card), "moods")) == 4


# Files


def test_a_damaged_file_holds_up_nothing_else(card: Path) -> None:
    folder = card.parents[1]
    away = f"http://127.0.0.1:{free_port()}"
    run(card, tracking_uri=away)
    with journal_of(folder) as journal:
        (final,) = [entry.subject for entry in journal.waiting(away) if entry.kind == "final"]
    harmed = file_folder(folder / ".runcard", final) / "predictions.parquet"
    harmed.write_bytes(b"harm" + harmed.read_bytes()[4:])
    with sqlite3.connect(folder / ".runcard" / "journal.db") as connection:  # as if MLflow had been there all along
        connection.execute("UPDATE parcels SET uri = ?", (address_name(uri_of(card), folder),))
    connection.close()
    said = call_cli(folder, "sync")
    assert said.returncode == 1
    assert said.stdout == "5 delivered, 1 left.\n"
    assert said.stderr.startswith(f"error[RC404]: a kept file is damaged\n  where: {harmed}\n")
    fresh = run(card, fresh=True)
    assert fresh.problem is None
    assert fresh.n_left == 1  # what was damaged stays so; all else is there anew
    rows = contents_of(uri_of(card), "moods")
    assert sum("predictions.parquet" in row[6] for row in rows) == 1


# What cannot be written to


def unprivileged() -> list[str]:
    """Let root be refused as others are: without the right to override permissions."""
    return ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] if os.geteuid() == 0 else []


@pytest.mark.parametrize("is_new", [True, False])
def test_a_folder_that_cannot_be_written_to(is_new: bool, card: Path) -> None:
    folder = card.parents[1]
    closed = folder if is_new else folder / ".runcard"
    if not is_new:
        run(card)
    paths = [closed, *(path for path in closed.rglob("*") if path.name != "mlflow.db")]
    for path in paths:
        path.chmod(path.stat().st_mode & 0o555)
    try:
        command = [*unprivileged(), *COMMAND, "run", "card", "--workers", "1"]
        done = subprocess.run(
            command, cwd=folder, env=environment(PYTHONDONTWRITEBYTECODE="1"), capture_output=True, text=True,
            check=False, timeout=300,
        )  # fmt: skip
    finally:
        for path in paths:
            path.chmod(path.stat().st_mode | 0o200)
    assert done.returncode == 1, done.stderr
    what, where = (
        ("RC500]: MLflow's database cannot be opened", folder / "mlflow.db")
        if is_new
        else ("RC403]: the journal cannot be used", folder / ".runcard")
    )
    assert done.stderr.startswith(f"error[{what}\n")
    assert f"  where: {where}" in done.stderr
    assert "  hint:  see that the folder can be written to" in done.stderr
    assert len(done.stderr.splitlines()) == 4


FULL = """
set -u
cd "$1"; shift
make_scarce() { %s; }
give_room() { %s; }
make_scarce
"$@"; echo "exit $?"; echo "--" >&2
give_room
"$@"; echo "exit $?"
cp -r .runcard kept
"""
SMALL_DISK = (
    "mkdir .runcard && mount -t tmpfs -o size=192k tmpfs .runcard",
    "mount -o remount,size=64m .runcard",
)
"""A disk of its own, in a mount namespace that goes with the process."""
SMALL_FILES = ("ulimit -S -f 60", "ulimit -S -f unlimited")
"""Where nothing may be mounted: no file may be longer than 60 KiB, which the system words differently."""


def test_a_full_disk_ends_the_run_and_room_lets_it_go_on(card: Path) -> None:
    folder = card.parents[1]
    alone = ["unshare", "-rm"] if os.geteuid() else ["unshare", "-m"]
    may_mount = subprocess.run([*alone, "mount", "-t", "tmpfs", "tmpfs", "/mnt"], check=False, capture_output=True)
    means, prefix = (SMALL_FILES, []) if may_mount.returncode else (SMALL_DISK, alone)
    command = [*COMMAND, "run", "card", "--workers", "1", "--tracking-uri", f"http://127.0.0.1:{free_port()}"]
    done = subprocess.run(
        [*prefix, "bash", "-c", FULL % means, "full", str(folder), *command],
        env=environment(), capture_output=True, text=True, check=False, timeout=400,
    )  # fmt: skip
    before, after = done.stderr.split("--\n")
    codes = [line for line in done.stdout.splitlines() if line.startswith("exit ")]
    assert codes == ["exit 1", "exit 0"], done.stderr
    assert before.count("error[") == 1
    assert "error[RC403]: the journal cannot be used" in before
    assert "free some space and run again; what is done is kept" in before
    assert "Traceback" not in done.stderr
    assert "error[" not in after
    kept = folder / "kept" / "journal.db"
    with closing(sqlite3.connect(kept)) as connection:
        found = connection.execute("SELECT trial_key, count(*) FROM records GROUP BY 1").fetchall()
        assert [count for _, count in found] == [1, 1, 1]
        assert connection.execute("SELECT count(*) FROM finals WHERE status = 'done'").fetchone() == (1,)
        assert connection.execute("SELECT status FROM executions ORDER BY rowid DESC").fetchone() == ("done",)


# The clock

BACKWARDS = (
    MOODY
    + """

import time as _time

_real, _start = _time.time, _time.time()
if not getattr(_time, "is_backwards", False):
    _time.is_backwards = True
    _time.time = lambda: 2 * _start - _real() - 5  # set back by five seconds, and running backwards from there
"""
)


def test_a_clock_that_runs_backwards_costs_nothing(tmp_path: Path, empty_mlflow_db: Path) -> None:
    path = moody_project(tmp_path / "project", MODELS, db=empty_mlflow_db)
    folder = path.parents[1]
    (folder / "moods.py").write_text(BACKWARDS)
    for extra in ([], ["--fresh"]):
        answer = run_cli(folder, "run", "card", "--workers", "1", *extra)
        assert answer.returncode == 0, answer.stderr
    with journal_of(folder) as journal:
        bodies = journal._run("SELECT body FROM executions ORDER BY rowid").fetchall()
        second = read_execution(bodies[1][0])
        assert second.ended < second.started  # it did
        assert journal.latest_execution(second.plan_hash, "moods") == second
    with MlflowTracker(uri_of(path), artifact_root=folder) as tracker:
        rows = tracker.read_runs("moods")
    assert len(rows) == 8
    assert all(row.ended_ms >= row.started_ms for row in rows)
    assert all(value >= 0 for row in rows for name, value in row.metrics.items() if "seconds" in name)
    assert run_cli(folder, "run", "card").stderr.startswith("Nothing to run")


# MLflow's halves, and what others remove there


def test_files_that_cannot_be_kept_wait_while_the_database_takes_the_rest(card: Path) -> None:
    """The artifact store is full or not ours, and the database is well: nothing is lost, and nothing is there twice."""
    folder = card.parents[1]
    (folder / "mlartifacts").write_text("in the way")
    ear = Ear()
    result = run(card, listener=ear)
    assert (result.problem, result.n_run) == (None, 3)
    assert len(ear.warnings) == 1, ear.warnings
    assert "of the records are not in MLflow yet" in ear.warnings[0]
    assert count_rows(folder, "parcels", "delivered = 0") == result.n_left > 0
    (folder / "mlartifacts").unlink()
    assert sync(find_project(card)).left == 0
    assert [row[1] for row in contents_of(uri_of(card), "moods")] == ["FINISHED"] * 4
    assert all(row[6] for row in contents_of(uri_of(card), "moods") if row[0] == "card")


@pytest.mark.parametrize("kind", ["card", "trial"])
def test_a_run_that_is_deleted_in_mlflow_meanwhile_stays_deleted_and_costs_nothing_else(kind: str, card: Path) -> None:
    deleted = list[str]()
    ear = Ear(lambda: deleted or deleted.append(delete_first(card, kind)))
    result = run(card, listener=ear)
    assert (result.problem, result.n_run, result.n_left) == (None, 3, 0)
    assert ear.warnings == ["1 of the records belong to runs deleted in MLflow and were left out there"]
    assert deleted[0] not in {row.run_id for row in rows_of(card)}
    assert len(rows_of(card)) == 3
    assert len({score.record.trial_key for score in result.comparison.standings}) == 3
    again = run(card)
    assert (again.n_run, again.n_left, again.problem) == (0, 0, None)


def delete_first(card: Path, kind: str) -> str:
    """Delete the first run of a kind, as soon as it is there."""
    wait_for(lambda: any(row.tags["runcard.kind"] == kind for row in rows_of(card)))
    found = next(row for row in rows_of(card) if row.tags["runcard.kind"] == kind)
    MlflowClient(uri_of(card)).delete_run(found.run_id)
    return found.run_id


def rows_of(card: Path) -> list[RunRow]:
    with MlflowTracker(uri_of(card), artifact_root=card.parents[1]) as tracker:
        try:
            return tracker.read_runs("moods")
        except errors.ExperimentUnknown:  # nothing has arrived yet
            return []


def test_an_experiment_that_is_deleted_meanwhile_gets_all_when_it_is_back(card: Path) -> None:
    client, gone = MlflowClient(uri_of(card)), list[str]()

    def delete() -> None:
        if not gone:
            wait_for(lambda: client.get_experiment_by_name("moods") is not None)
            gone.append(client.get_experiment_by_name("moods").experiment_id)
            client.delete_experiment(gone[0])

    ear = Ear(delete)
    result = run(card, listener=ear)
    assert (result.problem, result.n_run) == (None, 3)
    assert len(ear.warnings) == 1
    assert "of the records are not in MLflow yet (the experiment `moods` was deleted in MLflow)" in ear.warnings[0]
    with pytest.raises(errors.ExperimentDeleted, match="mlflow experiments restore"):
        run(card)
    client.restore_experiment(gone[0])
    assert sync(find_project(card)).left == 0
    assert [row.status for row in rows_of(card)] == ["FINISHED"] * 4
