"""Exactly once, whatever happens: a real MLflow, a real SQLite outbox, and crashes at every step."""

from __future__ import annotations

import contextlib
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from filelock import FileLock
from mlflow import MlflowClient
from servers import free_port, run_silent_server

from runcard import errors
from runcard.tracking import delivery as subject
from runcard.tracking.delivery import Delivery, DeliveryReport, Parcel, RunState, deliver
from runcard.tracking.items import MetricValue, Param, RunKind, RunLog, RunStatus, Tag, TextArtifact
from runcard.tracking.mlflow import MlflowTracker, quiet_mlflow

pytestmark = pytest.mark.slow

SCHEMA = """
CREATE TABLE IF NOT EXISTS parcel (place INTEGER PRIMARY KEY, parcel_id TEXT UNIQUE);
CREATE TABLE IF NOT EXISTS run (record_id TEXT, uri TEXT, run_id TEXT, PRIMARY KEY (record_id, uri));
CREATE TABLE IF NOT EXISTS delivered (parcel_id TEXT, uri TEXT, PRIMARY KEY (parcel_id, uri));
"""

NEWS = ("card/open", "t1/trial", "t2/trial", "t2/final", "card/close")


def make_log(parcel_id: str) -> RunLog:
    record_id, news = parcel_id.split("/")
    kind: RunKind = "card" if record_id == "card" else "trial"
    status: RunStatus = "RUNNING" if news == "open" else "FINISHED"
    at = 1000 if news == "open" else 2000
    items = (
        Param("record", record_id),
        MetricValue(news, 1.5, 0, at),
        Tag(news, "yes"),
        TextArtifact(news, f"{news}.txt"),
    )
    return RunLog(
        record_id,
        kind,
        f"run {record_id}",
        "churn",
        1000,
        status,
        None if news == "open" else at,
        None,
        items,
    )


