"""From a card and its table to the plan: what is refused, and the numbers that decide how much is done."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from projects import customers_card, make_customers, write_project

from runcard import errors
from runcard.plan import Plan
from runcard.workflow.resolve import resolve


def plan(folder: Path, table: pd.DataFrame | None = None, *, code: str = "", **changes: Any) -> Plan:
    modules = {"own": code} if code else {}
    frame = make_customers() if table is None else table
    return resolve(write_project(folder / "project", customers_card(**changes), table=frame, modules=modules)).plan


def one_row_folds(metric: str, **changes: Any) -> dict[str, Any]:
    """Give sections of a card whose folds score a single row each."""
    data = {"raw_path": "table.csv", "id": "customer", "train_test_split": 0.8}
    models = [{"name": "logistic_regression", "params": {"C": [0.1, 1.0]}}]
    evaluation = {"metrics": [metric], "cv_folds": "leave_one_out"}
    return {"data": data, "models": models, "evaluation": evaluation, **changes}


STOP = {"method": "random", "trials": 2, "early_terminate": {"type": "hyperband", "min_iter": 2}}
SPACE = [{"name": "random_forest", "params": {"n_estimators": {"min": 2, "max": 9}}}]


def test_where_folds_score_one_row_what_is_no_mean_is_pooled(tmp_path: Path) -> None:
    found = plan(tmp_path, **one_row_folds("roc_auc"))
    assert found.pooled == ("roc_auc",)
    by_rule = plan(tmp_path / "b", **one_row_folds("accuracy", selection={"rule": "one_standard_error"}))
    assert by_rule.pooled == ()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"selection": {"rule": "one_standard_error"}}, "`selection.rule` needs `roc_auc` on every fold"),
        ({"search": STOP, "models": SPACE}, "`search.early_terminate` needs `roc_auc` on every fold"),
    ],
)
def test_what_needs_a_number_for_each_fold_is_refused_where_there_is_none(
    changes: dict[str, Any], said: str, tmp_path: Path
) -> None:
    with pytest.raises(errors.MetricImpossible) as caught:
        plan(tmp_path, **one_row_folds("roc_auc", **changes))
    assert caught.value.what == said


@pytest.mark.parametrize(("n_trials", "n_folds"), [(1, 0), (2, 5)])
def test_two_trials_need_folds_and_one_goes_straight_to_the_test(n_trials: int, n_folds: int, tmp_path: Path) -> None:
    models = [{"name": "logistic_regression", "params": {"C": [0.1, 1.0][:n_trials]}}]
    assert plan(tmp_path, models=models, evaluation={"metrics": ["accuracy"]}).n_units == n_folds


@pytest.mark.parametrize(("n_values", "n_probes"), [(10, 10), (11, 2)])
def test_of_more_than_ten_numbers_the_ends_are_probed(n_values: int, n_probes: int, tmp_path: Path) -> None:
    models = [{"name": "logistic_regression", "params": {"C": [0.5 * n for n in range(1, n_values + 1)]}}]
    assert len(plan(tmp_path, models=models).probes) == n_probes


def test_codes_of_a_time_column_are_numbers_for_trials(tmp_path: Path) -> None:
    """`010` comes after `9` for whoever splits by time, and for the trials too."""
    table = make_customers()
    table["day"] = [f"{n:03d}" for n in range(len(table))]
    found = plan(tmp_path, table, data={"raw_path": "table.csv", "id": "customer", "time": "day"})
    typed = found.work.typed(pd.read_csv(tmp_path / "project" / "table.csv", dtype={"day": "str"}))
    assert pd.api.types.is_numeric_dtype(typed["day"])
    assert not pd.api.types.is_numeric_dtype(typed["contract"])


LEAKY = """
import runcard


@runcard.features(rowwise=True)
def looks(frame):
    return frame[["age"]].assign(x=frame["COLUMN"]).fillna(0)
"""


@pytest.mark.parametrize(
    ("column", "words"), [("left", "`left` is the card's target"), ("nowhere", "KeyError: 'nowhere' call the function")]
)
def test_a_feature_set_that_fails_is_refused_with_its_place(column: str, words: str, tmp_path: Path) -> None:
    features = {"set": "looks", "target": "left", "positive": "yes"}
    with pytest.raises(errors.FeaturesInvalid) as caught:
        plan(tmp_path, code=LEAKY.replace("COLUMN", column), features=features)
    assert words in f"{caught.value.why} {caught.value.hint}"
    assert caught.value.where.endswith("features.set")


@pytest.mark.parametrize(
    ("params", "what"),
    [
        ({"C": -1.0}, "`logistic_regression` does not accept `C: -1.0`"),
        ({"tol": "tiny"}, "`logistic_regression` does not accept `tol: tiny`"),
    ],
)
def test_a_value_that_a_model_refuses_is_named_with_its_place(
    params: dict[str, Any], what: str, tmp_path: Path
) -> None:
    with pytest.raises(errors.HyperparameterRejected) as caught:
        plan(tmp_path, models=[{"name": "logistic_regression", "params": params}])
    assert caught.value.what == what
    assert caught.value.where.endswith(f"models[0].params.{next(iter(params))}")


def test_the_place_of_an_unknown_metric_of_the_tolerance_is_its_name(tmp_path: Path) -> None:
    evaluation = {"metrics": ["f1"], "cv_folds": 3, "tolerance": {"f2": 0.125}}
    with pytest.raises(errors.MetricUnknown) as caught:
        plan(tmp_path, evaluation=evaluation)
    lines = (tmp_path / "project" / "configs" / "card.yaml").read_text().splitlines()
    _, line, column = caught.value.where.partition(",")[0].rsplit(":", 2)
    assert lines[int(line) - 1][int(column) - 1 :].startswith('"f2"')
