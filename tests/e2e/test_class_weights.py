"""Weights by label through the whole of it: the class that they favour in cross-validation is the one that ships."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from projects import write_project

import runcard
from runcard.project import find_project
from runcard.workflow.replay.reproduce import reproduce

pytestmark = pytest.mark.slow


def make_table() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 2))
    return pd.DataFrame({"a": x[:, 0], "b": x[:, 1], "label": np.where(x[:, 0] + rng.normal(size=200) > 1, 2, 1)})


def test_weights_by_whole_numbers_run_resume_and_come_out_again(tmp_path: Path, empty_mlflow_db: Path) -> None:
    card = """
data: {raw_path: table.csv}
features: {numerical: [a, b], target: label}
models:
  - {name: logistic_regression, params: {class_weight: [null, balanced, {2: 20}, {1: 20}]}}
  - {name: xgboost, params: {n_estimators: 5, scale_pos_weight: [1, 20]}}
  - {name: catboost, params: {iterations: 5, class_weights: {2: 20}}}
evaluation: {metrics: [recall], cv_folds: 3}
"""
    path = write_project(tmp_path / "project", card, table=make_table(), db=empty_mlflow_db)
    result = runcard.run(path, workers=1)
    table = result.table.set_index("trial_key")
    linear = table[table["model"] == "logistic_regression"]
    recall = dict(zip(map(str, linear["param_class_weight"]), linear["cv_recall_mean"], strict=True))
    assert recall["{'2': 20}"] > recall["None"] > recall["{'1': 20}"]
    for standing in result.comparison.standings:
        if standing.final is not None and "20" in str(standing.record.params):
            assert standing.final.scores["recall"] > 0.8  # of class 2, which the weights favour
    assert runcard.run(path, workers=1).n_run == 0
    for run_id in table["run_id"]:
        replay = reproduce(run_id, isolated=False, project=find_project(path))
        assert replay.verdict == "identical", (run_id, replay)
