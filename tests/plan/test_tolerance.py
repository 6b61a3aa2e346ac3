from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from projects import customers_card, make_customers, write_project

from runcard import errors
from runcard.plan import Plan
from runcard.workflow.resolve import resolve


def plan(folder: Path, **evaluation: Any) -> Plan:
    evaluation = {"metrics": ["roc_auc", "f1"], "cv_folds": 3, **evaluation}
    return resolve(write_project(folder, customers_card(evaluation=evaluation), table=make_customers())).plan


@pytest.mark.parametrize(("given", "kept"), [(0.01, 0.01), ({"f1": 0.1}, {"f1": 0.1}), (None, None)])
def test_a_tolerance_is_kept_and_changes_no_trial(tmp_path: Path, given: Any, kept: Any) -> None:
    found = plan(tmp_path / "with", tolerance=given) if given is not None else plan(tmp_path / "with")
    assert found.as_dict()["tolerance"] == kept
    assert found.hash == plan(tmp_path / "without").hash


def test_a_metric_goes_by_the_name_that_the_card_gives_it(tmp_path: Path) -> None:
    models = [{"name": "random_forest", "params": {"n_estimators": [2, 3]}}]
    features = {"numerical": ["bill"], "categorical": [], "target": "city"}
    evaluation = {"metrics": ["f1"], "cv_folds": 3, "tolerance": {"f1": 0.1}}
    card = customers_card(models=models, features=features, evaluation=evaluation)
    found = resolve(write_project(tmp_path / "p", card, table=make_customers())).plan
    assert found.tolerance == {"f1_weighted": 0.1}


def test_a_metric_that_is_not_computed(tmp_path: Path) -> None:
    with pytest.raises(errors.MetricUnknown) as refused:
        plan(tmp_path / "p", tolerance={"roc_acu": 0.1})
    assert "evaluation.tolerance.roc_acu" in refused.value.where
    assert refused.value.hint == "did you mean `roc_auc`?"


@pytest.mark.parametrize("given", [-0.1, {"f1": -1}, "much", [0.1]])
def test_what_is_no_tolerance(tmp_path: Path, given: Any) -> None:
    with pytest.raises(errors.CardError):
        plan(tmp_path / "p", tolerance=given)
