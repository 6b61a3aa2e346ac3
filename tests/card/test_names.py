"""Names that MLflow would refuse are refused by the card, with one that it keeps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from projects import write_project

from runcard import errors
from runcard.card import load_card

OWN = """
import runcard
from sklearn.linear_model import LogisticRegression


@runcard.model(task="classification")
def anything(**params):
    return LogisticRegression()


for name in ("hits", "hits_mean", "hits_std"):
    globals()[name] = runcard.metric(name=name, greater_is_better=True)(lambda y_true, y_pred: 0.0)
"""


def load(folder: Path, **changes: Any) -> Any:
    card = {
        "data": {"raw_path": "table.csv"},
        "features": {"target": "y"},
        "models": [{"name": "anything"}],
        **changes,
    }
    return load_card(write_project(folder, card, modules={"own": OWN}))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"experiment": {"tags": {"a@b": 1}}}, ["`a@b` cannot be a name here", "use another, such as `a_b`"]),
        ({"experiment": {"tags": {"../x": 1}}}, ["`../x` cannot be a name here", "such as `x`"]),
        ({"experiment": {"tags": {"t" * 251: 1}}}, ["cannot be a name here"]),
        ({"experiment": {"tags": {"mlflow.parentRunId": "x"}}}, ["cannot be a tag of the card", "use `parentRunId`"]),
        ({"experiment": {"tags": {"runcard.kind": "x"}}}, ["cannot be a tag of the card", "use `kind`"]),
        ({"models": [{"name": "anything", "params": {"my@param": 1}}]}, ["`my@param` cannot be", "such as `my_param`"]),
        ({"evaluation": {"metrics": ["hits", "hits_mean"]}}, ["`hits` and `hits_mean` would stand under one name"]),
        ({"evaluation": {"metrics": ["hits_std", "hits"]}}, ["`hits` and `hits_std` would stand under one name"]),
        ({"registry": {"model": ".."}}, ["`model` cannot be `..`"]),
        ({"registry": {"model": "  "}}, ["`model` cannot be"]),
        ({"registry": {"model": "m" * 251}}, ["`model` cannot be"]),
    ],
)
def test_names_that_mlflow_refuses(changes: dict[str, Any], said: list[str], tmp_path: Path) -> None:
    with pytest.raises(errors.RuncardError) as caught:
        load(tmp_path / "p", **changes)
    for words in said:
        assert words in str(caught.value)


def test_names_that_mlflow_keeps(tmp_path: Path) -> None:
    tags = {"team": "blue", "a b/c:d.e-f": 1, "größe": "x"}
    models = [{"name": "anything", "params": {"a b/c": 1}}]
    card = load(tmp_path / "p", experiment={"tags": tags}, models=models, registry={"model": "a b.c"})
    assert dict(card.experiment.tags) == tags
