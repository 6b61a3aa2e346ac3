"""The rule that chooses one trial: its metric, its constraints, and its measure of cost."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from operator import ge, gt, le, lt
from typing import Any, Literal

from runcard import errors
from runcard.card.check import MEASURES, metric_of
from runcard.card.sections import Card, Selection
from runcard.plan.work import Measure
from runcard.yaml import Path as KeyPath

Rule = Literal["best", "one_standard_error"]
_SIGNS = {"<=": le, ">=": ge, "<": lt, ">": gt}


@dataclass(frozen=True, slots=True)
class Constraint:
    """A bound on a recorded number."""

    name: str
    sign: str
    limit: float

    def allows(self, value: float) -> bool:
        """Tell whether a value satisfies it."""
        return bool(_SIGNS[self.sign](value, self.limit))

    @property
    def bound(self) -> str:
        """The bound as a card writes it: `<= 5`."""
        short = f"{self.limit:g}"
        return f"{self.sign} {short if float(short) == self.limit else repr(self.limit)}"

    def __str__(self) -> str:
        """Write it as a card does."""
        return f"{self.name} {self.bound}"


@dataclass(frozen=True, slots=True)
class Choice:
    """The resolved rule by which one trial is chosen."""

    rule: Rule = "best"
    constraints: tuple[Constraint, ...] = ()
    cost: tuple[str, ...] = Selection().cost
    """What is cheaper: recorded numbers, the less the better; the next counts where those before it are equal."""
    practical_difference: float = 0.0
    """Differences of the ranking metric up to this do not matter."""

    def as_dict(self) -> dict[str, Any]:
        """Describe the rule with the keys of a card."""
        return {
            "rule": self.rule,
            "practical_difference": self.practical_difference,
            "constraints": {constraint.name: constraint.bound for constraint in self.constraints},
            "cost": list(self.cost),
        }


def read_choice(described: Mapping[str, Any]) -> Choice:
    """Read a choice from what `Choice.as_dict` wrote, or from a card's `selection`."""
    constraints = described.get("constraints", {})
    return Choice(
        rule=described.get("rule", "best"),
        constraints=tuple(read_constraint(short_name(name), bound) for name, bound in constraints.items()),
        cost=tuple(short_name(name) for name in described.get("cost", Selection().cost)),
        practical_difference=described.get("practical_difference", 0.0),
    )


def short_name(name: str) -> str:
    """Call a mean by its metric, `roc_auc` for `cv_roc_auc_mean`; any other number keeps its name in MLflow."""
    return metric_of(name) if name.endswith("_mean") else name


def read_constraint(name: str, bound: str) -> Constraint:
    """Read a bound such as `<= 5`."""
    sign, number = split_bound(bound)
    return Constraint(name, sign, float(number))


def split_bound(bound: str) -> tuple[str, str]:
    """Split a bound such as `<= 5` into its sign and its number, both as they are written."""
    sign, number = re.findall(r"[<>]=?|[^<>=\s]+", bound)
    return sign, number


def make_choice(card: Card, metrics: Sequence[Measure], units: Collection[object]) -> Choice:
    """Resolve a card's `selection` to the names under which metrics will be recorded.

    Raises
    ------
    MetricUnknown
        A metric that the card does not compute, or that a card without folds has only from the test rows.
    ValueInvalid
        A cost of which more is better.
    """
    selection = card.selection
    names = recorded_names(card, metrics)
    known = {*MEASURES, *names} if units else {*MEASURES} - {"cpu_seconds"}
    gather: list[errors.RuncardError] = []

    def resolve(name: str, path: KeyPath) -> str:
        metric = metric_of(name)
        if metric not in known:
            gather.append(_not_computed(card, name, path, has_folds=bool(units)))
        return short_name(name.replace(metric, names.get(metric, metric)))

    constraints = tuple(
        read_constraint(resolve(name, ("selection", "constraints", name)), bound)
        for name, bound in selection.constraints.items()
    )
    cost = tuple(resolve(name, ("selection", "cost", index)) for index, name in enumerate(selection.cost))
    greater = {metric.name for metric in metrics if metric.greater_is_better}
    gather += [_no_cost(card, name, index) for index, name in enumerate(cost) if name in greater]
    errors.raise_all(gather)
    return Choice(selection.rule, constraints, cost, selection.practical_difference)


def recorded_names(card: Card, metrics: Sequence[Measure]) -> dict[str, str]:
    """Map the names that a card may use for a metric to the recorded one: `f1` to `f1_weighted`."""
    resolved = [metric.name for metric in metrics]
    given = card.evaluation.metrics or resolved
    return {**dict(zip(resolved, resolved, strict=True)), **dict(zip(given, resolved, strict=True))}


def _not_computed(card: Card, name: str, path: KeyPath, *, has_folds: bool) -> errors.MetricUnknown:
    why = "the card does not compute it" if has_folds else "without folds nothing is measured before the test"
    return errors.MetricUnknown(
        f"`{name}` will not be known when a trial is chosen",
        where=card.where(*path, key=path[-1] == name),
        why=why,
        hint="list it under `evaluation: metrics`" if has_folds else "add `cv_folds: 5` to `evaluation`",
    )


def _no_cost(card: Card, name: str, index: int) -> errors.ValueInvalid:
    return errors.ValueInvalid(
        f"`{name}` is no cost",
        where=card.where("selection", "cost", index),
        why="of a cost, less is better; of this metric, more is",
        hint=f"use {errors.listing(MEASURES)} or a loss",
    )


Tolerance = float | Mapping[str, float] | None
"""Of all metrics, or of some by the names they are recorded under, in their own units; None where nothing is said."""


def make_tolerance(card: Card, metrics: Sequence[Measure]) -> Tolerance:
    """Resolve a card's `evaluation.tolerance`.

    Raises
    ------
    MetricUnknown
        It names a metric that the card does not compute.
    """
    given = card.evaluation.tolerance
    if not isinstance(given, Mapping):
        return given
    recorded = recorded_names(card, metrics)
    errors.raise_all([_no_metric(card, name, list(recorded)) for name in given if name not in recorded])
    return {recorded[name]: value for name, value in given.items()}


def _no_metric(card: Card, name: str, known: Sequence[str]) -> errors.MetricUnknown:
    near = errors.nearest(name, known)
    return errors.MetricUnknown(
        f"the metric `{name}` is not computed",
        where=card.where("evaluation", "tolerance", name, key=True),
        why=f"the metrics are {errors.listing(known)}",
        hint=f"did you mean `{near}`?" if near else "list it under `metrics`, or remove it here",
    )