@dataclass
class Book:
    """A small outbox in SQLite: three tables, as a journal would have them."""

    path: Path
    logs: dict[str, Callable[[], RunLog]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        with self._connect() as connection:
            connection.executescript(SCHEMA)

    @contextlib.contextmanager
    def _connect(self) -> Iterator[sqlite3.Connection]:
        with contextlib.closing(sqlite3.connect(self.path)) as connection, connection:
            yield connection

    def write(self, *parcel_ids: str) -> None:
        with self._connect() as connection:
            connection.executemany("INSERT INTO parcel (parcel_id) VALUES (?)", [(name,) for name in parcel_ids])

    def delivering(self, uri: str) -> contextlib.AbstractContextManager[object]:
        return FileLock(self.path.with_suffix(".lock"))

    def pending(self, uri: str) -> list[Parcel]:
        query = """SELECT parcel_id FROM parcel
            WHERE parcel_id NOT IN (SELECT parcel_id FROM delivered WHERE uri = ?) ORDER BY place"""
        with self._connect() as connection:
            names = [name for (name,) in connection.execute(query, (uri,))]
        return [self._parcel(name) for name in names]

    def _parcel(self, parcel_id: str) -> Parcel:
        record_id = parcel_id.partition("/")[0]
        make = self.logs.get(parcel_id, lambda: make_log(parcel_id))
        return Parcel(parcel_id, record_id, "churn", make, None if record_id == "card" else "card")

    def run_state(self, record_id: str, experiment: str, uri: str) -> RunState:
        with self._connect() as connection:
            query = "SELECT run_id FROM run WHERE record_id = ? AND uri = ?"
            row = connection.execute(query, (record_id, uri)).fetchone()
        return RunState(row is not None, row[0] if row else None)

    def attempted(self, record_id: str, experiment: str, uri: str) -> None:
        with self._connect() as connection:
            connection.execute("INSERT OR IGNORE INTO run VALUES (?, ?, NULL)", (record_id, uri))

    def opened(self, record_id: str, experiment: str, uri: str, run_id: str) -> None:
        with self._connect() as connection:
            connection.execute("INSERT OR REPLACE INTO run VALUES (?, ?, ?)", (record_id, uri, run_id))

    def delivered(self, parcel_id: str, uri: str) -> None:
        with self._connect() as connection:
            connection.execute("INSERT INTO delivered VALUES (?, ?)", (parcel_id, uri))


@pytest.fixture
def book(tmp_path: Path) -> Book:
    book = Book(tmp_path / "journal.db")
    book.write(*NEWS)
    return book


def track(uri: str, folder: Path) -> MlflowTracker:
    return MlflowTracker(uri, artifact_root=folder / "mlartifacts")


def assert_complete(uri: str) -> None:
    """See that each run is there once, closed, with everything of each of its parcels."""
    with quiet_mlflow():
        client = MlflowClient(tracking_uri=uri)
        experiment = client.get_experiment_by_name("churn")
        runs = {run.data.tags["runcard.record"]: run for run in client.search_runs([experiment.experiment_id])}
        assert len(client.search_runs([experiment.experiment_id])) == 3
        assert set(runs) == {"card", "t1", "t2"}
        for record_id, run in runs.items():
            assert run.info.status == "FINISHED"
            assert run.data.params == {"record": record_id}
            news = {name.split("/")[1] for name in NEWS if name.partition("/")[0] == record_id}
            assert set(run.data.metrics) == news
            for name in news:
                assert run.data.tags[name] == "yes"
                assert len(client.get_metric_history(run.info.run_id, name)) == 1
            assert {entry.path for entry in client.list_artifacts(run.info.run_id)} == {f"{name}.txt" for name in news}
            parent = None if record_id == "card" else runs["card"].info.run_id
            assert run.data.tags.get("mlflow.parentRunId") == parent


def test_all_is_delivered_once(book: Book, sqlite_uri: str, tmp_path: Path) -> None:
    with track(sqlite_uri, tmp_path) as tracker:
        assert deliver(book, tracker, sqlite_uri) == DeliveryReport(delivered=5)
        assert_complete(sqlite_uri)
        assert deliver(book, tracker, sqlite_uri) == DeliveryReport()
    assert_complete(sqlite_uri)


class Killed(BaseException):
    """Ends a process at once, as far as `except Exception` and the journal can see."""


class Mortal:
    """Passes calls on to a real object and dies at the nth call, before or after it is done."""

    def __init__(self, inner: object, clock: dict[str, int], when: str) -> None:
        self._inner = inner
        self._clock = clock
        self._when = when

    def __getattr__(self, name: str) -> object:
        method = getattr(self._inner, name)

        def call(*args: object) -> object:
            self._clock["left"] -= 1
            if self._clock["left"] == 0 and self._when == "before":
                raise Killed
            result = method(*args)
            if self._clock["left"] == 0:
                raise Killed
            return result

        return call


def test_a_crash_at_any_step_loses_and_doubles_nothing(empty_mlflow_db: Path, tmp_path: Path) -> None:
    crashes = 0
    for step in range(1, 200):
        for when in ("before", "after"):
            folder = tmp_path / f"{step}-{when}"
            folder.mkdir()
            (folder / "mlflow.db").write_bytes(empty_mlflow_db.read_bytes())
            uri = f"sqlite:///{folder / 'mlflow.db'}"
            book = Book(folder / "journal.db")
            book.write("card/open", "t1/trial", "t1/final", "t2/trial", "card/close")
            clock = {"left": step}
            try:
                with track(uri, folder) as tracker:
                    deliver(Mortal(book, clock, when), Mortal(tracker, clock, when), uri)  # type: ignore[arg-type]
            except Killed:
                crashes += 1
            with track(uri, folder) as tracker:
                assert deliver(book, tracker, uri).left == 0
                records = [row.tags["runcard.record"] for row in tracker.read_runs("churn")]
                assert sorted(records) == ["card", "t1", "t2"], (step, when)
                assert {row.status for row in tracker.read_runs("churn")} == {"FINISHED"}
        if clock["left"] > 0:
            break
    assert crashes > 40


VICTIM = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from test_delivery import Book, track
from runcard.tracking.delivery import deliver
folder, uri = Path(sys.argv[2]), sys.argv[3]
with track(uri, folder) as tracker:
    tracker.ensure_experiment("churn")
    print("ready", flush=True)
    deliver(Book(folder / "journal.db"), tracker, uri)
"""


def test_sigkill_loses_and_doubles_nothing(empty_mlflow_db: Path, tmp_path: Path) -> None:
    for delay in (0.01, 0.05, 0.12):
        folder = tmp_path / str(delay)
        folder.mkdir()
        (folder / "mlflow.db").write_bytes(empty_mlflow_db.read_bytes())
        uri = f"sqlite:///{folder / 'mlflow.db'}"
        book = Book(folder / "journal.db")
        book.write(*NEWS)
        command = [sys.executable, "-c", VICTIM, str(Path(__file__).parent), str(folder), uri]
        victim = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[1])
        assert victim.stdout is not None
        assert victim.stdout.readline() == "ready\n"
        time.sleep(delay)
        victim.send_signal(signal.SIGKILL)
        victim.communicate()
        with track(uri, folder) as tracker:
            assert deliver(book, tracker, uri).left == 0
        assert_complete(uri)


# In the background


def test_the_background_delivers_while_work_goes_on(sqlite_uri: str, tmp_path: Path) -> None:
    book = Book(tmp_path / "journal.db")
    with Delivery(book, sqlite_uri, lambda: track(sqlite_uri, tmp_path)) as delivery:
        for name in NEWS:
            book.write(name)
            delivery.notify()
        report = delivery.finish()
    assert report == DeliveryReport(delivered=5)
    assert report.warning is None
    assert_complete(sqlite_uri)


def test_what_an_earlier_execution_left_is_delivered(book: Book, sqlite_uri: str, tmp_path: Path) -> None:
    with Delivery(book, sqlite_uri, lambda: track(sqlite_uri, tmp_path)) as delivery:
        assert delivery.finish().delivered == 5
    assert_complete(sqlite_uri)


def test_the_background_delivers_to_a_server(book: Book, mlflow_server: str, tmp_path: Path) -> None:
    with Delivery(book, mlflow_server, lambda: track(mlflow_server, tmp_path)) as delivery:
        assert delivery.finish() == DeliveryReport(delivered=5)
    assert_complete(mlflow_server)


def test_two_processes_worth_of_threads_deliver_each_thing_once(book: Book, sqlite_uri: str, tmp_path: Path) -> None:
    with (
        Delivery(book, sqlite_uri, lambda: track(sqlite_uri, tmp_path)) as one,
        Delivery(Book(book.path), sqlite_uri, lambda: track(sqlite_uri, tmp_path)) as two,
    ):
        reports = [one.finish(), two.finish()]
    assert sum(report.delivered for report in reports) == 5
    assert_complete(sqlite_uri)


def test_nothing_is_delivered_while_another_process_delivers(book: Book, sqlite_uri: str, tmp_path: Path) -> None:
    reports: list[DeliveryReport] = []

    def act() -> None:
        with track(sqlite_uri, tmp_path) as tracker:
            reports.append(deliver(book, tracker, sqlite_uri))

    thread = threading.Thread(target=act)
    with book.delivering(sqlite_uri):
        thread.start()
        thread.join(2)
        assert thread.is_alive()
        assert len(book.pending(sqlite_uri)) == len(NEWS)
    thread.join(60)
    assert (reports[0].delivered, reports[0].left) == (len(NEWS), 0)
    assert_complete(sqlite_uri)


def test_an_error_in_the_work_does_not_wait_for_long(book: Book, tmp_path: Path) -> None:
    with run_silent_server() as port:
        uri = f"http://127.0.0.1:{port}"
        started = time.monotonic()
        with pytest.raises(KeyError), Delivery(book, uri, lambda: track(uri, tmp_path)):
            raise KeyError("the work failed")
        assert time.monotonic() - started < subject.LEAVE_SECONDS + 1


# What goes wrong


def test_a_server_that_is_away_leaves_all_and_says_so(book: Book, sqlite_uri: str, tmp_path: Path) -> None:
    uri = f"http://me:hidden@127.0.0.1:{free_port()}"
    started = time.monotonic()
    with Delivery(book, uri, lambda: track(uri, tmp_path)) as delivery:
        report = delivery.finish()
    assert time.monotonic() - started < 3
    assert (report.delivered, report.left) == (0, 5)
    assert isinstance(report.error, errors.TrackingAway)
    assert report.warning is not None
    assert report.warning.startswith("5 of the records are not in MLflow yet")
    assert "hidden" not in str(report)
    with track(sqlite_uri, tmp_path) as tracker:  # and another address gets it all
        assert deliver(book, tracker, sqlite_uri).delivered == 5
    assert_complete(sqlite_uri)


@dataclass
class Flaky:
    """A real tracker whose network fails at some calls, before or after the server did its part."""

    inner: MlflowTracker
    failures: list[str]

    def __getattr__(self, name: str) -> object:
        method = getattr(self.inner, name)

        def call(*args: object) -> object:
            if self.failures and self.failures[0] == f"{name} lost":
                self.failures.pop(0)
                raise errors.TrackingAway("lost on the way there")
            result = method(*args)
            if self.failures and self.failures[0] == f"{name} unanswered":
                self.failures.pop(0)
                raise errors.TrackingAway("lost on the way back")
            return result

        return call


@pytest.mark.parametrize("failure", ["open_run lost", "open_run unanswered", "fill_run lost", "fill_run unanswered"])
def test_one_failure_is_retried_and_doubles_nothing(failure: str, book: Book, sqlite_uri: str, tmp_path: Path) -> None:
    with track(sqlite_uri, tmp_path) as tracker:
        report = deliver(book, Flaky(tracker, [failure]), sqlite_uri)  # type: ignore[arg-type]
    assert report == DeliveryReport(delivered=5)
    assert_complete(sqlite_uri)


def test_two_failures_end_the_delivery(book: Book, sqlite_uri: str, tmp_path: Path) -> None:
    with track(sqlite_uri, tmp_path) as tracker:
        failing = Flaky(tracker, ["fill_run lost", "fill_run unanswered"])
        report = deliver(book, failing, sqlite_uri)  # type: ignore[arg-type]
        assert (report.delivered, report.left) == (0, 5)
        assert isinstance(report.error, errors.TrackingAway)
        assert deliver(book, tracker, sqlite_uri) == DeliveryReport(delivered=5)
    assert_complete(sqlite_uri)


def test_a_record_that_is_refused_does_not_hold_up_the_others(book: Book, sqlite_uri: str, tmp_path: Path) -> None:
    def broken() -> RunLog:
        raise OSError("the file of record t1 at http://me:hidden@host is gone")

    book.logs["t1/trial"] = broken
    with track(sqlite_uri, tmp_path) as tracker:
        report = deliver(book, tracker, sqlite_uri)
        assert (report.delivered, report.left) == (4, 1)
        assert report.error is not None
        assert "is gone" in report.error.why
        assert "hidden" not in str(report.error)
        del book.logs["t1/trial"]
        assert deliver(book, tracker, sqlite_uri) == DeliveryReport(delivered=1)
    assert_complete(sqlite_uri)


def test_children_of_a_card_that_is_refused_wait(book: Book, sqlite_uri: str, tmp_path: Path) -> None:
    def broken() -> RunLog:
        raise errors.FileDamaged("the card's record is damaged")

    book.logs |= {"card/open": broken, "card/close": broken}
    with track(sqlite_uri, tmp_path) as tracker:
        report = deliver(book, tracker, sqlite_uri)
        assert (report.delivered, report.left) == (0, 5)
        assert isinstance(report.error, errors.FileDamaged)
        book.logs.clear()
        assert deliver(book, tracker, sqlite_uri).left == 0
    assert_complete(sqlite_uri)


def test_a_run_deleted_in_mlflow_is_settled(book: Book, sqlite_uri: str, tmp_path: Path) -> None:
    with track(sqlite_uri, tmp_path) as tracker:
        assert deliver(book, tracker, sqlite_uri).left == 0
        (first,) = [row for row in tracker.read_runs("churn") if row.tags["runcard.record"] == "t1"]
        MlflowClient(tracking_uri=sqlite_uri).delete_run(first.run_id)
        book.write("t1/final")
        report = deliver(book, tracker, sqlite_uri)
        assert report == DeliveryReport(dropped=1)
        assert report.warning == "1 of the records belong to runs deleted in MLflow and were left out there"
        assert len(tracker.read_runs("churn")) == 2


def test_a_late_delivery_ends_after_the_parcel_in_hand(book: Book, sqlite_uri: str, tmp_path: Path) -> None:
    entered, go_on = threading.Event(), threading.Event()

    def slow() -> RunLog:
        entered.set()
        go_on.wait(10)
        return make_log("t1/trial")

    book.logs["t1/trial"] = slow
    with Delivery(book, sqlite_uri, lambda: track(sqlite_uri, tmp_path)) as delivery:
        assert entered.wait(10)
        report = delivery.finish(timeout=0.05)
        assert (report.delivered, report.left, report.error) == (1, 4, None)
        assert report.warning == "4 of the records are not in MLflow yet: `runcard sync` delivers them"
        go_on.set()
        assert delivery.finish().left == 3
