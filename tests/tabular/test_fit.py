"""Fits on folds, done here rather than in workers: they are plain functions of a picklable task."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from projects import write_project
from sklearn.base import BaseEstimator

from runcard.plan import Fit, Plan, Stage
from runcard.record import JobResult
from runcard.tabular import FitTask, Preparation, prepare, run_fit, stage_table
from runcard.workflow.resolve import resolve

STAGED = {
    "random_forest": {"n_estimators": [2, 5, 9], "max_depth": 4},
    "extra_trees": {"n_estimators": [2, 5]},
    "gradient_boosting": {"n_estimators": [2, 6]},
    "hist_gradient_boosting": {"max_iter": [2, 6]},
    "ada_boost": {"n_estimators": [2, 6]},
    "bagging": {"n_estimators": [2, 6]},
    "xgboost": {"n_estimators": [2, 6], "learning_rate": [0.1, 0.3]},
    "lightgbm": {"n_estimators": [2, 6]},
}


def make_table() -> pd.DataFrame:
    rng = np.random.default_rng(1)
    frame = pd.DataFrame(rng.normal(size=(90, 3)), columns=["a", "b", "c"]).round(4)
    frame["kind"] = rng.choice(["x", "y", "z"], 90)
    score = frame["a"] + frame["b"] * frame["c"] + (frame["kind"] == "x")
    frame["label"] = np.where(score > 1, "high", np.where(score > 0, "middle", "low"))
    return frame.assign(amount=score)


def plan_for(folder: Path, models: list[dict[str, Any]], target: str = "label") -> Plan:
    metrics = ["accuracy", "log_loss"] if target == "label" else ["rmse"]
    card = {
        "data": {"raw_path": "table.csv"},
        "features": {"numerical": ["a", "b", "c"], "categorical": ["kind"], "target": target},
        "models": models,
        "evaluation": {"metrics": metrics, "cv_folds": 3},
    }
    return resolve(write_project(folder / "project", card, table=make_table())).plan


def prepared(plan: Plan, folder: Path, fold: int = 0, **changes: Any) -> Path:
    """Make a fold's matrices and return their folder."""
    stage_table(make_table(), plan.work.target.values, folder / "table")
    (features,) = plan.work.feature_sets.values()
    fit_rows, score_rows = plan.work.split.folds[fold]
    place = folder / "matrices" / str(fold)
    done = prepare(
        Preparation(
            table=folder / "table",
            columns=features.columns,
            transformer=features.transformer(),
            fit_rows=fit_rows,
            score_rows=score_rows,
            target=plan.work.target.without_values(),
            folder=place,
            seed=plan.seed,
            **changes,
        )
    )
    assert done.error is None, done.trace
    return place


def task_of(plan: Plan, fit: Fit, matrices: Path, **changes: Any) -> FitTask:
    given = {
        "folder": matrices,
        "fold": 0,
        "estimator": plan.work.estimator(fit.model, fit.params),
        "stages": fit.stages,
        "metrics": plan.metrics,
        "primary": plan.primary.name,
        "target": plan.work.target.without_values(),
        "seed": plan.seed,
    }
    return FitTask(**{**given, **changes})


def scores_by_trial(result: JobResult) -> dict[str, Any]:
    assert result.error is None, result.trace
    return {stage.key: dict(stage.scores) for stage in result.stages}


@pytest.mark.slow
@pytest.mark.parametrize("target", ["label", "amount"])
def test_trials_read_off_a_shared_fit_equal_separate_fits(tmp_path: Path, target: str) -> None:
    plan = plan_for(tmp_path, [{"name": n, "params": p} for n, p in STAGED.items()], target)
    matrices = prepared(plan, tmp_path)
    fits = plan.fits()
    assert len(fits) == 9  # xgboost has two learning rates
    assert sum(len(fit.stages) for fit in fits) == len(plan.trials) == 19
    shared: dict[str, Any] = {}
    for fit in fits:
        shared |= scores_by_trial(run_fit(task_of(plan, fit, matrices)))
    for trial in plan.trials:
        alone = Fit(trial.model, trial.features, trial.params, (Stage(trial.key, None),))
        assert shared[trial.key] == scores_by_trial(run_fit(task_of(plan, alone, matrices)))[trial.key], trial


def test_a_fit_does_not_depend_on_the_state_of_chance_around_it(tmp_path: Path) -> None:
    plan = plan_for(tmp_path, [{"name": "random_forest", "params": {"n_estimators": [3, 6]}}])
    matrices = prepared(plan, tmp_path)
    (fit,) = plan.fits()
    np.random.seed(1)
    first = scores_by_trial(run_fit(task_of(plan, fit, matrices)))
    np.random.seed(2)
    before = np.random.get_state()[1].copy()
    task = pickle.loads(pickle.dumps(task_of(plan, fit, matrices)))
    assert scores_by_trial(run_fit(task)) == first
    assert (np.random.get_state()[1] == before).all()


