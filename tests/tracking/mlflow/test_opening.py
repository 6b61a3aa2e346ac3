"""A database of MLflow's is there whole or not at all."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
import warnings
from contextlib import closing
from pathlib import Path

import alembic.command
import pytest
import sqlalchemy as sa
import sqlalchemy.orm
from mlflow.store.db.utils import _get_alembic_config
from mlflow.store.tracking.dbmodels.initial_models import Base
from projects import environment

from runcard import errors
from runcard.project import Project, Settings
from runcard.tracking.mlflow import MlflowReader, MlflowTracker
from runcard.workflow.choose.compare import compare_runs

MAKE = """
import sys
from pathlib import Path
from runcard.tracking.mlflow import MlflowTracker
with MlflowTracker(f"sqlite:///{sys.argv[1]}", artifact_root=Path("artifacts")) as tracker:
    print("begin", flush=True)
    tracker.ensure_experiment("e")
"""


def make_experiment(file: Path) -> str:
    with MlflowTracker(f"sqlite:///{file}", artifact_root=file.parent / "mlartifacts") as tracker:
        return tracker.ensure_experiment("e")


def revision(file: Path) -> str:
    with closing(sqlite3.connect(file)) as connection:
        return str(connection.execute("SELECT version_num FROM alembic_version").fetchone()[0])


@pytest.mark.slow
def test_a_kill_while_a_database_is_made_leaves_none(tmp_path: Path) -> None:
    for n_kill, share in enumerate((0.2, 0.5, 0.8)):
        folder = tmp_path / str(n_kill)
        folder.mkdir()
        command = [sys.executable, "-c", MAKE, str(folder / "mlflow.db")]
        process = subprocess.Popen(command, cwd=folder, env=environment(), stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        process.stdout.readline()
        deadline = time.monotonic() + 120
        while not any(folder.glob("mlflow.db*")) and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(share)
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
        db = folder / "mlflow.db"
        if db.exists():  # it was quick, and then all of it is there
            assert revision(db)
        make_experiment(db)
        with MlflowReader(f"sqlite:///{db}") as reader:
            assert "e" in reader.experiment_names()


@pytest.mark.slow
@pytest.mark.parametrize("tables", [0, 1, 5, 20])
def test_an_unfinished_database_in_which_nothing_is_recorded_is_made_anew(
    tables: int, tmp_path: Path, empty_mlflow_db: Path
) -> None:
    half = tmp_path / "mlflow.db"
    with closing(sqlite3.connect(empty_mlflow_db)) as whole, closing(sqlite3.connect(half)) as connection:
        made = [sql for (sql,) in whole.execute("SELECT sql FROM sqlite_master WHERE type = 'table'") if sql]
        for sql in [sql for sql in made if "sqlite_sequence" not in sql][:tables]:
            connection.execute(sql)
        connection.commit()
    make_experiment(half)
    assert revision(half) == revision(empty_mlflow_db)
    assert [path.name for path in tmp_path.iterdir()] == ["mlflow.db"]


def test_a_database_with_something_else_in_it_is_left_alone(tmp_path: Path) -> None:
    db = tmp_path / "mlflow.db"
    with closing(sqlite3.connect(db)) as connection:
        connection.execute("CREATE TABLE runs (mine)")
        connection.execute("INSERT INTO runs VALUES (1)")
        connection.commit()
    with pytest.raises(errors.TrackingError) as caught:
        make_experiment(db)
    assert not isinstance(caught.value, errors.TrackingAway)
    with closing(sqlite3.connect(db)) as connection:
        assert connection.execute("SELECT * FROM runs").fetchall() == [(1,)]


def test_a_database_of_a_newer_mlflow_says_so(tmp_path: Path, empty_mlflow_db: Path) -> None:
    db = Path(shutil.copy(empty_mlflow_db, tmp_path / "mlflow.db"))
    with closing(sqlite3.connect(db)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = 'feedfacef00d'")
        connection.execute("DROP TABLE webhook_events")
        connection.commit()
    with pytest.raises(errors.TrackingError) as caught:
        make_experiment(db)
    assert not isinstance(caught.value, errors.TrackingAway)
    assert "feedfacef00d" in caught.value.why


@pytest.mark.slow
def test_a_log_of_a_database_that_was_removed_is_not_read_into_a_new_one(tmp_path: Path, empty_mlflow_db: Path) -> None:
    (tmp_path / "mlflow.db-wal").write_bytes(b"rest")
    make_experiment(tmp_path / "mlflow.db")
    assert revision(tmp_path / "mlflow.db") == revision(empty_mlflow_db)


@pytest.mark.slow
def test_reading_where_nothing_is_makes_nothing(tmp_path: Path) -> None:
    with MlflowReader(f"sqlite:///{tmp_path / 'deep' / 'mlflow.db'}") as reader:
        assert reader.experiment_names() == ["Default"]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
@pytest.mark.parametrize("made_by", ["0584bdc529eb", "534353b11cbc"], ids=["2.22", "3.4"])
def test_a_database_of_an_older_mlflow_keeps_its_runs(made_by: str, tmp_path: Path) -> None:
    """Whether it is read first or written to first, what was logged then is compared with what is logged now."""
    db = tmp_path / "mlflow.db"
    engine = sa.create_engine(f"sqlite:///{db}")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # MLflow's own tables, by SQLAlchemy's present taste
        sqlalchemy.orm.configure_mappers()
    Base.metadata.create_all(engine)
    engine.dispose()
    alembic.command.upgrade(_get_alembic_config(f"sqlite:///{db}"), made_by)
    with closing(sqlite3.connect(db)) as connection:
        connection.execute(
            "INSERT INTO experiments (name, artifact_location, lifecycle_stage) VALUES ('e', '/a', 'active')"
        )
        connection.execute(
            "INSERT INTO runs (run_uuid, name, source_type, user_id, status, start_time, end_time, lifecycle_stage,"
            " artifact_uri, experiment_id) VALUES ('1', 'old', 'LOCAL', 'me', 'FINISHED', 1, 2, 'active', '/a/1', 1)"
        )
        connection.execute(
            "INSERT INTO latest_metrics (key, value, timestamp, step, is_nan, run_uuid)"
            " VALUES ('acc', 0.5, 1, 0, 0, '1')"
        )
        connection.commit()
    project = Project(tmp_path, Settings(tracking_uri=f"sqlite:///{db}"))
    read = [compare_runs(["e"], project).rows[0].run]
    assert make_experiment(db) == "1"
    read += [compare_runs(["e"], project).rows[0].run]
    assert [(run.name, run.metrics) for run in read] == [("old", {"acc": 0.5})] * 2
