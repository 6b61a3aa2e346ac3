"""The card of the design's first lines, in its spelling and with its keys unchanged."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from projects import call_cli, run_cli

CARD = """\
experiment:
  name: customer_churn_prediction
  description: Predict customer churn using various ML models
  tags:
    project: customer_analytics
    team: data_science

data:
  raw_path: data/raw/customers.csv
  processed_path: data/processed/customers_processed.parquet
  train_test_split: 0.2
  random_state: 42

features:
  numerical:
    - age
    - tenure
    - monthly_charges
    - total_charges
  categorical:
    - gender
    - contract_type
    - payment_method
  target: churn

models:
  - name: logistic_regression
    params:
      C: [0.1, 1, 10]
      max_iter: [1000]
  - name: random_forest
    params:
      n_estimators: [10, 20]
      max_depth: [5, null]
  - name: xgboost
    params:
      n_estimators: [10, 20]
      max_depth: [3]
      learning_rate: [0.1]

evaluation:
  metrics: [accuracy, precision, recall, f1, roc_auc]
  cv_folds: 5
"""
SELECTION = """
selection:
  rule: one_standard_error
  practical_difference: 0.01
  constraints: {predict_ms_p95: "<= 5000", model_mb: "<= 50"}
"""

pytestmark = pytest.mark.slow


def make_table(n_rows: int = 300) -> pd.DataFrame:
    rng = np.random.default_rng(42)
    tenure = rng.integers(0, 72, n_rows)
    monthly = rng.uniform(20, 120, n_rows).round(2)
    contract = rng.choice(["month-to-month", "one year", "two years"], n_rows)
    leaves = 1 / (1 + np.exp(0.06 * tenure - 0.02 * monthly - 1.2 * (contract == "month-to-month")))
    return pd.DataFrame(
        {
            "age": rng.integers(18, 90, n_rows),
            "tenure": tenure,
            "monthly_charges": monthly,
            "total_charges": (tenure * monthly).round(2),
            "gender": rng.choice(["female", "male"], n_rows),
            "contract_type": contract,
            "payment_method": rng.choice(["cheque", "card", "transfer"], n_rows),
            "churn": np.where(rng.random(n_rows) < leaves, "Yes", "No"),
        }
    )


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "configs").mkdir()
    (tmp_path / "data" / "raw").mkdir(parents=True)
    (tmp_path / "pyproject.toml").write_text("[tool.runcard]\n")
    (tmp_path / "configs" / "churn.yaml").write_text(CARD)
    make_table().to_csv(tmp_path / "data" / "raw" / "customers.csv", index=False)
    return tmp_path


def test_it_runs_as_it_stands(project: Path) -> None:
    answer = run_cli(project, "run", "churn", "--workers", "2")
    assert answer.returncode == 0, answer.stderr
    for part in ("logistic_regression", "random_forest", "xgboost", "accuracy", "roc_auc", "test"):
        assert part in answer.stdout
    assert "9 trials, 5 folds, 240 training and 60 test rows" in answer.stderr
    assert len(pd.read_parquet(project / "data/processed/customers_processed.parquet")) == 300

    again = call_cli(project, "run", "churn", "--json")
    assert again.returncode == 0, again.stderr
    told = json.loads(again.stdout)
    assert (told["experiment"], told["metric"], told["n_run"]) == ("customer_churn_prediction", "accuracy", 0)
    means = [row["cv_accuracy_mean"] for row in told["trials"]]
    assert len(means) == 9
    assert means == sorted(means, reverse=True)
    assert means[0] > 0.6


def test_its_selection_is_what_is_done(project: Path) -> None:
    path = project / "configs" / "churn.yaml"
    path.write_text(CARD + SELECTION)
    answer = call_cli(project, "run", "churn", "--workers", "2", "--json")
    assert answer.returncode == 0, answer.stderr
    told = json.loads(answer.stdout)
    decision = told["decision"]
    (chosen,) = [row for row in told["trials"] if row["chosen"]]
    assert (decision["rule"], decision["winner"]["id"]) == ("one_standard_error", chosen["trial_key"])
    reach = told["trials"][0]["cv_accuracy_mean"] - decision["best"]["standard_error"]
    near = [row for row in told["trials"] if row["cv_accuracy_mean"] >= reach]
    assert chosen["predict_ms_p95"] == min(row["predict_ms_p95"] for row in near)
    assert decision["test"]["score"] == chosen["test_accuracy"]
    assert set(decision["test"]) == {"score", "n_openings", "copies"}
    assert decision["test"]["n_openings"] in (3, 4)  # the best of each model, and the chosen one