def test_a_fit_leaves_its_matrices_as_they_were(tmp_path: Path) -> None:
    plan = plan_for(tmp_path, [{"name": "logistic_regression"}, {"name": "lightgbm"}])
    matrices = prepared(plan, tmp_path)
    before = {path.name: path.read_bytes() for path in matrices.iterdir()}
    for fit in plan.fits():
        scores_by_trial(run_fit(task_of(plan, fit, matrices)))
    assert {path.name: path.read_bytes() for path in matrices.iterdir()} == before


def test_latency_and_size_are_measured_where_asked(tmp_path: Path) -> None:
    plan = plan_for(tmp_path, [{"name": "random_forest", "params": {"n_estimators": [2, 20]}}])
    matrices = prepared(plan, tmp_path, is_measured=True)
    (fit,) = plan.fits()
    short, long = run_fit(task_of(plan, fit, matrices, is_measured=True)).stages
    assert min(short.predict_ms) > 0
    assert 2_000 < short.model_bytes * 2 < long.model_bytes
    assert short.fit_seconds == pytest.approx(long.fit_seconds / 10)
    unasked = run_fit(task_of(plan, fit, matrices)).stages[0]
    assert (unasked.predict_ms, unasked.model_bytes) == ((), None)


class Away(BaseEstimator):
    def fit(self, X, y):
        raise ConnectionError("no answer from postgresql://me:s3cret@host/db\nat all")


def test_what_goes_wrong_is_told_in_one_line_without_passwords(tmp_path: Path) -> None:
    plan = plan_for(tmp_path, [{"name": "logistic_regression"}])
    (fit,) = plan.fits()
    result = run_fit(task_of(plan, fit, prepared(plan, tmp_path), estimator=Away()))
    assert result.stages == ()
    assert result.error == "ConnectionError: no answer from postgresql://***@host/db"
    assert "s3cret" not in result.trace
    assert result.trace.startswith("Traceback")
    assert result.ended >= result.started


# Learning curves


@pytest.mark.slow
@pytest.mark.parametrize("target", ["label", "amount"])
def test_a_learning_curve_is_what_separate_fits_give(tmp_path: Path, target: str) -> None:
    names = ("gradient_boosting", "hist_gradient_boosting", "ada_boost", "xgboost", "lightgbm")
    models = [{"name": name, "params": STAGED[name]} for name in names]
    plan = plan_for(tmp_path, models, target)
    matrices = prepared(plan, tmp_path)
    for fit in plan.fits():
        result = run_fit(task_of(plan, fit, matrices, curve=plan.primary, marks=(3,)))
        assert result.error is None, result.trace
        short, long = result.stages
        points = long.curves[plan.primary.name]
        assert sorted(points) == [1, 2, 3, 5, 6]
        assert short.curves[plan.primary.name] == {step: points[step] for step in (1, 2)}
        assert points[6] == long.scores[plan.primary.name]
        parameter = "max_iter" if fit.model == "hist_gradient_boosting" else "n_estimators"
        for step, value in points.items():
            alone = Fit(fit.model, fit.features, {**fit.params, parameter: step}, (Stage("x", None),))
            assert run_fit(task_of(plan, alone, matrices)).stages[0].scores[plan.primary.name] == value


@pytest.mark.parametrize("target", ["label", "amount"])
def test_catboost_is_scored_on_its_way(tmp_path: Path, target: str) -> None:
    plan = plan_for(tmp_path, [{"name": "catboost", "params": {"iterations": 12}}], target)
    (fit,) = plan.fits()
    metric = plan.metrics[-1]
    result = run_fit(task_of(plan, fit, prepared(plan, tmp_path), curve=metric))
    assert result.error is None, result.trace
    points = result.stages[0].curves[metric.name]
    assert sorted(points) == [1, 2, 5, 10, 12]
    assert points[12] == result.stages[0].scores[metric.name]
    assert points[1] > points[2] > points[5]  # it learns


def test_epochs_leave_their_training_loss_and_others_nothing(tmp_path: Path) -> None:
    plan = plan_for(tmp_path, [{"name": "mlp", "params": {"max_iter": 4}}, {"name": "logistic_regression"}])
    matrices = prepared(plan, tmp_path)
    found = {
        fit.model: run_fit(task_of(plan, fit, matrices, curve=plan.primary)).stages[0].curves for fit in plan.fits()
    }
    assert found["logistic_regression"] == {}
    losses = found["mlp"]["training_loss"]
    assert sorted(losses) == [1, 2, 4]
    assert losses[4] < losses[1]
