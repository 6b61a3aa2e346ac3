"""Checks of a plan's estimators before anything is trained."""

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
    looks_when_it_trains,
)
from runcard.data.target import Target
from runcard.keyed import is_keyed_by_label
from runcard.plan.draw import Trial
from runcard.plan.plan import Plan
from runcard.search.sampling import ends_of
from runcard.search.space import Distribution, is_by_label
from runcard.tabular.work import tabular
from runcard.yaml import Path as KeyPath
from runcard.yaml import resolve_plain

_ENOUGH = 50
_NEEDED = {"predict": "predictions", "predict_proba": "probabilities", "score": "probabilities or scores"}


def check_estimators(plan: Plan) -> dict[str, str]:
    """Build an estimator for every value of every hyperparameter, and check that it accepts them.

    Returns
    -------
    For trials that are impossible though each of their values may be right, by key: the reason.

    Raises
    ------
    HyperparameterRejected, MetricImpossible, PackageMissing, CardErrors
        What is wrong, all at once.
    """
    errors.raise_all(list(_strange_labels(plan)))
    found = _Found(plan)
    for trial in _worth_building(plan):
        found.look_at(trial)
    found.judge_suspects()
    errors.raise_all(list({(fault.what, fault.where, fault.why): fault for fault in found.faults}.values()))
    return found.reasons


def _worth_building(plan: Plan) -> Iterator[Trial]:
    """Give the probes, and all trials of the project's own models, which may refuse any combination."""
    yield from plan.probes
    own = {name for name, spec in tabular(plan).specs.items() if spec.registered is not None}
    probed = {trial.key for trial in plan.probes}
    yield from (trial for trial in plan.trials if trial.model in own and trial.key not in probed)


class _Found:
    """What was found by building trials' estimators."""

    def __init__(self, plan: Plan) -> None:
        self.faults: list[errors.RuncardError] = []
        self.reasons: dict[str, str] = {}
        self._plan = plan
        self._asked: set[int] = set()
        self._is_built = False
        self._first: errors.HyperparameterRejected | None = None
        self._suspects: list[tuple[Trial, str]] = []

    def look_at(self, trial: Trial) -> None:
        """Build a trial's estimator and note how that fails."""
        try:
            estimator = tabular(self._plan).estimator(trial.model, trial.params)
        except errors.HyperparameterRejected as error:
            error.where = self._plan.card.where("models", trial.entry, "name")
            self._first = self._first or error
            self.reasons[trial.key] = error.why
            return
        except errors.RuncardError as error:
            error.where = self._plan.card.where("models", trial.entry, "name")
            raise
        self._is_built = True
        problem = check_values(estimator)
        if problem and looks_when_it_trains(estimator):
            self._suspects.append((trial, problem))
        elif problem:
            self.faults += _not_whole(self._plan, trial) or [_rejected(self._plan.card, trial, problem)]
        if trial.entry not in self._asked:
            self._asked.add(trial.entry)
            self.faults += _impossible_metrics(self._plan, trial, estimator)

    def judge_suspects(self) -> None:
        """Separate values that are wrong by themselves from values that only do not go together."""
        for trial, problem in self._suspects:
            wrong = [name for name in trial.params if _is_wrong_alone(self._plan, trial, name)]
            if wrong:
                self.faults += _not_whole(self._plan, trial) or [_rejected(self._plan.card, trial, problem)]
            else:
                self.reasons[trial.key] = problem
        if self._first is not None and not self._is_built:
            raise self._first


def _is_wrong_alone(plan: Plan, trial: Trial, name: str) -> bool:
    """Tell whether a value is refused with defaults for all else, and in every trial that has it."""
    value = trial.params[name]
    if _problem_of(plan, trial.model, {name: value}) is None:
        return False
    others = [
        other for other in plan.trials or plan.probes
        if other.entry == trial.entry and repr(other.params.get(name)) == repr(value)
    ]  # fmt: skip
    return all(_problem_of(plan, trial.model, other.params) for other in others[:_ENOUGH])


def _problem_of(plan: Plan, model: str, params: Mapping[str, Any]) -> str | None:
    try:
        return check_values(tabular(plan).estimator(model, params))
    except errors.HyperparameterRejected as error:
        return error.why


def _not_whole(plan: Plan, trial: Trial) -> list[errors.RuncardError]:
    """Report, once for each hyperparameter, a distribution of fractions where a whole number is needed."""
    space, found = plan.draw.entries[trial.entry].space, list[errors.RuncardError]()
    for name, value in trial.params.items():
        drawn = space.get(name)
        if not isinstance(drawn, Distribution) or not isinstance(value, float):
            continue
        problem = _problem_of(plan, trial.model, {name: value})
        if problem and _names(problem, name) and not _problem_of(plan, trial.model, {name: max(1, round(value))}):
            found.append(_takes_no_fractions(plan, trial, name, drawn))
    return found


def _takes_no_fractions(plan: Plan, trial: Trial, name: str, drawn: Distribution) -> errors.HyperparameterRejected:
    low, high = (round(end) for end in ends_of(drawn))
    written = f"distribution: int_uniform, min: {low}, max: {high}"
    if drawn.name in ("log_uniform", "log_uniform_values") and 0 < low < high:
        written += f"}}`, or on its scale `{name}: {{distribution: q_log_uniform_values, min: {low}, max: {high}, q: 1"
    return errors.HyperparameterRejected(
        f"`{trial.model}` takes whole numbers for `{name}`",
        where=plan.card.where("models", trial.entry, "params", name),
        why=f"the distribution `{drawn.name}` draws fractions",
        hint=f"use `{name}: {{{written}}}`",
    )


def _names(problem: str, name: str) -> bool:
    return re.search(rf"\b{re.escape(name)}\b", problem) is not None


def _strange_labels(plan: Plan) -> Iterator[errors.RuncardError]:
    """Find class weights keyed by what is no class of the target, and weights that are no numbers."""
    for index, model in enumerate(plan.card.models):
        for name, raw in model.params.items():
            if not is_keyed_by_label(name) or not tabular(plan).target.classes:
                continue
            for path, weights in _mappings(raw, name, ("models", index, "params", name)):
                for key, weight in weights.items():
                    where = plan.card.where(*path, key)
                    if not any(_is_same(key, label) for label in tabular(plan).target.classes):
                        yield _no_class(tabular(plan).target, name, key, where)
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
    """Write a label as a card must: in quotes where it would not be text without them."""
    is_plain = isinstance(label, str) and resolve_plain(label) == label
    return str(label) if is_plain else json.dumps(label)


def _rejected(card: Card, trial: Trial, problem: str) -> errors.HyperparameterRejected:
    named = next((name for name in trial.params if _names(problem, name)), None)
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
        for index, metric in enumerate(tabular(plan).metrics)
        if not can_give(estimator, metric.needs)
    ]
