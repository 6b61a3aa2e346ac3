from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from runcard import errors
from runcard.tracking import addresses
from runcard.tracking.items import RunLog
from runcard.tracking.mlflow import MlflowTracker

LOG = RunLog("r", "trial", "n", "e", 1, "FINISHED", 2)


@contextmanager
def answering(status: int) -> Iterator[str]:
    """Run a server that gives every question the same answer."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = b'{"error_code": "X", "message": "no\\nbecause of http://me:hidden@inner"}'
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.parametrize("status", [401, 403])
def test_refused_credentials_are_not_an_absence(status: int, tmp_path: Path) -> None:
    with (
        answering(status) as uri,
        MlflowTracker(uri, artifact_root=tmp_path) as tracker,
        pytest.raises(errors.TrackingError, match="refuses the credentials") as caught,
    ):
        tracker.probe()
    assert not isinstance(caught.value, errors.TrackingAway)
    assert "MLFLOW_TRACKING_TOKEN" in caught.value.hint


@pytest.mark.parametrize("status", [408, 429, 502, 503, 504])
def test_a_busy_server_is_away_and_is_not_insisted_on(status: int, tmp_path: Path) -> None:
    with answering(status) as uri, MlflowTracker(uri, artifact_root=tmp_path) as tracker:
        started = time.monotonic()
        with pytest.raises(errors.TrackingAway):
            tracker.open_run(LOG)
        assert time.monotonic() - started < 2


@pytest.mark.parametrize("status", [400, 404, 500])
def test_a_server_that_says_no_is_there(status: int, tmp_path: Path) -> None:
    with (
        answering(status) as uri,
        MlflowTracker(uri, artifact_root=tmp_path) as tracker,
        pytest.raises(errors.TrackingError) as caught,
    ):
        tracker.open_run(LOG)
    assert type(caught.value) is errors.TrackingError
    assert "hidden" not in str(caught.value)


def test_a_check_that_hangs_is_left_behind() -> None:
    started = time.monotonic()
    gate = threading.Event()
    with pytest.raises(errors.TrackingAway) as caught:
        addresses.within(0.1, lambda: gate.wait(30) and None, uri="http://me:hidden@host")
    gate.set()
    assert time.monotonic() - started < 1
    assert caught.value.where == "http://***@host"


def test_a_check_that_fails_tells_its_reason() -> None:
    def fail() -> None:
        raise ValueError("first line\nlast line of http://me:hidden@host")

    with pytest.raises(errors.TrackingAway) as caught:
        addresses.within(1, fail, uri="http://host")
    assert caught.value.why == "last line of http://***@host"


@pytest.mark.parametrize(
    ("uri", "is_server", "is_database", "is_sqlite"),
    [
        ("http://host", True, False, False),
        ("https://host/mlflow", True, False, False),
        ("postgresql://host/db", False, True, False),
        ("mysql+pymysql://host/db", False, True, False),
        ("sqlite:///a.db", False, False, True),
        ("databricks", False, False, False),
    ],
)
def test_kinds_of_addresses(uri: str, is_server: bool, is_database: bool, is_sqlite: bool) -> None:
    assert (addresses.is_server(uri), addresses.is_database(uri), addresses.is_sqlite(uri)) == (
        is_server,
        is_database,
        is_sqlite,
    )


def test_database_files_that_can_be_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with closing(sqlite3.connect("there.db")) as connection:
        connection.execute("CREATE TABLE t (x)")
    for name in ("there.db", "new.db", "not/yet/there.db", f"{tmp_path}/there.db", ""):
        addresses.check_sqlite(f"sqlite:///{name}")
    assert [path.name for path in tmp_path.iterdir()] == ["there.db"]  # looking makes nothing


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "mlflow.db").write_text("tenure,churn\n" * 200)
    with pytest.raises(errors.TrackingError, match="cannot be opened") as caught:
        addresses.check_sqlite(f"sqlite:///{tmp_path}/mlflow.db")
    assert caught.value.why == "file is not a database"


def test_a_database_in_a_file_s_place(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("")
    with pytest.raises(errors.TrackingError) as caught:
        addresses.check_sqlite(f"sqlite:///{tmp_path}/data/mlflow.db")
    assert caught.value.why == f"{tmp_path / 'data'} is not a folder"


def test_a_new_database_has_a_write_ahead_log_and_an_old_one_stays(tmp_path: Path) -> None:
    new, old = tmp_path / "sub" / "new.db", tmp_path / "old.db"
    with closing(sqlite3.connect(old)) as connection:
        connection.execute("CREATE TABLE t (x)")
    modes = []
    for path in (new, old):
        addresses.begin_sqlite(path)
        with closing(sqlite3.connect(path)) as connection:
            modes += connection.execute("PRAGMA journal_mode").fetchone()
    assert modes == ["wal", "delete"]


def test_a_settled_database_can_be_copied(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    addresses.begin_sqlite(path)
    with closing(sqlite3.connect(path)) as connection:  # stays open, as MLflow's do
        connection.execute("CREATE TABLE t (x)")
        connection.commit()
        addresses.settle_sqlite(path)
        (tmp_path / "b.db").write_bytes(path.read_bytes())
    with closing(sqlite3.connect(tmp_path / "b.db")) as copy:
        assert copy.execute("SELECT name FROM sqlite_master").fetchall() == [("t",)]


def test_files_of_addresses() -> None:
    assert addresses.sqlite_file("sqlite:///a/b.db") == Path("a/b.db")
    assert addresses.sqlite_file("sqlite:////a/b.db") == Path("/a/b.db")
    assert addresses.sqlite_file("sqlite:///:memory:") is None
    assert addresses.sqlite_file("sqlite:///file:a.db?uri=true") is None
    assert addresses.sqlite_file("http://host/a.db") is None


def test_a_driver_that_is_missing_is_named() -> None:
    with pytest.raises(errors.PackageMissing, match="cx_Oracle") as caught:
        addresses.check_database("oracle+cx_oracle://me:hidden@host/db")
    assert "hidden" not in str(caught.value)
