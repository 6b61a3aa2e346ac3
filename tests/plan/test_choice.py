"""How a card's `selection` is resolved against what its trials will record."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from projects import customers_card, make_customers, write_project

from runcard import errors
from runcard.plan import Choice, Constraint, read_choice
from runcard.workflow.resolve import resolve


def choice_of(folder: Path, selection: dict[str, Any], **changes: Any) -> Choice:
    card = customers_card(selection=selection, **changes)
    return resolve(write_project(folder / "project", card, table=make_customers())).plan.choice


def test_names_are_those_that_will_be_recorded_and_what_is_written_is_read_back(tmp_path: Path) -> None:
    bounds = {"precision": ">= 0.1", "cv_precision_std": "< 1e-1", "cv_log_loss_mean": "<=2"}
    three_classes = customers_card()["features"] | {"target": "city", "categorical": ["contract"]}
    del three_classes["positive"]
    found = choice_of(
        tmp_path,
        {"constraints": bounds, "cost": ["log_loss"]},
        features=three_classes,
        evaluation={"metrics": ["precision", "log_loss"], "cv_folds": 3},
    )
    assert found.constraints == (
        Constraint("precision_weighted", ">=", 0.1),
        Constraint("cv_precision_weighted_std", "<", 0.1),
        Constraint("log_loss", "<=", 2.0),
    )
    assert found.cost == ("log_loss",)
    assert read_choice(found.as_dict()) == found


@pytest.mark.parametrize(
    ("selection", "code", "where"),
    [
        ({"constraints": {"rmse": "<= 1"}}, "RC103", "selection.constraints.rmse"),
        ({"constraints": {"f1": ">= 0.5"}}, "RC103", "selection.constraints.f1"),
        ({"cost": ["model_mb", "accuracy"]}, "RC106", "selection.cost[1]"),
    ],
)
def test_what_will_not_be_known_or_is_no_cost(tmp_path: Path, selection: dict[str, Any], code: str, where: str) -> None:
    with pytest.raises(errors.RuncardError) as caught:
        choice_of(tmp_path, selection)
    assert caught.value.code == code
    assert caught.value.where.endswith(where)


def test_without_folds_only_what_is_measured_of_the_model_can_reject_it(tmp_path: Path) -> None:
    alone: dict[str, Any] = {
        "models": [{"name": "logistic_regression"}],
        "evaluation": {"metrics": ["accuracy"]},
    }
    assert choice_of(tmp_path, {"constraints": {"model_mb": "<= 5"}}, **alone).constraints
    with pytest.raises(errors.CardErrors) as caught:
        choice_of(tmp_path / "other", {"constraints": {"accuracy": ">= 0.5", "cpu_seconds": "<= 9"}}, **alone)
    assert [error.hint for error in caught.value.errors] == ["add `cv_folds: 5` to `evaluation`"] * 2


@pytest.mark.parametrize("limit", [5.0, 0.1, 1 / 3, 1e-9, 123456789.0, -2.5])
def test_a_bound_is_written_to_the_last_digit(limit: float) -> None:
    (found,) = read_choice({"constraints": {"model_mb": Constraint("model_mb", "<=", limit).bound}}).constraints
    assert found.limit == limit
