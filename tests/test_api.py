"""The public surface, as a notebook uses it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from projects import customers_card, environment, make_customers, scores_of, write_project

import runcard


@pytest.fixture
def result(customers_run: tuple[Path, runcard.Result]) -> runcard.Result:
    return customers_run[1]


def test_the_table_has_a_row_for_each_trial_the_best_first(result: runcard.Result) -> None:
    table = result.table
    assert len(table) == 4
    assert table["rank"].tolist() == [1, 2, 3, 4]
    assert table["cv_roc_auc_mean"].is_monotonic_decreasing
    assert set(table["model"]) == {"logistic_regression", "random_forest"}
    assert set(table["status"]) == {"done"}
    assert table["test_roc_auc"].notna().sum() == 2
    assert {"param_C", "param_n_estimators", "fit_seconds", "predict_ms_p95", "model_mb"} <= set(table)


def test_the_best_is_the_first(result: runcard.Result) -> None:
    assert result.best.rank == 1
    assert result.best.mean == result.table["cv_roc_auc_mean"][0]
    assert result.best.final.scores["roc_auc"] == result.table["test_roc_auc"][0]


def test_runs_are_found_in_mlflow(result: runcard.Result) -> None:
    from mlflow import MlflowClient

    client = MlflowClient(result.tracking_uri)
    assert set(result.runs) == set(result.table["trial_key"])
    for key, run_id in result.runs.items():
        assert client.get_run(run_id).data.tags["runcard.trial_key"] == key
    assert client.get_run(result.run_id).data.tags["runcard.kind"] == "card"


def test_a_notebook_shows_a_table(result: runcard.Result) -> None:
    html = result._repr_html_()
    assert html.startswith("<p><b>customers</b>: 4 trials</p><table")
    assert html.count("<tr") == 5
    assert "logistic_regression" in html


def test_what_a_card_calls_itself_is_escaped_for_a_notebook(result: runcard.Result) -> None:
    from dataclasses import replace

    assert "<script>" not in replace(result, experiment="<script>alert(1)</script>")._repr_html_()


def test_printing_a_result_shows_no_address(result: runcard.Result) -> None:
    assert result.tracking_uri not in repr(result)


def test_importing_it_is_light() -> None:
    code = """
import sys
import runcard
assert set(dir(runcard)) == set(runcard.__all__) == set(sorted(runcard.__all__))
heavy = {"mlflow", "sklearn", "pandas", "numpy", "pyarrow", "matplotlib", "scipy", "click", "rich", "joblib"}
print(sorted(heavy & set(sys.modules)))
"""
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout == "[]\n"


def test_every_public_name_is_there() -> None:
    for name in runcard.__all__:
        assert getattr(runcard, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = runcard.nothing


@pytest.mark.slow
def test_a_card_may_be_a_mapping(
    result: runcard.Result, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, empty_mlflow_db: Path
) -> None:
    """Run a mapping in its project's folder; it is the same work as the card's file."""
    write_project(tmp_path / "project", customers_card(), table=make_customers(), db=empty_mlflow_db)
    monkeypatch.chdir(tmp_path / "project")
    assert scores_of(runcard.run(customers_card(), workers=1)) == scores_of(result)


CELLS = """
import numpy as np
import pandas as pd
import runcard
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.preprocessing import StandardScaler


@runcard.dataset
def points():
    rng = np.random.default_rng(1)
    frame = pd.DataFrame(rng.normal(size=(90, 2)), columns=["a", "b"])
    return frame.assign(side=np.where(frame["a"] > 0, "right", "left"))


@runcard.features
def scaled():
    return StandardScaler()


class Threshold(ClassifierMixin, BaseEstimator):
    def __init__(self, at=0.0):
        self.at = at

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        return self.classes_[(np.asarray(X)[:, 0] > self.at).astype(int)]


@runcard.model(task="classification")
def threshold(at: float = 0.0):
    return Threshold(at)


@runcard.metric(greater_is_better=True)
def agreement(y_true, y_pred):
    return float(np.mean(y_true == y_pred))


result = runcard.run(
    {
        "experiment": {"name": "cells"},
        "data": {"dataset": "points"},
        "features": {"set": "scaled", "target": "side"},
        "models": [
            {"name": "threshold", "params": {"at": [0.0, 1.0]}},
            {"name": "logistic_regression"},
        ],
        "evaluation": {"metrics": ["agreement"], "cv_folds": 3},
    },
    workers=2,
    model_format="cloudpickle",
)

failed = [standing.record.error for standing in result.comparison.standings if standing.record.error]
print("BEST", result.best.record.model, round(result.best.mean, 2), result.problem, result.n_left, failed)

"""


@pytest.mark.slow
def test_what_a_notebooks_cells_register_is_known(tmp_path: Path) -> None:
    """Run cells in an interactive interpreter, whose functions have no file."""
    done = subprocess.run(
        [sys.executable, "-i", "-q"],
        input=f"exec({CELLS!r})\nexit()\n",  # a block that has empty lines cannot be typed in
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert "BEST" in done.stdout, done.stderr[-3000:]
    best = done.stdout[done.stdout.index("BEST") :].split()
    assert best[1] in ("threshold", "logistic_regression")
    assert float(best[2]) > 0.9
    assert best[3:6] == ["None", "0", "[]"]
