"""One contract for every MLflow: the same log leaves the same run, seen through MLflow's own client."""

from __future__ import annotations

import importlib
import json
import logging
import os
import shutil
import sqlite3
import subprocess
import sys
import time
import uuid
import warnings
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from mlflow import MlflowClient
from mlflow.entities import ViewType
from servers import free_port, run_silent_server
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder
from sqlalchemy import Engine, event

from runcard import errors
from runcard.tracking.items import (
    TAG_LIMIT,
    Artifact,
    DatasetInput,
    Distinction,
    MetricValue,
    ModelFiles,
    Param,
    RunLog,
    Tag,
    TextArtifact,
    safe_params,
    safe_schema,
)
from runcard.tracking.mlflow import MlflowTracker, quiet_mlflow, save_model
from runcard.tracking.mlflow import reader as subject
from runcard.tracking.models.owncode import OwnCode

pytestmark = pytest.mark.slow

ADDRESSES = [
    "sqlite_uri",
    pytest.param("mlflow_server", marks=pytest.mark.slow),
    pytest.param("mlflow_server_on_postgres", marks=pytest.mark.slow),
    pytest.param("postgres", marks=pytest.mark.slow),
]


def open_files() -> list[str]:
    """Name the files that this process has open."""
    return [os.readlink(link) for link in Path("/proc/self/fd").iterdir() if link.exists()]


@pytest.fixture(params=ADDRESSES)
def address(request: pytest.FixtureRequest) -> str:
    return str(request.getfixturevalue(request.param))


@pytest.fixture
def tracker(address: str, tmp_path: Path) -> Iterator[MlflowTracker]:
    with MlflowTracker(address, artifact_root=tmp_path / "mlartifacts") as tracker:
        tracker.probe()
        yield tracker


@pytest.fixture
def client(tracker: MlflowTracker) -> MlflowClient:
    return MlflowClient(tracking_uri=tracker.uri)


@pytest.fixture
def log() -> RunLog:
    """Return the log of an empty trial in an experiment of its own."""
    return RunLog(uuid.uuid4().hex, "trial", "forest-1", f"exp-{uuid.uuid4().hex[:8]}", 1000, "FINISHED", 5000)


@pytest.fixture
def full_log(log: RunLog, tmp_path: Path) -> RunLog:
    picture = tmp_path / "roc.png"
    picture.write_bytes(b"\x89PNG")
    (tmp_path / "tables").mkdir()
    (tmp_path / "tables" / "a.csv").write_text("x\n1\n")
    return replace(
        log,
        items=(
            Param("C", "0.1"),
            Param("penalty", "null"),
            *(MetricValue("cv_auc", 0.7 + fold / 100, fold, 2000) for fold in range(5)),
            MetricValue("cv_auc_mean", 0.72, 0, 2000),
            Tag("runcard.trial_key", "abc"),
            Tag("mlflow.note.content", "Größe ≤ 5"),
            Artifact(picture, "figures"),
            Artifact(tmp_path / "tables"),
            TextArtifact("name: churn\n", "card.yaml"),
            TextArtifact("{}", "provenance/code.json"),
            DatasetInput(
                "churn.csv",
                "d" * 64,
                '{"uri": "data/churn.csv"}',
                "local",
                '{"columns": []}',
                '{"num_rows": 7}',
                "training",
            ),
        ),
    )


def deliver(tracker: MlflowTracker, log: RunLog) -> str:
    run_id = tracker.open_run(log)
    tracker.fill_run(run_id, log)
    return run_id


def files(client: MlflowClient, run_id: str, folder: str | None = None) -> list[str]:
    found: list[str] = []
    for entry in client.list_artifacts(run_id, folder):
        found += files(client, run_id, entry.path) if entry.is_dir else [entry.path]
    return sorted(found)


def everything(client: MlflowClient, run_id: str) -> object:
    run = client.get_run(run_id)
    histories = {name: client.get_metric_history(run_id, name) for name in sorted(run.data.metrics)}
    models = client.search_logged_models([run.info.experiment_id])
    return (
        run.to_dictionary(),
        {name: [(m.step, m.value, m.timestamp) for m in history] for name, history in histories.items()},
        files(client, run_id),
        [(m.model_id, m.name, m.status, m.params, [(x.key, x.value) for x in m.metrics or []]) for m in models],
    )


