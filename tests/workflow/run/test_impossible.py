"""Combinations of hyperparameters that cannot be: they fail alone, before training, and the others go on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from projects import customers_card, make_customers, write_project

import runcard
from runcard import errors
from runcard.cli import main
from runcard.plan import Plan
from runcard.workflow.resolve import resolve

OWN = """
import runcard
from sklearn.linear_model import RidgeClassifier


@runcard.model
def picky(kind, depth=1, alpha=1.0):
    if kind == "deep" and depth == 1:
        raise ValueError("deep needs a depth")
    return RidgeClassifier(alpha=alpha)
"""
SVC = {"penalty": ["l1", "l2"], "loss": ["hinge", "squared_hinge"], "dual": [True, False], "max_iter": 50}


def project(folder: Path, *models: dict[str, Any], **changes: Any) -> Path:
    card = customers_card(models=list(models), **changes)
    return write_project(folder / "project", card, table=make_customers(), modules={"own_models": OWN})


def plan_of(folder: Path, *models: dict[str, Any], **changes: Any) -> Plan:
    return resolve(project(folder, *models, **changes)).plan


@pytest.mark.slow
def test_they_fail_alone_and_are_not_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = project(tmp_path, {"name": "linear_svc", "params": SVC}, evaluation={"metrics": ["accuracy"], "cv_folds": 3})
    monkeypatch.chdir(path.parents[1])
    answer = CliRunner().invoke(main, ["run", "configs/card.yaml", "--workers", "1"])
    assert answer.exit_code == 0, answer.output
    assert "4 of 8 trials are impossible and were not trained; the first: linear_svc with penalty=l1" in answer.output
    assert "`when:`" in answer.output
    again = runcard.run(path, workers=1)
    assert again.n_run == 0
    records = [standing.record for standing in again.comparison.standings]
    assert [record.status for record in records] == ["done"] * 4 + ["impossible"] * 4
    assert all(not record.fit_seconds and "not supported" in str(record.error) for record in records[4:])
    assert again.comparison.n_failed == 0
    assert again.decision is not None
    table = CliRunner().invoke(main, ["compare", "card", "--all"]).output
    assert table.count("impossible") >= 4 or "impossible" in CliRunner().invoke(main, ["compare", "card"]).output


@pytest.mark.slow
def test_where_none_is_possible_the_card_is_refused(tmp_path: Path) -> None:
    params = {"penalty": "l1", "loss": "hinge", "C": [0.1, 1.0]}
    path = project(tmp_path, {"name": "linear_svc", "params": params}, evaluation={"metrics": ["accuracy"]})
    with pytest.raises(errors.HyperparameterRejected, match="cannot be trained with penalty='l1', loss='hinge'"):
        runcard.run(path, workers=1)


@pytest.mark.slow
def test_a_model_that_cannot_be_trained_at_all_is_no_combination(tmp_path: Path) -> None:
    """Its defaults fail as well: the features are wrong for it."""
    models = [{"name": "multinomial_nb", "params": {"alpha": [0.1, 1.0]}}, {"name": "ridge", "params": {}}]
    with pytest.raises(errors.HyperparameterRejected, match="`multinomial_nb` cannot be trained"):
        runcard.run(project(tmp_path, *models, evaluation={"metrics": ["accuracy"]}), workers=1)


def test_what_a_projects_model_refuses_is_known_before_anything_is_fitted(tmp_path: Path) -> None:
    params = {"kind": ["deep", "flat"], "depth": [1, 2], "alpha": [0.1, 1.0, 10.0]}
    plan = plan_of(tmp_path, {"name": "picky", "params": params}, evaluation={"metrics": ["accuracy"]})
    found = [trial for trial in plan.trials if trial.key in plan.impossible]
    assert [(trial.params["kind"], trial.params["depth"]) for trial in found] == [("deep", 1)] * 3
    assert set(plan.impossible.values()) == {"ValueError: deep needs a depth"}
    assert len(plan.fits()) == 9


def test_a_projects_model_that_refuses_everything_is_refused(tmp_path: Path) -> None:
    with pytest.raises(errors.HyperparameterRejected, match="`picky` cannot be built"):
        plan_of(tmp_path, {"name": "picky", "params": {"kind": "deep"}}, evaluation={"metrics": ["accuracy"]})


@pytest.mark.parametrize(
    ("model", "params"),
    [
        ("linear_svc", {"penalty": ["l2", "l7"]}),
        ("linear_svc", {"C": [1.0, -1.0]}),
        ("xgboost", {"max_depth": [-3, 2], "n_estimators": 5}),
    ],
)
def test_a_value_that_is_wrong_by_itself_refuses_the_card(tmp_path: Path, model: str, params: dict[str, Any]) -> None:
    with pytest.raises(errors.HyperparameterRejected, match=f"`{model}` does not accept"):
        plan_of(tmp_path, {"name": model, "params": params}, evaluation={"metrics": ["accuracy"]})


def test_what_a_booster_refuses_together_is_impossible(tmp_path: Path) -> None:
    params = {"bootstrap_type": ["Bayesian", "Bernoulli"], "subsample": 0.5, "iterations": 5}
    plan = plan_of(tmp_path, {"name": "catboost", "params": params}, evaluation={"metrics": ["accuracy"]})
    assert [trial.params["bootstrap_type"] for trial in plan.trials if trial.key in plan.impossible] == ["Bayesian"]


@pytest.mark.parametrize("method", ["random", "bayes"])
def test_fractions_for_a_whole_number_are_said_once(tmp_path: Path, method: str) -> None:
    params = {
        "n_estimators": {"distribution": "uniform", "min": 50, "max": 400},
        "max_depth": {"distribution": "log_uniform_values", "min": 1, "max": 20},
    }
    with pytest.raises(errors.CardErrors) as caught:
        plan_of(tmp_path, {"name": "random_forest", "params": params}, search={"method": method, "trials": 20})
    assert [error.what for error in caught.value.errors] == [
        "`random_forest` takes whole numbers for `n_estimators`",
        "`random_forest` takes whole numbers for `max_depth`",
    ]
    assert caught.value.errors[0].hint == "use `n_estimators: {distribution: int_uniform, min: 50, max: 400}`"
    assert "q_log_uniform_values, min: 1, max: 20, q: 1" in caught.value.errors[1].hint
