"""Searches as a user runs them: the same with any number of workers, after a kill, and when continued."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from projects import (
    call_cli,
    count_rows,
    customers_card,
    json_scores,
    make_customers,
    scores_of,
    wait_for,
    write_project,
)

import runcard
from runcard.project import find_project
from runcard.report.compared import comparison_table
from runcard.report.ranked import ranking_report
from runcard.tracking.items import RunRow
from runcard.tracking.mlflow import MlflowTracker
from runcard.workflow.choose.compare import compare_runs

pytestmark = pytest.mark.slow

MODELS = [
    {"name": "logistic_regression", "params": {"C": {"distribution": "log_uniform_values", "min": 0.01, "max": 10}}},
    {
        "name": "lightgbm",
        "params": {"n_estimators": {"min": 4, "max": 12}, "num_leaves": {"min": 2, "max": 8}, "min_child_samples": 5},
    },
]
SEARCH = {"method": "bayes", "trials": 14, "lag": 4, "early_terminate": {"type": "hyperband", "min_iter": 2, "eta": 2}}


def project(folder: Path, db: Path, **search: Any) -> Path:
    card = customers_card(models=MODELS, search={**SEARCH, **search})
    return write_project(folder, card, table=make_customers(), db=db)


def trials_of(folder: Path) -> list[RunRow]:
    with MlflowTracker(f"sqlite:///{folder / 'mlflow.db'}", artifact_root=folder) as tracker:
        return tracker.read_runs("customers", kind="trial")


@pytest.fixture(scope="module")
def calm(tmp_path_factory: pytest.TempPathFactory, empty_mlflow_db: Path) -> tuple[Path, runcard.Result]:
    """Run the search with one worker and without anything happening."""
    folder = tmp_path_factory.mktemp("calm") / "project"
    return folder, runcard.run(project(folder, empty_mlflow_db), workers=1)


@pytest.mark.parametrize("where", ["two workers", "a Dask cluster"])
def test_elsewhere_it_finds_the_same(
    where: str,
    calm: tuple[Path, runcard.Result],
    request: pytest.FixtureRequest,
    tmp_path: Path,
    empty_mlflow_db: Path,
) -> None:
    there = {"workers": 2} if where == "two workers" else {"on": request.getfixturevalue("dask_cluster").address}
    result = runcard.run(project(tmp_path / "project", empty_mlflow_db), **there)
    assert scores_of(result) == scores_of(calm[1])
    found, expected = (
        [(s.record.trial_key, s.record.status, s.record.curves) for s in each.comparison.standings]
        for each in (result, calm[1])
    )
    assert found == expected


def test_a_killed_search_goes_on_with_the_same_trials(
    calm: tuple[Path, runcard.Result], start_cli: Any, tmp_path: Path, empty_mlflow_db: Path
) -> None:
    folder = tmp_path / "project"
    project(folder, empty_mlflow_db)
    process = start_cli(folder, "run", "card", "--workers", "2")
    wait_for(lambda: count_rows(folder, "records") >= 5 or process.poll() is not None, every=0.005)
    process.kill()
    process.communicate(timeout=60)
    n_done = count_rows(folder, "records")
    again = call_cli(folder, "run", "card", "--workers", "2")
    assert again.returncode == 0, again.stderr
    if n_done < 14:
        found = re.search(r"^Resuming: (\d+) done, (?:(\d+) interrupted, )?(\d+) left$", again.stderr, re.MULTILINE)
        assert found is not None, again.stderr
        assert sum(int(count or 0) for count in found.groups()) == 14
    told = call_cli(folder, "run", "card", "--json")
    expected = {
        key: {f"cv_{name}_mean": sum(values) / len(values) for name, values in scores.items()}
        for key, (scores, _) in scores_of(calm[1]).items()
    }
    found_scores = json_scores(told)
    assert found_scores.keys() == expected.keys()
    for key, scores in expected.items():
        assert {name: found_scores[key][name] for name in scores} == pytest.approx(scores, abs=0, rel=1e-15)
    assert count_rows(folder, "records") == 14
    assert len(trials_of(folder)) == 14


def test_a_larger_total_continues(calm: tuple[Path, runcard.Result], tmp_path: Path, empty_mlflow_db: Path) -> None:
    folder = tmp_path / "project"
    first = runcard.run(project(folder, empty_mlflow_db, trials=9), workers=2)
    assert first.n_run == 9
    path = folder / "configs" / "card.yaml"
    path.write_text(path.read_text().replace('"trials": 9', '"trials": 14'))
    more = runcard.run(path, workers=2)
    assert more.n_run == 5
    assert {key: scores for key, (scores, _) in scores_of(more).items()} == {
        key: scores for key, (scores, _) in scores_of(calm[1]).items()
    }


def test_running_it_again_runs_nothing(calm: tuple[Path, runcard.Result]) -> None:
    folder, result = calm
    again = runcard.run(folder / "configs" / "card.yaml")
    assert again.n_run == 0
    assert scores_of(again) == scores_of(result)


def test_mlflow_has_curves_and_says_what_was_stopped(calm: tuple[Path, runcard.Result]) -> None:
    folder, result = calm
    rows = {row.tags["runcard.trial_key"]: row for row in trials_of(folder)}
    statuses = {"done": "FINISHED", "stopped": "KILLED"}
    records = [standing.record for standing in result.comparison.standings]
    assert {record.status for record in records} == set(statuses)
    for record in records:
        row = rows[record.trial_key]
        assert row.status == statuses[record.status]
        assert row.tags.get("runcard.stopped_at") == (str(record.stopped_at) if record.stopped_at else None)
        assert ("cv_roc_auc_mean" in row.metrics) == (record.status == "done")
    import mlflow

    client = mlflow.MlflowClient(tracking_uri=f"sqlite:///{folder / 'mlflow.db'}")
    best = next(r for r in records if r.status == "done" and r.model == "lightgbm")
    history = client.get_metric_history(rows[best.trial_key].run_id, "curve_roc_auc")
    points = {point.step: point.value for point in history}
    n_rounds = best.params["n_estimators"]
    assert points == best.curves["roc_auc"]
    assert set(points) >= {1, 2, n_rounds}
    assert points[n_rounds] == best.scores["roc_auc"][0]


def test_the_tables_name_the_stopped(calm: tuple[Path, runcard.Result]) -> None:
    folder, result = calm
    n_stopped = sum(s.record.status == "stopped" for s in result.comparison.standings)
    assert n_stopped > 0
    assert result.comparison.n_failed == 0
    tracked = compare_runs(["card"], find_project(folder), limit=None)
    ranking, *_ = ranking_report(result.comparison)
    for table in (ranking, comparison_table(tracked)):
        rank, cells = table.to_show()[0]
        assert (rank.name, cells.count("stopped")) == ("rank", n_stopped)
