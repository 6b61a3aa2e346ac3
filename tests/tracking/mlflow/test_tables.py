"""What is read from MLflow's tables is what its client says, on every kind of store."""

from __future__ import annotations

import math
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa
from mlflow import MlflowClient
from servers import MlflowTracker

from runcard import errors
from runcard.tracking.items import MetricValue, Param, RunLog, RunReader, RunScope, Tag
from runcard.tracking.mlflow import MlflowReader, quiet_mlflow
from runcard.tracking.mlflow.tables import open_tables

FILTERS = [
    "",
    "params.depth = '3'",
    "params.depth != '3'",
    "params.depth LIKE '_'",
    "params.note IS NULL",
    "params.note IS NOT NULL and metrics.score > 0.2",
    "metrics.score != 0.3",
    "metrics.score <= 0.5 and tags.`owner's` ILIKE 'ADA%'",
    "tags.missing = 'x'",
    "status = 'FINISHED'",
    "attributes.start_time > 1002",
    "attributes.run_name LIKE 'run-%'",
    "attributes.run_name = 'run-1'",
    "attributes.status != 'FINISHED'",
]


@pytest.fixture(scope="module", params=["empty_mlflow_db", pytest.param("postgres", marks=pytest.mark.slow)])
def uri(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return a store with an experiment, `hard`, of what is hard to read."""
    folder = tmp_path_factory.mktemp("tables")
    given = request.getfixturevalue(request.param)
    found = f"sqlite:///{shutil.copy(given, folder / 'mlflow.db')}" if isinstance(given, Path) else str(given)
    fill(found, "hard", folder)
    return found


@pytest.fixture
def readers(uri: str) -> Iterator[tuple[RunReader, RunReader]]:
    tables = open_tables(uri)
    assert tables is not None
    with tables, MlflowReader(uri) as client:
        yield tables, client


def trial(k: int, experiment: str, key: str, *, score: float | None, start: int, protocol: str = "p") -> RunLog:
    tags = {"runcard.protocol": protocol, "runcard.trial_key": key, "runcard.index": str(k), "owner's": f"Ada {k}"}
    metrics = [] if score is None else [MetricValue("score", score, 0, 5), MetricValue("cv_auc_mean", score, 0, 5)]
    folds = [] if score is None else [MetricValue("cv_auc", score + fold / 10, fold, 5) for fold in (2, 0, 1)]
    params = [Param("depth", str(k)), *([Param("note", 'größe, "x"\n|')] if k % 2 else [])]
    items = (*params, *metrics, *folds, *(Tag(*tag) for tag in tags.items()))
    status = "FINISHED" if score is not None else "FAILED"
    return RunLog(f"r{k}{key}", "trial", f"run-{k}", experiment, start, status, start + 10, None, items)


def fill(uri: str, experiment: str, folder: Path) -> None:
    logs = [
        trial(1, experiment, "a", score=0.3, start=1001),
        trial(2, experiment, "b", score=0.5, start=1002),
        trial(3, experiment, "c", score=0.5, start=1000),
        trial(4, experiment, "d", score=None, start=1004),
        trial(1, experiment, "a", score=0.2, start=1009),  # run again, and worse
        trial(5, experiment, "e", score=0.9, start=1005, protocol="q"),
    ]
    with MlflowTracker(uri, artifact_root=folder) as tracker:
        for log in logs:
            tracker.fill_run(tracker.open_run(log), log)
        card = replace(logs[0], kind="card", name="card", record_id="c", items=(), started_ms=999)
        tracker.fill_run(tracker.open_run(card), card)
        client = tracker.client
        experiment_id = tracker.ensure_experiment(experiment)
        for name, value in (("nan", math.nan), ("inf", math.inf), ("gone", 0.99)):
            run_id = client.create_run(experiment_id, run_name=name, start_time=1500).info.run_id
            client.log_metric(run_id, "score", value)
            client.log_metric(run_id, "score", value, step=1)
            client.set_tag(run_id, "mlflow.source.git.diff", "long")
        client.delete_run(run_id)


@pytest.mark.parametrize("greater", [True, False])
def test_rankings_are_the_clients(readers: tuple[RunReader, RunReader], greater: bool) -> None:
    tables, client = readers
    for scope in (RunScope(("hard",)), RunScope(("hard",), protocol="p"), RunScope(("hard", "Default"))):
        whole = [reader.rank_runs(scope, "score", greater_is_better=greater, limit=None) for reader in readers]
        assert repr(whole[0]) == repr(whole[1])  # repr: NaN is not equal to itself
        top = tables.rank_runs(scope, "score", greater_is_better=greater, limit=2)
        assert repr(top.rows) == repr(whole[0].rows[:2])
        assert repr(client.rank_runs(scope, "score", greater_is_better=greater, limit=2).rows) == repr(top.rows)
        assert (top.n_runs, top.n_ranked) == (whole[0].n_runs, whole[0].n_ranked)
        assert tables.metric_names(scope) == client.metric_names(scope)


def test_of_a_trial_run_twice_the_latest_counts_also_where_it_is_worse(readers: tuple[RunReader, RunReader]) -> None:
    for reader in readers:
        found = reader.rank_runs(RunScope(("hard",), protocol="p"), "score", greater_is_better=True, limit=None)
        assert [(row.name, row.value("score")) for row in found.rows] == [
            ("run-3", 0.5),
            ("run-2", 0.5),
            ("run-1", 0.2),
            ("run-4", None),
        ]
        assert (found.n_runs, found.n_ranked) == (4, 3)


@pytest.mark.parametrize("where", FILTERS)
def test_conditions_mean_what_mlflow_means(readers: tuple[RunReader, RunReader], where: str) -> None:
    tables, client = readers
    scope = RunScope(("hard",), where=where)
    found, expected = (
        [row.run_id for row in reader.rank_runs(scope, "score", greater_is_better=True, limit=None).rows]
        for reader in (tables, client)
    )
    assert found == expected
    assert bool(found) == (where != "tags.missing = 'x'")


@pytest.mark.parametrize(
    "where", ["params.depth = 3", "nonsense", "params.depth > '3'", "metrics.score LIKE 'a'", "a = 'b'"]
)
def test_what_is_no_condition_is_one_error(readers: tuple[RunReader, RunReader], where: str) -> None:
    said = []
    for reader in readers:
        with pytest.raises(errors.UsageError, match="the condition cannot be read") as caught:
            reader.rank_runs(RunScope(("hard",), where=where), "score", greater_is_better=True, limit=1)
        said.append(str(caught.value))
    assert said[0] == said[1]


def test_runs_are_found_by_id_its_beginning_and_name(readers: tuple[RunReader, RunReader]) -> None:
    tables, client = readers
    row = tables.rank_runs(RunScope(("hard",), protocol="p"), "score", greater_is_better=True, limit=1).rows[0]
    for name in (row.run_id, row.run_id[:4]):
        assert tables.find_runs(name) == client.find_runs(name) == [row]
    named = [[run for run in reader.find_runs("run-1") if run.experiment == "hard"] for reader in readers]
    assert named[0] == named[1]
    assert [run.started_ms for run in named[0]] == [1009, 1001]
    for reader in readers:
        assert reader.find_runs(row.run_id[:3]) == reader.find_runs("gone") == reader.find_runs("%") == []
        assert [card.name for card in reader.read_cards("hard")] == ["card"]
        assert {"Default", "hard"} <= set(reader.experiment_names())
        assert (reader.has_experiment("hard"), reader.has_experiment("another")) == (True, False)


def test_folds_are_read_in_step_order(readers: tuple[RunReader, RunReader], uri: str) -> None:
    tables, client = readers
    rows = tables.rank_runs(RunScope(("hard",)), "score", greater_is_better=True, limit=None).rows
    ids = [row.run_id for row in rows]
    found = tables.read_folds(ids, "auc")
    with quiet_mlflow():
        plain = MlflowClient(tracking_uri=uri)
        expected = {
            run_id: tuple(
                point.value for point in sorted(plain.get_metric_history(run_id, "cv_auc"), key=lambda p: p.step)
            )
            for run_id in ids
        }
    assert found == {run_id: folds for run_id, folds in expected.items() if folds}
    assert found == client.read_folds(ids, "auc")
    assert len(found) == 5
    assert tables.read_folds([], "auc") == {}


def test_reading_writes_nothing(uri: str) -> None:
    tables = open_tables(uri)
    with tables, tables._reading() as read, pytest.raises(sa.exc.DBAPIError, match=r"read-?only|readonly"):
        read.execute(sa.text("DELETE FROM tags"))


def test_tables_that_are_not_as_known_are_left_to_the_client(sqlite_uri: str, tmp_path: Path) -> None:
    assert open_tables(f"sqlite:///{tmp_path / 'none.db'}") is None
    assert not (tmp_path / "none.db").exists()
    assert open_tables("http://127.0.0.1:1") is None
    engine = sa.create_engine(sqlite_uri, poolclass=sa.NullPool)
    with engine.begin() as connection:
        connection.execute(sa.text("ALTER TABLE latest_metrics RENAME COLUMN is_nan TO is_not_a_number"))
    assert open_tables(sqlite_uri) is None


def test_the_client_reads_the_same_folds_where_the_tables_are_not_as_known(sqlite_uri: str, tmp_path: Path) -> None:
    """A run without folds is left out either way."""
    fill(sqlite_uri, "hard", tmp_path)
    tables = open_tables(sqlite_uri)
    assert tables is not None
    with tables:
        rows = tables.rank_runs(RunScope(("hard",)), "score", greater_is_better=True, limit=None).rows
        ids = [row.run_id for row in rows]
        expected = tables.read_folds(ids, "auc")
    engine = sa.create_engine(sqlite_uri, poolclass=sa.NullPool)
    with engine.begin() as connection:
        connection.execute(sa.text("ALTER TABLE latest_metrics RENAME COLUMN is_nan TO is_not_a_number"))
    with MlflowReader(sqlite_uri) as reader:
        assert reader.read_folds(ids, "auc") == expected
    assert 0 < len(expected) < len(ids)
