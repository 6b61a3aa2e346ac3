"""Which task a card has, and what decides it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from projects import call_cli, write_project

from runcard import errors
from runcard.plan import Plan
from runcard.workflow.resolve import resolve

N_ROWS = 150
TARGETS = {
    "ratings": np.arange(N_ROWS) % 6 + 3,
    "codes": np.arange(N_ROWS) % 25,
    "prices": np.linspace(1, 9, N_ROWS),
    "floats": np.arange(N_ROWS) % 3 + 1.0,
    "words": [f"w{i % 3}" for i in range(N_ROWS)],
    "flags": [i % 2 == 0 for i in range(N_ROWS)],
}
OWN = """
import runcard

@runcard.metric(greater_is_better=False, task="regression")
def off(y_true, y_pred):
    return float(abs(y_true - y_pred).mean())

@runcard.metric(greater_is_better=True)
def hits(y_true, y_pred):
    return float((y_true == y_pred).mean())
"""


def card_of(target: str, *, models: tuple[str, ...] = ("random_forest",), **more: Any) -> dict[str, Any]:
    features = {"numerical": ["x"], "target": target} | more.pop("features", {})
    evaluation = {"cv_folds": 3} | more.pop("evaluation", {})
    card = {"data": {"raw_path": "table.csv"}, "features": features, "models": [{"name": name} for name in models]}
    return card | {"evaluation": evaluation} | more


def project_of(folder: Path, card: dict[str, Any]) -> Path:
    table = pd.DataFrame({"x": np.random.default_rng(0).normal(size=N_ROWS), **TARGETS})
    return write_project(folder / "project", card, table=table, modules={"own": OWN})


def plan_of(folder: Path, card: dict[str, Any]) -> Plan:
    return resolve(project_of(folder, card)).plan


@pytest.mark.parametrize(
    ("card", "task", "because"),
    [
        (card_of("ratings"), "classification", "its values are 6 different whole numbers, up to 20"),
        (card_of("codes"), "regression", "its values are 25 different whole numbers, more than 20"),
        (card_of("prices"), "regression", "its values have fractions"),
        (card_of("floats"), "classification", "its values are 3 different whole numbers, up to 20"),
        (card_of("words"), "classification", "its values are no numbers"),
        (card_of("ratings", evaluation={"metrics": ["rmse"]}), "regression", "the metric `rmse` is for regression"),
        (
            card_of("codes", evaluation={"metrics": ["accuracy"]}),
            "classification",
            "the metric `accuracy` is for classification",
        ),
        (
            card_of("ratings", evaluation={"metrics": ["hits", "off"]}),
            "regression",
            "the metric `off` is for regression",
        ),
        (
            card_of("ratings", evaluation={"metrics": ["hits"]}),
            "classification",
            "its values are 6 different whole numbers, up to 20",
        ),
        (
            card_of("ratings", models=("random_forest", "elastic_net")),
            "regression",
            "the model `elastic_net` is for regression",
        ),
        (card_of("codes", models=("svc",)), "classification", "the model `svc` is for classification"),
        (card_of("ratings", task="regression"), "regression", "the card says `task: regression`"),
        (card_of("codes", task="classification"), "classification", "the card says `task: classification`"),
        (card_of("ratings", task=None), "classification", "its values are 6 different whole numbers, up to 20"),
        (
            card_of("flags", features={"positive": True}),
            "classification",
            "`positive` names a class",
        ),
    ],
)
def test_the_card_decides_and_where_it_does_not_the_target(
    tmp_path: Path, card: dict[str, Any], task: str, because: str
) -> None:
    plan = plan_of(tmp_path, card)
    assert (plan.work.task, plan.work.task_because) == (task, because)
    assert plan.work.split.kind == ("stratified" if task == "classification" else "plain")


@pytest.mark.parametrize(
    ("card", "code", "what", "where"),
    [
        (
            card_of("ratings", evaluation={"metrics": ["rmse", "accuracy"]}),
            "RC303",
            "the metric `rmse` is for regression, and the metric `accuracy` is for classification",
            "evaluation.metrics[1]",
        ),
        (
            card_of("ratings", task="regression", evaluation={"metrics": ["f1"]}),
            "RC303",
            "the card says `task: regression`, and the metric `f1` is for classification",
            "evaluation.metrics[0]",
        ),
        (
            card_of("ratings", evaluation={"metrics": ["accuracy"]}, models=("random_forest", "elastic_net")),
            "RC303",
            "the metric `accuracy` is for classification, and the model `elastic_net` is for regression",
            "models[1].name",
        ),
        (
            card_of("ratings", features={"positive": 3}, evaluation={"metrics": ["rmse"]}),
            "RC303",
            "the metric `rmse` is for regression, and `positive` names a class",
            "features.positive",
        ),
        (
            card_of("words", task="regression"),
            "RC215",
            "the target `words` does not fit a regression",
            'table.csv, column "words"',
        ),
        (
            card_of("flags", evaluation={"metrics": ["rmse"]}),
            "RC215",
            "the target `flags` does not fit a regression",
            'table.csv, column "flags"',
        ),
        (
            card_of("prices", evaluation={"metrics": ["accuracy"]}),
            "RC215",
            "the target `prices` does not fit a classification",
            'table.csv, column "prices"',
        ),
    ],
)
def test_what_does_not_agree_is_one_error(
    tmp_path: Path, card: dict[str, Any], code: str, what: str, where: str
) -> None:
    with pytest.raises(errors.RuncardError) as caught:
        plan_of(tmp_path, card)
    assert (caught.value.code, caught.value.what) == (code, what)
    assert where in caught.value.where


def test_check_says_what_decided(tmp_path: Path) -> None:
    path = project_of(tmp_path, card_of("ratings", evaluation={"metrics": ["rmse"]}))
    shown = call_cli(path.parents[1], "check", str(path))
    assert "regression of `ratings`, as the metric `rmse` is for regression" in " ".join(shown.stdout.split())
    told = json.loads(call_cli(path.parents[1], "check", str(path), "--json").stdout)
    assert (told["task"], told["task_because"]) == ("regression", "the metric `rmse` is for regression")
