"""Metrics that are no mean over rows on folds of one row, and metrics that are not defined on some rows."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from projects import call_cli, run_cli, write_project
from sklearn import metrics as sk
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import LeaveOneOut, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import runcard
from runcard import errors
from runcard.tracking.items import RunRow
from runcard.tracking.mlflow import MlflowTracker
from runcard.workflow.resolve import resolve

OWN = """
import runcard

@runcard.metric(greater_is_better=True)
def nothing(y_true, y_pred):
    return None

@runcard.metric(greater_is_better=False, decomposes=True)
def off(y_true, y_pred):
    return float(abs(y_true - y_pred).mean())

@runcard.metric(greater_is_better=False)
def worst(y_true, y_pred):
    return float(abs(y_true - y_pred).max())
"""


def numbers(n_rows: int = 24) -> pd.DataFrame:
    rng = np.random.default_rng(3)
    x = rng.normal(size=n_rows)
    return pd.DataFrame(
        {
            "x": x,
            "y": 3 * x + rng.normal(size=n_rows),
            "group": [f"g{i}" for i in range(n_rows)],
            "flag": x > 0.3,
            "when": range(n_rows),
        }
    )


def card_of(target: str, models: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    card = {"data": {"raw_path": "table.csv"}, "features": {"numerical": ["x"], "target": target}, "models": models}
    return card | more


RIDGES = [{"name": "ridge", "params": {"alpha": [0.1, 1.0]}}]
BY_GROUP = {"raw_path": "table.csv", "group": "group"}
BY_TIME = {"raw_path": "table.csv", "time": "when"}
LINEAR = [{"name": "linear_regression"}, {"name": "dummy"}]


def run_card(folder: Path, card: dict[str, Any], table: pd.DataFrame, db: Path) -> runcard.Result:
    return runcard.run(write_project(folder / "project", card, table=table, modules={"own": OWN}, db=db), workers=1)


def trial_runs(folder: Path) -> list[RunRow]:
    with MlflowTracker(f"sqlite:///{folder / 'mlflow.db'}", artifact_root=folder) as tracker:
        return tracker.read_runs("card", kind="trial")


def train_rows(path: Path) -> np.ndarray:
    return resolve(path).plan.work.split.train


@pytest.mark.slow
def test_leave_one_out_pools_what_is_no_mean_over_rows(tmp_path: Path, empty_mlflow_db: Path) -> None:
    table, names = numbers(), ["rmse", "mae", "max_error", "r2", "median_absolute_error", "worst", "off"]
    card = card_of("y", LINEAR, evaluation={"metrics": names, "cv_folds": "leave_one_out"})
    result = run_card(tmp_path, card, table, empty_mlflow_db)
    rows = table.iloc[train_rows(tmp_path / "project" / "configs" / "card.yaml")]
    model = make_pipeline(StandardScaler(), LinearRegression())
    said = cross_val_predict(model, rows[["x"]], rows["y"], cv=LeaveOneOut())
    found = next(s.record for s in result.comparison.standings if s.record.model == "linear_regression")
    wanted = {
        "rmse": sk.root_mean_squared_error,
        "mae": sk.mean_absolute_error,
        "max_error": sk.max_error,
        "r2": sk.r2_score,
        "median_absolute_error": sk.median_absolute_error,
        "worst": sk.max_error,
        "off": sk.mean_absolute_error,
    }
    for name, function in wanted.items():
        assert found.mean(name) == pytest.approx(function(rows["y"], said), rel=1e-12), name
    assert {name: len(scores) for name, scores in found.scores.items()} == {
        name: len(rows) if name in ("mae", "off") else 1 for name in names
    }
    assert result.decision is not None
    assert result.decision.ties is None
    assert "± " not in result.table.to_string()


@pytest.mark.slow
def test_a_pooled_trial_is_compared_chosen_and_reproduced(tmp_path: Path, empty_mlflow_db: Path) -> None:
    evaluation = {"metrics": ["roc_auc", "accuracy", "f1"], "cv_folds": "leave_one_out"}
    models = [{"name": "logistic_regression", "params": {"C": [0.1, 1.0]}}]
    card = card_of("flag", models, evaluation=evaluation)
    table = numbers()
    path = write_project(tmp_path / "project", card, table=table, db=empty_mlflow_db)
    folder = path.parents[1]
    assert run_cli(folder, "run", str(path)).returncode == 0
    rows = table.iloc[train_rows(path)]
    model = make_pipeline(StandardScaler(), LogisticRegression(C=1.0))
    said = cross_val_predict(model, rows[["x"]], rows["flag"], cv=LeaveOneOut(), method="decision_function")
    compared = json.loads(call_cli(folder, "compare", "card", "--format", "json").stdout)
    run = next(run for run in compared["runs"] if run["params"]["C"] == "1.0")
    assert run["folds"] == [pytest.approx(sk.roc_auc_score(rows["flag"], said), rel=1e-12)]
    assert compared["has_uncertainty"] is False
    assert "roc_auc was computed once, on the rows of all folds together" in " ".join(compared["notes"])
    by_accuracy = json.loads(call_cli(folder, "compare", "card", "--metric", "accuracy", "--format", "json").stdout)
    assert by_accuracy["has_uncertainty"] is True
    assert call_cli(folder, "select", "card").returncode == 0
    refused = call_cli(folder, "select", "card", "--rule", "one_standard_error")
    assert "`one_standard_error` needs folds" in refused.stderr
    again = run_cli(folder, "reproduce", run["run_id"], "--here")
    assert again.returncode == 0, again.stdout + again.stderr
    assert "identical" in again.stdout


@pytest.mark.parametrize(
    ("more", "pooled"),
    [
        ({"evaluation": {"metrics": ["rmse"], "cv_folds": 19}}, True),  # as many folds as training rows
        ({"evaluation": {"metrics": ["rmse"], "cv_folds": 10}}, True),  # some folds of one row
        ({"evaluation": {"metrics": ["rmse"], "cv_folds": 5}}, False),
        ({"evaluation": {"metrics": ["mse"], "cv_folds": 19}}, False),
        ({"data": BY_GROUP, "evaluation": {"metrics": ["rmse"], "cv_folds": 19}}, True),
        (
            {"data": {"raw_path": "table.csv", "time": "when"}, "evaluation": {"metrics": ["rmse"], "cv_folds": 18}},
            True,
        ),
    ],
)
def test_any_fold_of_one_row_pools(tmp_path: Path, more: dict[str, Any], pooled: bool) -> None:
    path = write_project(tmp_path / "project", card_of("y", RIDGES, **more), table=numbers())
    plan = resolve(path).plan
    assert plan.pooled == (("rmse",) if pooled else ())


@pytest.mark.parametrize(
    "more",
    [
        {"selection": {"rule": "one_standard_error"}},
        {"search": {"method": "random", "trials": 2, "early_terminate": {"type": "hyperband", "min_iter": 2}}},
    ],
)
def test_what_needs_a_score_for_each_fold_is_refused(tmp_path: Path, more: dict[str, Any]) -> None:
    evaluation = {"metrics": ["rmse"], "cv_folds": "leave_one_out"}
    path = write_project(tmp_path / "project", card_of("y", RIDGES, evaluation=evaluation, **more), table=numbers())
    with pytest.raises(errors.MetricImpossible, match="needs `rmse` on every fold"):
        resolve(path)


@pytest.mark.slow
def test_an_undefined_secondary_metric_is_missing_and_the_trial_goes_on(tmp_path: Path, empty_mlflow_db: Path) -> None:
    metrics = ["rmse", "mean_gamma_deviance", "nothing", "mape"]
    card = card_of("y", RIDGES, evaluation={"metrics": metrics, "cv_folds": 3})
    path = write_project(tmp_path / "project", card, table=numbers(), modules={"own": OWN}, db=empty_mlflow_db)
    answer = call_cli(path.parents[1], "run", str(path), "--workers", "1")
    assert answer.returncode == 0, answer.stderr
    assert "`mean_gamma_deviance` is missing for 2 of 2 trials: fold 1: ValueError: Mean Tweedie" in answer.stderr
    assert "`nothing` is missing for 2 of 2 trials: fold 1: it returned `None`, which is no number" in answer.stderr
    trials = trial_runs(path.parents[1])
    for run in trials:
        assert run.status == "FINISHED"
        assert math.isfinite(run.metrics["cv_rmse_mean"])
        assert not [name for name in run.metrics if "gamma" in name or "nothing" in name]
        assert set(json.loads(run.tags["runcard.missing"])) == {"mean_gamma_deviance", "nothing"}
    finalist = next(run for run in trials if "runcard.finalist" in run.tags)
    assert set(json.loads(finalist.tags["runcard.test_missing"])) == {"mean_gamma_deviance", "nothing"}
    again = call_cli(path.parents[1], "run", str(path), "--workers", "1")
    assert again.stdout == answer.stdout
    assert "Nothing to run" in again.stderr
    unrecorded = call_cli(path.parents[1], "select", "card", "--max", "nothing=1")
    assert unrecorded.returncode != 0
    assert "nothing" in unrecorded.stderr


@pytest.mark.slow
def test_an_undefined_primary_metric_fails_the_trial(tmp_path: Path, empty_mlflow_db: Path) -> None:
    card = card_of("y", RIDGES, evaluation={"metrics": ["nothing", "rmse"], "cv_folds": 3})
    with pytest.raises(errors.AllTrialsFailed) as caught:
        run_card(tmp_path, card, numbers(), empty_mlflow_db)
    assert "fold 1: nothing is not defined: it returned `None`, which is no number" in caught.value.why


def by_time() -> pd.DataFrame:
    """Give rows in which one class comes late, and another only early."""
    rng = np.random.default_rng(4)
    kinds = ["early"] * 20 + ["usual"] * 40 + ["late"] * 10 + ["usual"] * 30
    return pd.DataFrame({"x": rng.normal(size=100), "kind": kinds, "when": range(100)})


@pytest.mark.slow
def test_check_foretells_the_classes_that_a_fold_will_not_see(tmp_path: Path, empty_mlflow_db: Path) -> None:
    card = card_of(
        "kind",
        [{"name": "random_forest", "params": {"n_estimators": [2, 3]}}],
        data={"raw_path": "table.csv", "time": "when"},
        evaluation={"metrics": ["accuracy", "roc_auc_ovr", "log_loss", "f1"], "cv_folds": 3},
    )
    path = write_project(tmp_path / "project", card, table=by_time(), db=empty_mlflow_db)
    shown = " ".join(call_cli(path.parents[1], "check", str(path)).stdout.split())
    assert "`early` is not among the test rows, nor among the rows that each of the folds 1, 2, 3 scores" in shown
    assert "`late` is not among the test rows, nor among the rows that each of the folds 1, 2, 3 fits on" in shown
    told = json.loads(call_cli(path.parents[1], "check", str(path), "--json").stdout)["absent_classes"]
    assert [found["label"] for found in told] == ["early", "late", "usual"]
    answer = call_cli(path.parents[1], "run", str(path), "--workers", "1")
    assert answer.returncode == 0, answer.stderr
    assert "`roc_auc_ovr` is missing for 2 of 2 trials: fold 1:" in answer.stderr
