"""The metric that a W&B sweep optimises, mapped to one of runcard's where the match is certain."""
# ruff: noqa: RUF009 (`key` and `unmatched` are `dataclasses.field`)

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Literal

from runcard import errors
from runcard.card.check import KnownNames
from runcard.card.faults import Faults
from runcard.card.kinds import WRONG, key, one_of, text
from runcard.catalog.metrics import METRIC_NAMES, OTHER_NAMES, find_metric
from runcard.catalog.registered import Catalog
from runcard.sweepfile.remarks import Remarks, unmatched

Goal = Literal["minimize", "maximize"]

_HELD_OUT = "val|valid|validation|eval|evaluation|dev|test|cv|holdout"
_OTHER_NAMES = {
    **OTHER_NAMES,
    "acc": "accuracy",
    "balanced_acc": "balanced_accuracy",
    "rocauc": "roc_auc",
    "pr_auc": "average_precision",
    **{f"{average}_{name}": f"{name}_{average}" for average in ("macro", "micro", "weighted")
       for name in ("f1", "jaccard", "precision", "recall")},
}  # fmt: skip
_LOSSES = ("loss", "losses", "error", "err", "perplexity", "nll", "mse", "rmse", "mae", "mape", "logloss", "brier")
_GAINS = ("acc", "accuracy", "auc", "auroc", "f1", "precision", "recall", "score", "reward", "r2")
_TURNED = ("neg", "negative", "minus", "inverse", "inv", "reduction", "drop", "gain", "improvement")


@dataclass(frozen=True, slots=True, kw_only=True)
class Objective:
    """The `metric` of a sweep."""

    name: str = key(text(), "What the script logs.")
    goal: Goal | None = key(one_of("minimize", "maximize"), "W&B's default is `minimize`.", default=None)
    target: Any = unmatched("a card has no score at which it ends; all its trials are run")
    impute: Any = unmatched("a failed trial has no score, and none is made up for it")
    impute_while_running: Any = unmatched("a trial has a score when its last fold is scored")


def resolve_objective(objective: Objective, names: KnownNames, faults: Faults, remarks: Remarks) -> str | None:
    """Give the metric's name in runcard; None when the match is not certain.

    A goal that contradicts the metric is a fault.
    """
    if objective.name is WRONG:
        return None
    name, is_negated = _spell(objective.name, names)
    if name is None:
        if (right := _goal_by_word(objective.name)) is not None and objective.goal is not None:
            _check_goal(objective, right, faults, remarks)
        return None
    if name != objective.name:
        remarks.add("renamed", ("metric", "name"), f"`{objective.name}` is `{name}` here, its mean over the folds")
    catalog = Catalog() if name in METRIC_NAMES else names.catalog
    grows = find_metric(name, catalog).greater_is_better
    _check_goal(objective, "minimize" if is_negated == grows else "maximize", faults, remarks)
    return name


def _spell(name: str, names: KnownNames) -> tuple[str | None, bool]:
    """Give the metric of that name, and whether the name means its negative."""
    if name in METRIC_NAMES or name in names.catalog.metrics:
        return name, False
    plain = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")
    plain = re.sub(rf"^(({_HELD_OUT})_)+|(_({_HELD_OUT}))+$", "", plain)
    is_negated, plain = plain.startswith("neg_"), plain.removeprefix("neg_")
    for known in (plain, plain.removesuffix("_score")):
        if known in METRIC_NAMES:
            return known, is_negated
        if known in _OTHER_NAMES:
            return _OTHER_NAMES[known], is_negated
    return None, False


def _goal_by_word(name: str) -> Goal | None:
    """Infer the goal of an unknown metric from the last word of its name, such as `val_loss`."""
    words = re.findall(r"[a-z0-9]+", re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", name).lower())
    words = [word for word in words if not re.fullmatch(_HELD_OUT, word)]
    if not words or any(word in _TURNED for word in words):
        return None
    return "minimize" if words[-1] in _LOSSES else "maximize" if words[-1] in _GAINS else None


def _check_goal(objective: Objective, right: Goal, faults: Faults, remarks: Remarks) -> None:
    if objective.goal == right or faults.touch("metric", "goal"):
        return
    if objective.goal is not None:
        better = "more" if right == "maximize" else "less"
        faults.add(
            errors.ValueInvalid,
            ("metric", "goal"),
            f"the goal of `{objective.name}` cannot be to {objective.goal} it",
            why=f"{better} of it is better",
            hint=f"write `goal: {right}`",
        )
    elif right == "maximize":
        said = f"without a `goal` W&B minimizes `{objective.name}`; the card maximizes it, since more is better"
        remarks.add("warning", ("metric", "name"), said)
