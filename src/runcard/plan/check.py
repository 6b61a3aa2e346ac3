"""What a plan must satisfy before anything is trained."""

from __future__ import annotations

import json
import re
from typing import Any

from runcard import errors
from runcard.card.sections import Card
from runcard.catalog.models import (
    can_give,
    check_values,
)
from runcard.plan.draw import Trial
from runcard.plan.plan import Plan

_NEEDED = {"predict": "predictions", "predict_proba": "probabilities", "score": "probabilities or scores"}


def check_estimators(plan: Plan) -> None:
    """Build an estimator for every value of every hyperparameter, and ask it whether it accepts them.

    Raises
    ------
    HyperparameterRejected, MetricImpossible, PackageMissing, CardErrors
        What is wrong, all at once.
    """
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