# What a log leaves behind


def test_a_log_becomes_a_run(tracker: MlflowTracker, client: MlflowClient, full_log: RunLog) -> None:
    run = client.get_run(deliver(tracker, full_log))
    assert (run.info.run_name, run.info.status, run.info.start_time, run.info.end_time) == (
        "forest-1",
        "FINISHED",
        1000,
        5000,
    )
    assert run.data.params == {"C": "0.1", "penalty": "null"}
    assert run.data.metrics == {"cv_auc": 0.74, "cv_auc_mean": 0.72}
    tags = run.data.tags
    assert tags["runcard.record"] == full_log.record_id
    assert tags["runcard.kind"] == "trial"
    assert tags["mlflow.note.content"] == "Größe ≤ 5"
    assert "mlflow.parentRunId" not in tags
    history = client.get_metric_history(run.info.run_id, "cv_auc")
    assert [(metric.step, metric.value) for metric in history] == [(k, 0.7 + k / 100) for k in range(5)]


def test_its_files_and_data_are_kept(
    tracker: MlflowTracker, client: MlflowClient, full_log: RunLog, tmp_path: Path
) -> None:
    run_id = deliver(tracker, full_log)
    assert files(client, run_id) == ["card.yaml", "figures/roc.png", "provenance/code.json", "tables/a.csv"]
    kept = client.download_artifacts(run_id, "card.yaml", str(tmp_path))
    assert Path(kept).read_text() == "name: churn\n"
    (data,) = client.get_run(run_id).inputs.dataset_inputs
    assert (data.dataset.name, data.dataset.digest) == ("churn.csv", "d" * 36)
    assert {tag.key: tag.value for tag in data.tags} == {"mlflow.data.context": "training"}


def test_filling_again_changes_nothing(
    tracker: MlflowTracker, client: MlflowClient, full_log: RunLog, model_folder: Path
) -> None:
    model = ModelFiles(model_folder, "model", (Param("n", "5"),), (MetricValue("test_auc", 0.9, 0, 7),))
    whole = replace(full_log, items=(*full_log.items, model))
    run_id = deliver(tracker, whole)
    before = everything(client, run_id)
    tracker.fill_run(run_id, whole)
    assert everything(client, run_id) == before
    with MlflowTracker(tracker.uri, artifact_root=Path("elsewhere")) as later:  # as after a crash
        later.fill_run(run_id, whole)
    assert everything(client, run_id) == before


def test_a_card_stays_running_until_it_is_closed(tracker: MlflowTracker, client: MlflowClient, log: RunLog) -> None:
    opened = replace(log, kind="card", status="RUNNING", ended_ms=None, items=(Tag("a", "1"),))
    run_id = deliver(tracker, opened)
    assert (client.get_run(run_id).info.status, client.get_run(run_id).info.end_time) == ("RUNNING", None)
    child = deliver(tracker, replace(log, record_id="child", parent_run_id=run_id))
    assert client.get_run(child).data.tags["mlflow.parentRunId"] == run_id
    tracker.fill_run(run_id, replace(opened, status="KILLED", ended_ms=9000, items=(Tag("a", "2"),)))
    run = client.get_run(run_id)
    assert (run.info.status, run.info.end_time, run.data.tags["a"]) == ("KILLED", 9000, "2")


def test_a_finalist_adds_to_its_trial(tracker: MlflowTracker, client: MlflowClient, full_log: RunLog) -> None:
    run_id = deliver(tracker, full_log)
    tracker.fill_run(run_id, replace(full_log, ended_ms=8000, items=(MetricValue("test_auc", 0.8, 0, 8000),)))
    run = client.get_run(run_id)
    assert run.data.metrics == {"cv_auc": 0.74, "cv_auc_mean": 0.72, "test_auc": 0.8}
    assert run.data.params["C"] == "0.1"
    assert run.info.end_time == 8000


