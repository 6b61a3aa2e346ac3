"""Addresses that can never work stop a run before anything is trained; those that are away do not."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from projects import call_cli, count_rows, customers_card, make_customers, write_project
from servers import free_port

from runcard import errors
from runcard.project import Project, Settings
from runcard.tracking.mlflow import MlflowReader
from runcard.workflow.run.address import heed_address

Answer = Callable[[str], tuple[int, str, str]]
"""From a path to status, content type and content."""

_PAGE = "<!DOCTYPE HTML>\n<html><body><p>Error response: '404'\n</p></body></html>\n"
_UNKNOWN = json.dumps({"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "no such model"})


@contextmanager
def answering(answer: Answer) -> Iterator[str]:
    """Run a web server that answers as it is told."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, kind, content = answer(self.path)
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(content.encode())))
            self.end_headers()
            self.wfile.write(content.encode())

        do_POST = do_GET

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


def heed(uri: str, root: Path) -> None:
    heed_address(Project(root, Settings(tracking_uri=uri)), "churn")


def always(status: int, content: str, kind: str = "text/html") -> Answer:
    return lambda _: (status, kind, content)


def mlflow_2(path: str) -> tuple[int, str, str]:
    return (200, "text/html", "2.22.1") if path == "/version" else (404, "text/html", _PAGE)


def deleted(path: str) -> tuple[int, str, str]:
    found = {"experiment": {"experiment_id": "7", "name": "churn", "lifecycle_stage": "deleted"}}
    is_asked = "get-by-name" in path
    return (200 if is_asked else 404), "application/json", json.dumps(found) if is_asked else _UNKNOWN


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (always(404, _PAGE), "HTTP 404, a web page"),
        (always(200, _PAGE), "HTTP 200, a web page"),
        (always(200, "{}", "application/json"), "HTTP 200, `{}`"),
        (always(200, "[]", "application/json"), "HTTP 200, `[]`"),
        (always(405, ""), "HTTP 405, without content"),
        (always(200, "hello token=abc", "text/plain"), "HTTP 200, `hello token=abc`"),
        (mlflow_2, "MLflow 2.22.1"),
        (deleted, "the experiment `churn` was deleted"),
        (always(401, "no"), "refuses the credentials (HTTP 401)"),
        (always(403, "{}"), "refuses the credentials (HTTP 403)"),
    ],
)
def test_what_is_no_mlflow_3_is_told_from_it(answer: Answer, said: str, tmp_path: Path) -> None:
    with answering(answer) as uri:
        with pytest.raises(errors.TrackingError) as caught:
            heed(uri, tmp_path)
        assert not isinstance(caught.value, errors.TrackingAway)
        assert said in str(caught.value)
        assert uri in caught.value.where
        assert caught.value.hint
        if "deleted" not in said:
            with MlflowReader(uri) as reader, pytest.raises(errors.TrackingError) as again:
                reader.probe()
            assert str(again.value) == str(caught.value)


@pytest.mark.parametrize(
    "answer",
    [
        always(404, _UNKNOWN, "application/json"),
        always(500, '{"error_code": "INTERNAL_ERROR"}', "application/json"),
        *(always(status, _PAGE) for status in (408, 429, 500, 502, 503, 504)),
    ],
)
def test_a_server_that_is_well_or_out_of_order_does_not_stop_a_run(answer: Answer, tmp_path: Path) -> None:
    with answering(answer) as uri:
        heed(uri, tmp_path)


@pytest.mark.parametrize("uri", ["http://127.0.0.1:{port}", "postgresql+psycopg2://me:hidden@127.0.0.1:{port}/x"])
def test_an_address_that_is_away_does_not_stop_a_run(uri: str, tmp_path: Path) -> None:
    heed(uri.format(port=free_port()), tmp_path)


