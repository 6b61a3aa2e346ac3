"""A project's database says where files are, wherever the project is now."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from mlflow import MlflowClient

from runcard import errors
from runcard.tracking.items import RunLog, TextArtifact
from runcard.tracking.mlflow import MlflowFiles, MlflowTracker
from runcard.tracking.mlflow.tables import open_tables
from runcard.tracking.moved import bring_up_to_date, local_path
from runcard.tracking.runfiles import RunFiles

pytestmark = pytest.mark.slow

LOG = RunLog("r1", "trial", "n", "e", 1, "FINISHED", 2, items=(TextArtifact("old", "a.txt"),))


def write_run(folder: Path, *, of: Path | None = None, record: str = "r1") -> str:
    """Write a run with a file into the database of a project, for this project or another."""
    log = RunLog(record, "trial", "n", (of or folder).name, 1, "FINISHED", 2, items=LOG.items)
    uri = f"sqlite:///{folder / 'mlflow.db'}"
    with MlflowTracker(uri, artifact_root=(of or folder) / "mlartifacts") as tracker:
        run_id = tracker.open_run(log)
        tracker.fill_run(run_id, log)
        return run_id


def experiment_name(folder: Path) -> str:
    with closing(sqlite3.connect(folder / "mlflow.db")) as connection:
        return str(connection.execute("SELECT name FROM experiments WHERE experiment_id != 0").fetchone()[0])


def write_more(folder: Path) -> str:
    log = RunLog("r2", "trial", "n", experiment_name(folder), 1, "FINISHED", 2, items=LOG.items)
    with MlflowTracker(f"sqlite:///{folder / 'mlflow.db'}", artifact_root=folder / "mlartifacts") as tracker:
        run_id = tracker.open_run(log)
        tracker.fill_run(run_id, log)
        return run_id


def locations(folder: Path) -> str:
    tables = (("experiments", "artifact_location"), ("runs", "artifact_uri"))
    with closing(sqlite3.connect(folder / "mlflow.db")) as connection:
        return " ".join(str(connection.execute(f"SELECT {c} FROM {t} ORDER BY 1").fetchall()) for t, c in tables)


def all_in(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*")}


@pytest.fixture
def project(tmp_path: Path, empty_mlflow_db: Path) -> Path:
    folder = tmp_path / "one" / "project"
    folder.mkdir(parents=True)
    (folder / "pyproject.toml").write_text("[tool.runcard]\n")
    shutil.copy(empty_mlflow_db, folder / "mlflow.db")
    return folder


@pytest.mark.parametrize("name", ["two", "a b", "100%", "50%41", "c#d", 'it\'s "x"; y', "Ünï-日本", "a&b=c+d@e~(f)"])
def test_a_moved_project_reads_and_writes_where_it_is(name: str, project: Path) -> None:
    run_id = write_run(project)
    new = project.parent.parent / name / "project"
    new.parent.mkdir()
    project.rename(new)
    uri = f"sqlite:///{str(new / 'mlflow.db').replace('%', '%25').replace('#', '%23')}"
    reader = open_tables(uri)
    assert reader is not None
    with reader:
        assert RunFiles(uri, run_id, reader).read("a.txt") == b"old"
    with MlflowFiles(uri) as files:
        assert files.fetch(run_id, "a.txt", new.parent)
        assert MlflowClient(files.client.tracking_uri).get_run(run_id).info.artifact_uri.startswith("file:///")
    with MlflowTracker(uri, artifact_root=new / "mlartifacts") as tracker:
        log = RunLog("r2", "trial", "n", "project", 1, "FINISHED", 2, items=LOG.items)
        second = tracker.open_run(log)
        tracker.fill_run(second, log)
    assert (new / "mlartifacts" / second / "artifacts" / "a.txt").is_file()
    assert all_in(project.parent) == set()
    assert {path.name for path in new.parent.iterdir()} == {"project", "a.txt"}
    assert sorted(path.name for path in new.iterdir()) == ["mlartifacts", "mlflow.db", "pyproject.toml"]


def test_a_copy_and_its_original_do_not_write_into_each_other(project: Path, tmp_path: Path) -> None:
    write_run(project)
    copy = Path(shutil.copytree(project, tmp_path / "copy" / "project"))
    before = all_in(project), locations(project)
    assert (copy / "mlartifacts" / write_more(copy) / "artifacts" / "a.txt").is_file()
    assert (all_in(project), locations(project)) == before
    before = all_in(copy), locations(copy)
    assert (project / "mlartifacts" / write_more(project) / "artifacts" / "a.txt").is_file()
    assert (all_in(copy), locations(copy)) == before


def test_a_copy_without_files_reads_those_of_the_original_and_writes_its_own(project: Path, tmp_path: Path) -> None:
    run_id = write_run(project)
    copy = tmp_path / "copy"
    copy.mkdir()
    shutil.copy(project / "mlflow.db", copy / "mlflow.db")
    before = all_in(project)
    assert (copy / "mlartifacts" / write_more(copy) / "artifacts" / "a.txt").is_file()
    with MlflowFiles(f"sqlite:///{copy / 'mlflow.db'}") as files:
        assert files.fetch(run_id, "a.txt", tmp_path)
    assert all_in(project) == before


def test_an_experiment_without_files_moves_too(project: Path, tmp_path: Path) -> None:
    with MlflowTracker(f"sqlite:///{project / 'mlflow.db'}", artifact_root=project / "mlartifacts") as tracker:
        tracker.ensure_experiment("project")
    new = project.rename(tmp_path / "new")
    assert (new / "mlartifacts" / write_more(new) / "artifacts" / "a.txt").is_file()
    assert not project.exists()


def test_another_project_s_runs_in_this_database_stay_where_they_are(project: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    run_id = write_run(project, of=other)
    before = locations(project)
    bring_up_to_date(project / "mlflow.db")
    assert locations(project) == before
    assert (other / "mlartifacts" / run_id / "artifacts" / "a.txt").is_file()


def test_a_project_reached_by_a_link_is_not_moved(project: Path, tmp_path: Path) -> None:
    write_run(project)
    before = locations(project)
    (tmp_path / "link").symlink_to(project)
    bring_up_to_date(tmp_path / "link" / "mlflow.db")
    assert locations(project) == before


def test_a_moved_database_that_cannot_be_written_says_so(project: Path, tmp_path: Path) -> None:
    write_run(project)
    new = project.rename(tmp_path / "new")
    with closing(sqlite3.connect(new / "mlflow.db")) as connection:
        connection.execute("CREATE TRIGGER no BEFORE UPDATE ON runs BEGIN SELECT raise(ABORT, 'read only'); END")
    with pytest.raises(errors.TrackingError, match="moved") as caught:
        bring_up_to_date(new / "mlflow.db")
    assert caught.value.why == "read only"
    assert str(project) in locations(new)  # all or nothing


def test_locations() -> None:
    assert local_path("file:///a%20b/c%3F") == Path("/a b/c?")
    assert local_path("/a%20b") == Path("/a%20b")
    assert local_path("s3://bucket/a") is None
    assert local_path("mlflow-artifacts:/1/2") is None
    assert local_path("models:/m-1") is None