def test_many_items_are_sent_in_batches(tracker: MlflowTracker, client: MlflowClient, log: RunLog) -> None:
    items = (
        *(Param(f"p{k}", str(k)) for k in range(250)),
        *(MetricValue("m", k, k, 1) for k in range(2300)),
        *(Tag(f"t{k}", str(k)) for k in range(230)),
    )
    run_id = deliver(tracker, replace(log, items=items))
    run = client.get_run(run_id)
    assert len(run.data.params) == 250
    assert {f"t{k}" for k in range(230)} <= set(run.data.tags)
    assert [metric.value for metric in client.get_metric_history(run_id, "m")] == list(range(2300))


def test_a_long_tag_is_shortened_openly(tracker: MlflowTracker, client: MlflowClient, log: RunLog) -> None:
    run_id = deliver(tracker, replace(log, items=(Tag("long", "x" * 9000),)))
    kept = client.get_run(run_id).data.tags["long"]
    assert len(kept) == TAG_LIMIT
    assert kept.endswith("… (see runcard's journal)")


# Finding and reading runs


def test_whatever_a_record_holds_arrives(tracker: MlflowTracker, client: MlflowClient, log: RunLog) -> None:
    """Push at every limit that MLflow, its server and its databases have for what a run is given."""
    columns = [{"name": f"ENSG{n:011d}", "type": "integer"} for n in range(26_000)]
    params, overflow = safe_params({f"p{n}": "\U0001f600" * 5_990 for n in range(40)} | {"long": "x" * 9_000, "": ""})
    params = tuple(item for item in params if getattr(item, "name", None) != "")
    data = DatasetInput("d" * 700, "e" * 64, "{}", "local", safe_schema(columns, see="plan.json"), "{}", "training")
    items = (
        *(Tag(f"t{n}", "\u00e4\U0001f600" * 5_000) for n in range(130)),
        Tag("k" * 250, "x"),
        Tag("odd", "nul \x00, half \udc80, end"),
        Tag("mlflow.user", "u" * 250),
        *params,
        *(Param(f"q{n}", "1") for n in range(230)),
        Param("odd", "a\x00b\udcff"),
        Param("empty", ""),
        *(MetricValue(f"m/{n}: x.y-z", 1e308, n, 1) for n in range(2_300)),
        MetricValue("m" * 250, -5e-324, 2**40, 1),
        data,
        TextArtifact("half \udc80", "a b/\u00fc.txt"),
    )
    run_id = deliver(tracker, replace(log, name="n\x00" + "r" * 400, items=items))
    run = client.get_run(run_id)
    assert run.data.tags["odd"] == "nul \\x00, half \\udc80, end"
    assert run.data.tags["t129"].endswith("\u2026 (see runcard's journal)")
    assert (run.data.params["odd"], run.data.params["empty"]) == ("a\\x00b\\udcff", "")
    assert len(run.data.params) == 40 + 1 + 230 + 2
    assert set(overflow) == {"long"}
    assert len(run.data.metrics) == 2_301
    assert len(run.info.run_name) == 250
    (found,) = run.inputs.dataset_inputs
    schema = json.loads(found.dataset.schema)
    assert schema["n_columns"] == 26_000
    assert len(schema["columns"]) + schema["left_out"] == 26_000
    assert schema["see"] == "plan.json"
    assert len(schema["columns"]) > 15_000


def test_a_run_is_found_by_its_record(tracker: MlflowTracker, log: RunLog) -> None:
    assert tracker.find_run(log.experiment, log.record_id) is None
    run_id = tracker.open_run(log)
    assert tracker.find_run(log.experiment, log.record_id) == run_id
    assert tracker.find_run(log.experiment, "another") is None