@pytest.mark.parametrize(
    ("uri", "why", "hint"),
    [
        ("mlruns", "maintenance mode", "mlflow migrate-filestore"),
        ("./mlruns", "maintenance mode", "sqlite:///mlflow.db"),
        ("C:\\mlruns", "maintenance mode", "sqlite:///mlflow.db"),
        ("file:///somewhere/mlruns", "maintenance mode", "sqlite:///mlflow.db"),
        ("postgres://me:hidden@h/x", "unsupported URI", "postgresql+psycopg2://"),
        ("gopher://me:hidden@h/x", "unsupported URI", "sqlite:///mlflow.db"),
        ("localhost:5000", "unsupported URI", "http://localhost:5000"),
        ("127.0.0.1:5000", "", "http://127.0.0.1:5000"),
        ("http://", "it names no host", "http://HOST:PORT"),
        ("http:///x", "it names no host", "http://HOST:PORT"),
        ("sqlite://", "it names no file", "three slashes"),
        ("sqlite://mlflow.db", "it names no file", "three slashes"),
        ("sqlite:mlflow.db", "it names no file", "three slashes"),
        ("sqlite:///", "in memory", "three slashes"),
        ("sqlite:///:memory:", "in memory", "three slashes"),
        ("sqlite:////", "it is a folder", "--tracking-uri"),
        ("postgresql+nodriver://me:hidden@h/x", "nodriver", "postgresql+psycopg2"),
        ("postgresql+psycopg2://me:hidden@h:port/x", "port", ""),
    ],
)
def test_addresses_that_can_never_work(uri: str, why: str, hint: str, tmp_path: Path) -> None:
    with pytest.raises(errors.TrackingError) as caught:
        heed(uri, tmp_path)
    assert not isinstance(caught.value, errors.TrackingAway)
    assert why in caught.value.why
    assert hint in caught.value.hint
    assert "hidden" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_driver_that_is_missing_stops_a_run(tmp_path: Path) -> None:
    with pytest.raises(errors.PackageMissing, match="`pymysql`") as caught:
        heed("mysql+pymysql://me:hidden@127.0.0.1:1/x", tmp_path)
    assert "hidden" not in str(caught.value)


def test_a_database_of_another_layout_stops_a_run(empty_mlflow_db: Path, tmp_path: Path) -> None:
    db = tmp_path / "mlflow.db"
    db.write_bytes(empty_mlflow_db.read_bytes())
    heed("", tmp_path)
    with closing(sqlite3.connect(db)) as connection:
        connection.execute("INSERT INTO experiments (name, experiment_id) VALUES ('x', 9)")
        connection.execute("UPDATE alembic_version SET version_num = '451aebb31d03'")
        connection.commit()
    with pytest.raises(errors.TrackingError, match="could not be") as caught:
        heed("", tmp_path)
    assert "mlflow db upgrade" in caught.value.hint


def test_an_experiment_deleted_in_the_database_stops_a_run(empty_mlflow_db: Path, tmp_path: Path) -> None:
    db = tmp_path / "mlflow.db"
    db.write_bytes(empty_mlflow_db.read_bytes())
    with closing(sqlite3.connect(db)) as connection:
        row = "('churn', 9, 'deleted')"
        connection.execute(f"INSERT INTO experiments (name, experiment_id, lifecycle_stage) VALUES {row}")
        connection.commit()
    with pytest.raises(errors.ExperimentDeleted):
        heed("", tmp_path)


@pytest.mark.slow
def test_a_database_that_lets_nobody_in_stops_a_run(postgres: str, tmp_path: Path) -> None:
    for wrong in (postgres.replace("s3cret", "hidden"), postgres.rpartition("/")[0] + "/nothing"):
        with pytest.raises(errors.TrackingError, match="refuses") as caught:
            heed(wrong, tmp_path)
        assert not isinstance(caught.value, errors.TrackingAway)
        assert "FATAL" in caught.value.why
        assert "hidden" not in str(caught.value)
    heed(postgres, tmp_path)


@pytest.mark.slow
def test_nothing_is_trained_for_an_address_that_can_never_work(tmp_path: Path) -> None:
    write_project(tmp_path / "p", customers_card(), table=make_customers())
    said = call_cli(tmp_path / "p", "run", "card", "--workers", "1", MLFLOW_TRACKING_URI="mlruns")
    assert said.returncode == 1
    assert "maintenance mode" in said.stderr
    assert "Recorded" not in said.stderr
    assert count_rows(tmp_path / "p", "records") == 0


@pytest.mark.slow
def test_what_waits_for_another_address_is_told(tmp_path: Path, empty_mlflow_db: Path) -> None:
    folder = tmp_path / "p"
    models = [{"name": "logistic_regression", "params": {"C": [0.1, 1.0]}}]
    write_project(folder, customers_card(models=models), table=make_customers(), db=empty_mlflow_db)
    away = f"http://127.0.0.1:{free_port()}"
    said = call_cli(folder, "run", "card", "--workers", "1", MLFLOW_TRACKING_URI=away)
    assert said.returncode == 0
    n_waiting = count_rows(folder, "parcels", "delivered = 0")
    assert f"{n_waiting} of the records are not in MLflow yet" in said.stderr
    assert "Recorded in MLflow" not in said.stderr
    said = call_cli(folder, "sync")
    assert said.returncode == 1
    assert "MLflow has everything" not in said.stdout
    assert f"{n_waiting} wait for {away}: runcard sync --tracking-uri {away}" in said.stdout
    said = call_cli(folder, "sync", "--tracking-uri", away)
    assert said.returncode == 1
    assert f"0 delivered, {n_waiting} left." in said.stdout
    said = call_cli(folder, "run", "card", "--workers", "1")
    assert "Recorded in MLflow" in said.stderr
