"""What a plan must satisfy before anything is trained."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from math import inf
from typing import Any

from runcard import errors
from runcard.card.sections import Card
from runcard.catalog.models import (
    can_give,
    check_values,
)
from runcard.data.target import Target
from runcard.keyed import is_keyed_by_label
from runcard.plan.draw import Trial
from runcard.plan.plan import Plan
from runcard.search.space import is_by_label
from runcard.yaml import Path as KeyPath
from runcard.yaml import resolve_plain

_NEEDED = {"predict": "predictions", "predict_proba": "probabilities", "score": "probabilities or scores"}


def check_estimators(plan: Plan) -> None:
    """Build an estimator for every value of every hyperparameter, and ask it whether it accepts them.

    Raises
    ------
    HyperparameterRejected, MetricImpossible, PackageMissing, CardErrors
        What is wrong, all at once.
    """
    errors.raise_all(list(_strange_labels(plan)))
    faults: list[errors.RuncardError] = []
    asked: set[int] = set()
    for trial in plan.probes:
        try:
            estimator = plan.estimator(trial.model, trial.params)
        except errors.RuncardError as error:
            error.where = plan.card.where("models", trial.entry, "name")
            raise
        if problem := check_values(estimator):
            faults.append(_rejected(plan.card, trial, problem))
        if trial.entry not in asked:
            asked.add(trial.entry)
            faults += _impossible_metrics(plan, trial, estimator)
    errors.raise_all(list({(fault.what, fault.where, fault.why): fault for fault in faults}.values()))


def _strange_labels(plan: Plan) -> Iterator[errors.RuncardError]:
    """Find keys of weights that are no classes of the target, and weights that are no numbers."""
    for index, model in enumerate(plan.card.models):
        for name, raw in model.params.items():
            if not is_keyed_by_label(name) or not plan.target.classes:
                continue
            for path, weights in _mappings(raw, name, ("models", index, "params", name)):
                for key, weight in weights.items():
                    where = plan.card.where(*path, key)
                    if not any(_is_same(key, label) for label in plan.target.classes):
                        yield _no_class(plan.target, name, key, where)
                    elif isinstance(weight, bool) or not isinstance(weight, int | float) or not 0 <= weight < inf:
                        yield errors.HyperparameterRejected(
                            f"`{name}` weighs `{_spelt(key)}` by `{weight}`",
                            where=where,
                            why="a weight is a number, 0 or above",
                            hint=f"write `{_spelt(key)}: 1`",
                        )


def _mappings(raw: Any, name: str, path: KeyPath) -> Iterator[tuple[KeyPath, Mapping[Any, Any]]]:
    if is_by_label(raw, name):
        yield path, raw
    elif isinstance(raw, Mapping):
        for key in ("value", "values"):
            yield from _mappings(raw.get(key), name, (*path, key))
    elif isinstance(raw, list | tuple):
        for place, item in enumerate(raw):
            yield from _mappings(item, name, (*path, place))


def _is_same(key: object, label: object) -> bool:
    return key == label and isinstance(key, bool) == isinstance(label, bool)


def _no_class(target: Target, name: str, key: object, where: str) -> errors.HyperparameterRejected:
    near = errors.nearest(str(key), [str(label) for label in target.classes])
    meant = next((label for label in target.classes if str(label) == near), None)
    quotes = ", in quotes" if isinstance(meant, str) else ", without quotes"
    return errors.HyperparameterRejected(
        f"`{name}` weighs `{_spelt(key)}`, which is no class of `{target.name}`",
        where=where,
        why=f"its classes are {errors.listing([_spelt(label) for label in target.classes])}",
        hint="name one of them" if near is None else f"use `{_spelt(meant)}`{quotes if near == str(key) else ''}",
    )


def _spelt(label: object) -> str:
    """Write a label as a card must have it: in quotes where it would not be text without them."""
    is_plain = isinstance(label, str) and resolve_plain(label) == label
    return str(label) if is_plain else json.dumps(label)


def _rejected(card: Card, trial: Trial, problem: str) -> errors.HyperparameterRejected:
    named = next((name for name in trial.params if re.search(rf"\b{re.escape(name)}\b", problem)), None)
    path = ("models", trial.entry, "params", named) if named else ("models", trial.entry, "name")
    return errors.HyperparameterRejected(
        f"`{trial.model}` does not accept `{named}: {trial.params[named]}`"
        if named
        else f"`{trial.model}` does not accept its hyperparameters",
        where=card.where(*path),
        why=problem,
        hint="correct the value",
    )


def _impossible_metrics(plan: Plan, trial: Trial, estimator: Any) -> list[errors.RuncardError]:
    shown = f" with {json.dumps(dict(trial.params), default=str)}" if trial.params else ""
    return [
        errors.MetricImpossible(
            f"`{trial.model}` cannot give `{metric.name}`",
            where=plan.card.where("evaluation", "metrics", index),
            why=f"it has no {_NEEDED[metric.needs]}{shown}",
            hint="remove the metric or the model, or choose a model (or a hyperparameter) with probabilities",
        )
        for index, metric in enumerate(plan.metrics)
        if not can_give(estimator, metric.needs)
    ]