def test_runs_are_read_newest_first(
    tracker: MlflowTracker, client: MlflowClient, log: RunLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subject, "PAGE", 2)
    for k in range(5):
        items = (Param("k", str(k)), MetricValue("cv_auc_mean", k / 10, 0, 1))
        deliver(tracker, replace(log, record_id=f"r{k}", name=f"t{k}", started_ms=1000 + k, items=items))
    deliver(tracker, replace(log, record_id="c", name="card", kind="card"))
    client.create_run(tracker.ensure_experiment(log.experiment), run_name="by hand", start_time=1)
    assert [row.name for row in tracker.read_runs(log.experiment, kind="trial")] == [
        "t4",
        "t3",
        "t2",
        "t1",
        "t0",
    ]
    assert [row.name for row in tracker.read_runs(log.experiment, kind="trial", limit=3)] == [
        "t4",
        "t3",
        "t2",
    ]
    assert [row.name for row in tracker.read_runs(log.experiment, kind="card")] == ["card"]
    rows = tracker.read_runs(log.experiment)
    assert {row.name for row in rows} == {"t4", "t3", "t2", "t1", "t0", "card", "by hand"}
    first = rows[0]
    assert (first.params, first.metrics, first.status) == ({"k": "4"}, {"cv_auc_mean": 0.4}, "FINISHED")
    assert (first.started_ms, first.ended_ms, first.tags["runcard.record"]) == (1004, 5000, "r4")


def test_an_unknown_experiment_is_an_error(tracker: MlflowTracker, log: RunLog) -> None:
    tracker.ensure_experiment(log.experiment)
    with pytest.raises(errors.ExperimentUnknown) as caught:
        tracker.read_runs(log.experiment[:-1])
    assert log.experiment in caught.value.hint


def test_a_deleted_experiment_is_an_error(tracker: MlflowTracker, client: MlflowClient, log: RunLog) -> None:
    experiment_id = tracker.ensure_experiment(log.experiment)
    client.delete_experiment(experiment_id)
    with MlflowTracker(tracker.uri, artifact_root=Path("unused")) as later:
        for attempt in (later.ensure_experiment, later.read_runs):
            with pytest.raises(errors.ExperimentDeleted) as caught:
                attempt(log.experiment)
            assert f"mlflow experiments restore -x {experiment_id}" in caught.value.hint
    assert len([e for e in client.search_experiments(ViewType.ALL) if e.name == log.experiment]) == 1


def test_a_deleted_run_is_not_brought_back(tracker: MlflowTracker, client: MlflowClient, full_log: RunLog) -> None:
    run_id = tracker.open_run(full_log)
    client.delete_run(run_id)
    with pytest.raises(errors.RunDeleted):
        tracker.fill_run(run_id, full_log)
    with pytest.raises(errors.RunDeleted):
        tracker.fill_run(uuid.uuid4().hex, full_log)


def test_a_changed_parameter_is_refused(tracker: MlflowTracker, full_log: RunLog) -> None:
    run_id = deliver(tracker, full_log)
    with pytest.raises(errors.TrackingError, match="could not be filled") as caught:
        tracker.fill_run(run_id, replace(full_log, items=(Param("C", "10"),)))
    assert type(caught.value) is errors.TrackingError


def test_whoever_leaves_has_left_the_database(tmp_path: Path, empty_mlflow_db: Path, log: RunLog) -> None:
    file = Path(shutil.copy(empty_mlflow_db, tmp_path / "left.db"))
    with MlflowTracker(f"sqlite:///{file}", artifact_root=tmp_path / "mlartifacts") as tracker:
        run_id = tracker.open_run(log)
        assert any(Path(place).name == file.name for place in open_files())
    assert not any(Path(place).name.startswith(file.name) for place in open_files())
    assert [found.name for found in tmp_path.glob("left.db*")] == [file.name]  # no log of what is to be written
    with tracker:
        assert tracker.find_run(log.experiment, log.record_id) == run_id


def test_artifacts_of_a_database_lie_in_the_project(sqlite_uri: str, log: RunLog, tmp_path: Path) -> None:
    here = sorted(Path.cwd().iterdir())
    with MlflowTracker(sqlite_uri, artifact_root=tmp_path / "mlartifacts") as tracker:
        run_id = deliver(tracker, replace(log, items=(TextArtifact("x", "a.txt"),)))
    assert (tmp_path / "mlartifacts" / run_id / "artifacts" / "a.txt").read_text() == "x"
    assert sorted(Path.cwd().iterdir()) == here


# Models


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    random = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "tenure": random.integers(0, 72, 200),
            "charges": np.where(random.random(200) < 0.1, np.nan, random.normal(60, 20, 200)),
            "contract": random.choice(["month", "year"], 200),
        }
    )


