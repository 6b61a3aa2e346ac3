"""By how much a run may come out otherwise and still count as reproduced: only what its card says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from runcard import errors
from runcard.card.sections import Card
from runcard.catalog.metrics import Metric
from runcard.plan.choice import recorded_names

Tolerance = float | Mapping[str, float] | None
"""Of all metrics, or of some by the names they are recorded under, in their own units; None where nothing is said."""


def make_tolerance(card: Card, metrics: Sequence[Metric]) -> Tolerance:
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
    errors.raise_all([_not_computed(card, name, list(recorded)) for name in given if name not in recorded])
    return {recorded[name]: value for name, value in given.items()}


def _not_computed(card: Card, name: str, known: Sequence[str]) -> errors.MetricUnknown:
    near = errors.nearest(name, known)
    return errors.MetricUnknown(
        f"the metric `{name}` is not computed",
        where=card.where("evaluation", "tolerance", name, key=True),
        why=f"the metrics are {errors.listing(known)}",
        hint=f"did you mean `{near}`?" if near else "list it under `metrics`, or remove it here",
    )
