"""Test rows that are copies of training rows, counted and said."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from projects import call_cli, write_project

from runcard.data.copies import Copies
from runcard.workflow.resolve import resolve


def table_of() -> pd.DataFrame:
    """Make rows of which the test rows repeat some training rows, with and without their target."""
    rng = np.random.default_rng(0)
    train = pd.DataFrame({"x": rng.normal(size=60), "c": ["a", "b", None] * 20, "y": [0, 1] * 30, "part": "train"})
    test = pd.DataFrame({"x": rng.normal(size=20), "c": ["a", "b"] * 10, "y": [0, 1] * 10, "part": "test"})
    test.iloc[:3, :3] = train.iloc[:3, :3]
    test.iloc[3:5, :3] = train.iloc[3:5, :3]
    test.loc[3:4, "y"] = 1 - test.loc[3:4, "y"]
    return pd.concat([train, test], ignore_index=True)


def card_of(**more: Any) -> dict[str, Any]:
    return {
        "data": {"raw_path": "table.csv", "test_where": {"part": "test"}},
        "features": {"numerical": ["x"], "categorical": ["c"], "target": "y"},
        "models": [{"name": "logistic_regression", "params": {"C": [0.1, 1]}}],
        "evaluation": {"metrics": ["accuracy"], "cv_folds": 3},
    } | more


def test_copies_are_counted_with_and_without_the_target(tmp_path: Path) -> None:
    path = write_project(tmp_path / "project", card_of(), table=table_of())
    assert resolve(path).plan.work.copies == Copies(20, same_features=5, same_rows=3)
    told = json.loads(call_cli(path.parents[1], "check", str(path), "--json").stdout)["copies"]
    assert told == {"n_test": 20, "same_features": 5, "same_rows": 3}
    shown = " ".join(call_cli(path.parents[1], "check", str(path)).stdout.split())
    assert "of 20 test rows, 3 that are copies of training rows and 2 with the features of a training row" in shown


def test_where_there_are_none_nothing_is_said(tmp_path: Path) -> None:
    table = table_of().assign(x=range(80))
    path = write_project(tmp_path / "project", card_of(), table=table)
    assert resolve(path).plan.work.copies == Copies(20, 0, 0)
    assert "copies" not in call_cli(path.parents[1], "check", str(path)).stdout


@pytest.mark.slow
def test_the_decision_and_the_audit_say_it(tmp_path: Path, empty_mlflow_db: Path) -> None:
    path = write_project(tmp_path / "project", card_of(), table=table_of(), db=empty_mlflow_db)
    folder = path.parents[1]
    said = "of 20 test rows, 3 that are copies of training rows"
    for command in (["run", str(path), "--workers", "1"], ["run", str(path)], ["select", "card"], ["audit", "card"]):
        answer = call_cli(folder, *command)
        assert answer.returncode == 0, answer.stderr
        assert said in " ".join(answer.stdout.split()), command