@pytest.fixture(scope="module")
def pipeline(table: pd.DataFrame) -> Pipeline:
    columns = make_column_transformer((SimpleImputer(), ["tenure", "charges"]), (OneHotEncoder(), ["contract"]))
    target = np.where(table["tenure"] > 30, "No", "Yes")
    return make_pipeline(columns, RandomForestClassifier(5, random_state=0)).fit(table, target)


def write_model(pipeline: Pipeline, table: pd.DataFrame, folder: Path, **options: object) -> Path:
    rows = table.head(5)
    save_model(
        pipeline,
        folder,
        input_example=rows,
        predictions=pipeline.predict(rows),
        requirements=["scikit-learn==1.9.1"],
        **options,
    )
    return folder


@pytest.fixture(scope="module")
def model_folder(pipeline: Pipeline, table: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(pipeline, table, tmp_path_factory.mktemp("models") / "model")


@pytest.fixture
def at_address(address: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Have MLflow's loaders look at the address, as a user's session would."""
    import mlflow

    mlflow.set_tracking_uri(address)
    yield
    mlflow.set_tracking_uri(None)  # and with it the environment variable that MLflow sets


@pytest.mark.usefixtures("at_address")
@pytest.mark.filterwarnings("ignore::UserWarning:mlflow")
def test_a_logged_model_predicts_on_raw_rows(
    tracker: MlflowTracker,
    client: MlflowClient,
    full_log: RunLog,
    model_folder: Path,
    pipeline: Pipeline,
    table: pd.DataFrame,
    tmp_path: Path,
) -> None:
    import mlflow

    run_id = deliver(tracker, full_log)
    model = ModelFiles(model_folder, "model", (Param("n_estimators", "5"),), (MetricValue("test_auc", 0.9, 0, 7),))
    tracker.fill_run(run_id, replace(full_log, items=(model,)))

    (logged,) = client.search_logged_models([client.get_run(run_id).info.experiment_id])
    assert (logged.name, logged.source_run_id, str(logged.status)) == ("model", run_id, "READY")
    assert logged.params == {"n_estimators": "5"}
    assert [(metric.key, metric.value) for metric in logged.metrics] == [("test_auc", 0.9)]  # and no cv_auc
    run = client.get_run(run_id)
    assert [output.model_id for output in run.outputs.model_outputs] == [logged.model_id]
    assert run.data.metrics["test_auc"] == 0.9

    for uri in (f"runs:/{run_id}/model", f"models:/{logged.model_id}"):
        assert (mlflow.sklearn.load_model(uri).predict(table) == pipeline.predict(table)).all()
        loaded = mlflow.pyfunc.load_model(uri)
        assert (loaded.predict(table) == pipeline.predict(table)).all()
    assert (loaded.metadata.run_id, loaded.metadata.model_id) == (run_id, logged.model_id)
    signature = loaded.metadata.signature
    assert [(c.name, str(c.type), c.required) for c in signature.inputs.inputs] == [
        ("tenure", "DataType.long", True),
        ("charges", "DataType.double", True),
        ("contract", "DataType.string", True),
    ]
    assert loaded.input_example.equals(table.head(5))


def test_a_model_begun_before_a_crash_is_completed(
    tracker: MlflowTracker, client: MlflowClient, log: RunLog, model_folder: Path
) -> None:
    run_id = tracker.open_run(log)
    begun = client.create_logged_model(tracker.ensure_experiment(log.experiment), "model", source_run_id=run_id)
    tracker.fill_run(run_id, replace(log, items=(ModelFiles(model_folder, "model"),)))
    (logged,) = client.search_logged_models([tracker.ensure_experiment(log.experiment)])
    assert (logged.model_id, str(logged.status)) == (begun.model_id, "READY")


def test_a_model_is_small_and_lists_its_types(model_folder: Path) -> None:
    from mlflow.models import Model

    described = Model.load(str(model_folder))
    assert described.flavors["sklearn"]["skops_trusted_types"] == ["numpy.dtype", "sklearn.tree._tree.Tree"]
    assert (model_folder / "requirements.txt").read_text().split()[1:] == ["scikit-learn==1.9.1"]
    n_bytes = sum(file.stat().st_size for file in model_folder.rglob("*") if file.is_file())
    assert abs(described.model_size_bytes - n_bytes) < 100  # but for the number itself, written into one of them


@pytest.mark.filterwarnings("ignore::UserWarning:mlflow")
def test_a_model_in_cloudpickle_format(pipeline: Pipeline, table: pd.DataFrame, tmp_path: Path) -> None:
    import mlflow

    folder = write_model(pipeline, table, tmp_path / "model", model_format="cloudpickle")
    assert (mlflow.sklearn.load_model(str(folder)).predict(table) == pipeline.predict(table)).all()
    assert (mlflow.pyfunc.load_model(str(folder)).predict(table) == pipeline.predict(table)).all()


def test_a_model_is_saved_beside_other_threads(pipeline: Pipeline, table: pd.DataFrame, tmp_path: Path) -> None:
    """All threads share the filters of warnings: two that put theirs in place at a time take each other's away."""
    shared = warnings.filters

    class Requirements(list[str]):
        def __iter__(self) -> Iterator[str]:  # asked for in the midst of it
            found.append(warnings.filters)
            return super().__iter__()

    found: list[object] = []
    rows = table.head(5)
    predictions = pipeline.predict(rows)
    save_model(pipeline, tmp_path / "model", input_example=rows, predictions=predictions, requirements=Requirements())
    assert found
    assert all(filters is shared for filters in found)


def test_nullable_integers_are_described_as_they_are_read(
    pipeline: Pipeline, table: pd.DataFrame, tmp_path: Path
) -> None:
    from mlflow.models import Model

    gap = table.astype({"tenure": "Int64"})
    gap.loc[0, "tenure"] = pd.NA
    whole = table.astype({"tenure": "Int64"})
    for name, rows in (("gap", gap), ("whole", whole)):
        save_model(
            pipeline,
            tmp_path / name,
            input_example=rows.head(3),
            predictions=np.array([1.0]),
            requirements=[],
        )
    types = {name: Model.load(str(tmp_path / name)).signature.inputs.inputs[0].type.name for name in ("gap", "whole")}
    assert types == {"gap": "double", "whole": "long"}


def test_what_skops_cannot_keep_is_refused(pipeline: Pipeline, table: pd.DataFrame, tmp_path: Path) -> None:
    strange = make_pipeline(FunctionTransformer(lambda frame: frame), pipeline)
    with pytest.raises(errors.TypesUntrusted) as caught:
        write_model(strange, table, tmp_path / "model")
    assert "--model-format cloudpickle" in caught.value.hint
    assert list(tmp_path.iterdir()) == []


OWN = """
from sklearn.base import BaseEstimator, TransformerMixin

class Drop(TransformerMixin, BaseEstimator):
    def fit(self, rows, target=None):
        self.fitted_ = True
        return self

    def transform(self, rows):
        return rows[["tenure"]]
"""

LOAD = """
import sys, warnings
warnings.simplefilter("ignore")
import mlflow, pandas
rows = pandas.DataFrame({"tenure": [1, 70], "charges": [0.5, 1.5], "contract": ["month", "year"]})
for load in (mlflow.sklearn.load_model, mlflow.pyfunc.load_model):
    print(*load(sys.argv[1]).predict(rows))
"""


@pytest.mark.slow
def test_a_model_of_the_project_s_own_types_loads_without_the_project(
    table: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = tmp_path / "project" / "own_steps.py"
    own.parent.mkdir()
    own.write_text(OWN)
    monkeypatch.syspath_prepend(own.parent)
    drop = importlib.import_module("own_steps").Drop()
    target = np.where(table["tenure"] > 30, "No", "Yes")
    pipeline = make_pipeline(drop, RandomForestClassifier(5, random_state=0)).fit(table, target)
    folder = write_model(pipeline, table, tmp_path / "model", own=OwnCode(("own_steps",), own.parent), code_paths=[own])
    own.unlink()
    command = [sys.executable, "-c", LOAD, str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=tmp_path)
    assert done.stdout.splitlines() == ["Yes No"] * 2


# Quiet, and nothing left behind


def test_the_user_s_settings_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "77")
    monkeypatch.delenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", raising=False)
    before = dict(os.environ)
    logger = logging.getLogger("mlflow")
    settings = logger.level, [list(handler.filters) for handler in logger.handlers]
    with quiet_mlflow():
        assert os.environ["MLFLOW_HTTP_REQUEST_TIMEOUT"] == "77"
        assert os.environ["MLFLOW_HTTP_REQUEST_MAX_RETRIES"] == "0"
    assert dict(os.environ) == before
    assert (logger.level, [handler.filters for handler in logger.handlers]) == settings


QUIET = """
import sys
from pathlib import Path
import pandas as pd
from sklearn.ensemble import RandomForestClassifier
from runcard.tracking.items import MetricValue, ModelFiles, RunLog, TextArtifact
from runcard.tracking.mlflow import MlflowTracker, save_model
folder, uri = Path(sys.argv[1]), sys.argv[2]
rows = pd.DataFrame({"a": [1, 2, 3], "b": [0.5, 1.5, 2.5]})
model = RandomForestClassifier(3).fit(rows, [0, 1, 0])
save_model(model, folder / "model", input_example=rows, predictions=model.predict(rows), requirements=[])
items = (MetricValue("m", 1.0, 0, 1), TextArtifact("x", "x.txt"), ModelFiles(folder / "model", "model"))
with MlflowTracker(uri, artifact_root=folder / "artifacts") as tracker:
    tracker.probe()
    log = RunLog("r", "trial", "n", "quiet", 1, "FINISHED", 2, None, items)
    tracker.fill_run(tracker.open_run(log), log)
"""


@pytest.mark.slow
@pytest.mark.parametrize("where", ["new database", "server"])
def test_nothing_is_printed(where: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    server = where == "server"
    uri = request.getfixturevalue("mlflow_server") if server else f"sqlite:///{tmp_path / 'new.db'}"
    done = subprocess.run(
        [sys.executable, "-c", QUIET, tmp_path, uri], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    assert (done.stdout, done.stderr) == ("", "")
    assert not {"mlruns", "mlflow.db"} & {path.name for path in tmp_path.iterdir()}


RACE = """
import sys
from pathlib import Path
from runcard.tracking.mlflow import MlflowTracker
with MlflowTracker(sys.argv[1], artifact_root=Path("artifacts")) as tracker:
    print(tracker.ensure_experiment("shared"))
"""


@pytest.mark.slow
def test_processes_that_come_at_once_share_a_new_database(tmp_path: Path) -> None:
    command = [sys.executable, "-c", RACE, f"sqlite:///{tmp_path / 'new.db'}"]
    racers = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=tmp_path) for _ in range(2)]
    answers = [racer.communicate(timeout=120)[0] for racer in racers]
    assert [racer.returncode for racer in racers] == [0] * 2
    assert len(set(answers)) == 1


# What does not answer


@pytest.mark.parametrize("scheme", ["http", "postgresql+psycopg2"])
def test_a_refused_connection_is_said_at_once(scheme: str, tmp_path: Path) -> None:
    uri = f"{scheme}://me:hidden@127.0.0.1:{free_port()}/x"
    started = time.monotonic()
    with MlflowTracker(uri, artifact_root=tmp_path) as tracker, pytest.raises(errors.TrackingAway) as caught:
        tracker.probe()
    assert time.monotonic() - started < 2
    assert "refused" in caught.value.why
    assert "hidden" not in str(caught.value)


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["http", "postgresql+psycopg2"])
def test_a_silent_server_is_given_up_within_five_seconds(scheme: str, tmp_path: Path) -> None:
    with (
        run_silent_server() as port,
        MlflowTracker(f"{scheme}://me:hidden@127.0.0.1:{port}", artifact_root=tmp_path) as tracker,
    ):
        started = time.monotonic()
        with pytest.raises(errors.TrackingAway) as caught:
            tracker.probe()
        assert time.monotonic() - started < 5.5
    assert "hidden" not in str(caught.value)


def test_a_server_that_goes_away_is_not_waited_for(log: RunLog, tmp_path: Path) -> None:
    with MlflowTracker(f"http://127.0.0.1:{free_port()}", artifact_root=tmp_path) as tracker:
        started = time.monotonic()
        for call in (lambda: tracker.open_run(log), lambda: tracker.fill_run("0" * 32, log)):
            with pytest.raises(errors.TrackingAway):
                call()
        assert time.monotonic() - started < 2


def test_a_database_of_another_version_says_how_to_upgrade(sqlite_uri: str, tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "mlflow.db") as database:
        database.execute("UPDATE alembic_version SET version_num = '451aebb31d03'")
    database.close()
    with (
        MlflowTracker(sqlite_uri, artifact_root=tmp_path) as tracker,
        pytest.raises(errors.TrackingError) as caught,
    ):
        tracker.ensure_experiment("x")
    assert f"mlflow db upgrade {sqlite_uri}" in caught.value.hint


def test_an_address_mlflow_does_not_know_is_an_error(tmp_path: Path) -> None:
    with MlflowTracker("gopher://x", artifact_root=tmp_path) as tracker, pytest.raises(errors.TrackingError):
        tracker.probe()


def test_a_trial_costs_few_statements(sqlite_uri: str, log: RunLog, tmp_path: Path) -> None:
    """Counted, not timed: 12 tags, 5 parameters and 40 metrics took 15 ms when this was 40 statements.

    The seal is two more.
    """
    items = (
        *(Tag(f"t{k}", "v") for k in range(12)),
        *(Param(f"p{k}", "v") for k in range(5)),
        *(MetricValue(f"m{k % 8}", k / 10, k // 8, 1) for k in range(40)),
    )
    statements: list[str] = []

    def count(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        statements.append(statement)

    with MlflowTracker(sqlite_uri, artifact_root=tmp_path) as tracker:
        tracker.ensure_experiment(log.experiment)
        event.listen(Engine, "before_cursor_execute", count)
        try:
            deliver(tracker, replace(log, items=items))
        finally:
            event.remove(Engine, "before_cursor_execute", count)
    assert 5 < len(statements) <= 42


def test_json_of_the_dataset_is_kept(tracker: MlflowTracker, client: MlflowClient, full_log: RunLog) -> None:
    (data,) = client.get_run(deliver(tracker, full_log)).inputs.dataset_inputs
    assert json.loads(data.dataset.schema) == {"columns": []}
    assert json.loads(data.dataset.profile) == {"num_rows": 7}
    assert json.loads(data.dataset.source) == {"uri": "data/churn.csv"}


def test_one_run_is_told_apart_from_the_others_of_its_protocol(
    tracker: MlflowTracker, client: MlflowClient, log: RunLog
) -> None:
    def make(protocol: str) -> str:
        items = (Tag("runcard.protocol", protocol), Tag("runcard.note", "mine"))
        return deliver(tracker, replace(log, record_id=uuid.uuid4().hex, items=items))

    def chosen() -> set[str]:
        return {run_id for run_id in (first, second, other) if "runcard.decision" in client.get_run(run_id).data.tags}

    def choose(run_id: str | None, protocol: str | None) -> None:
        tags = (Tag("runcard.decision", "chosen"), Tag("runcard.decision_rule", "best"))
        tracker.distinguish(log.experiment, Distinction(tags, run_id, protocol))

    first, second, other = make("p1"), make("p1"), make("p2")
    choose(other, "p2")
    for _ in range(2):
        choose(first, "p1")
        assert chosen() == {first, other}
    choose(second, "p1")
    assert chosen() == {second, other}
    assert client.get_run(first).data.tags.keys() >= {"runcard.note", "runcard.protocol"}
    assert "runcard.decision_rule" not in client.get_run(first).data.tags
    client.delete_run(second)
    choose(second, "p1")  # somebody deleted it: nobody is chosen, and nothing fails
    choose(None, None)
    assert chosen() == {second}  # a deleted run is left as it is


def test_items_are_added_to_a_run_of_any_script_and_its_status_stays(
    tracker: MlflowTracker, client: MlflowClient, log: RunLog
) -> None:
    run_id = client.create_run(tracker.ensure_experiment(log.experiment)).info.run_id
    tracker.add_items(run_id, log.experiment, (Tag("runcard.decision", "chosen"), TextArtifact("{}", "decision.json")))
    run = client.get_run(run_id)
    assert (run.info.status, run.data.tags["runcard.decision"]) == ("RUNNING", "chosen")
    assert files(client, run_id) == ["decision.json"]
