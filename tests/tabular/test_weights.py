"""Weights by label in a card: written as they are, checked against the classes, and the same after a record is read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from projects import write_project

from runcard import errors, load_card
from runcard.card.load import read_card
from runcard.plan import Plan
from runcard.plan.draw import as_recorded
from runcard.project import find_project
from runcard.workflow.resolve import resolve


def make_table() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    size = rng.normal(size=60)
    is_large = size + rng.normal(size=60) / 2 > 0.8
    return pd.DataFrame(
        {
            "size": size,
            "weight": rng.normal(size=60),
            "whole": np.where(is_large, 2, 1),
            "text": np.where(is_large, "yes", "no"),
            "letters": np.where(is_large, "b", "a"),
            "bool": is_large,
        }
    )


def card(target: str, weights: str, model: str = "logistic_regression", name: str = "class_weight") -> str:
    return f"""
data: {{raw_path: table.csv}}
features: {{numerical: [size, weight], target: {target}}}
models:
  - name: {model}
    params:
      {name}: {weights}
evaluation: {{metrics: [recall], cv_folds: 2}}
"""


def plan(folder: Path, *given: str) -> Plan:
    return resolve(write_project(folder / "project", card(*given), table=make_table())).plan


@pytest.mark.parametrize(
    ("target", "weights", "meant"),
    [
        ("whole", "{1: 5}", [{1: 5}]),
        ("whole", "{value: {2: 5, 1: 1}}", [{2: 5, 1: 1}]),
        ("text", "{no: 1, yes: 3}", [{"no": 1, "yes": 3}]),
        ("text", "[null, balanced, {no: 1, yes: 3}]", [None, "balanced", {"no": 1, "yes": 3}]),
        ("letters", "{a: 1, b: 3}", [{"a": 1, "b": 3}]),
        ("bool", "{true: 4}", [{True: 4}]),
        ("whole", "{values: [{2: 5}, {1: 0.5}]}", [{2: 5}, {1: 0.5}]),
    ],
)
def test_an_estimator_gets_the_weights_by_the_labels_of_the_data(
    target: str, weights: str, meant: list[object], tmp_path: Path
) -> None:
    found = plan(tmp_path, target, weights)
    kept = [trial.params for trial in found.trials]
    assert kept == [as_recorded(params) for params in kept]  # as JSON gives them back
    built = [found.work.estimator(trial.model, trial.params).class_weight for trial in found.trials]
    assert [repr(value) for value in built] == [repr(value) for value in meant]


@pytest.mark.parametrize(
    ("target", "weights", "what", "hint"),
    [
        ("whole", '{"1": 5}', '`class_weight` weighs `"1"`, which is no class of `whole`', "use `1`, without quotes"),
        ("text", "{no: 1, Yes: 5}", "`class_weight` weighs `Yes`, which is no class of `text`", "use `yes`"),
        ("text", "[balanced, {nope: 1}]", "`class_weight` weighs `nope`, which is no class of `text`", "use `no`"),
        ("bool", "{1: 5}", "`class_weight` weighs `1`, which is no class of `bool`", "name one of them"),
        ("whole", "{true: 5}", "`class_weight` weighs `true`, which is no class of `whole`", "name one of them"),
        ("whole", "{2: heavy}", "`class_weight` weighs `2` by `heavy`", "write `2: 1`"),
        ("whole", "{2: -1}", "`class_weight` weighs `2` by `-1`", "write `2: 1`"),
    ],
)
def test_what_is_no_class_is_refused(target: str, weights: str, what: str, hint: str, tmp_path: Path) -> None:
    with pytest.raises(errors.HyperparameterRejected) as refused:
        plan(tmp_path, target, weights)
    assert (refused.value.what, refused.value.hint) == (what, hint)
    assert "card.yaml:7:" in refused.value.where


def test_it_holds_for_what_other_packages_call_it(tmp_path: Path) -> None:
    found = plan(tmp_path, "whole", "{1: 5}", "catboost", "class_weights")
    assert found.work.estimator(found.trials[0].model, found.trials[0].params).get_params()["class_weights"] == {1: 5}


def test_elsewhere_keys_are_text() -> None:
    with pytest.raises(errors.CardError, match="a key that is not text"):
        read_card(card("whole", "{1: 5}", name="C"), project=find_project())


def test_a_card_from_python_keeps_its_labels(tmp_path: Path) -> None:
    given = {
        "data": {"raw_path": "table.csv"},
        "features": {"target": "whole"},
        "models": [{"name": "logistic_regression", "params": {"class_weight": {1: 5, np.int64(2): 1}, "C": 1}}],
    }
    kept = load_card(given)
    assert kept.models[0].params["class_weight"] == {1: 5, 2: 1}
    again = read_card(kept.text, project=find_project())
    assert again.models[0].params == kept.models[0].params
