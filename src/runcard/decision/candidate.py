"""The candidate: a trial, or a run of any script, as a choice sees it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Candidate:
    """A trial, or a run of any script, that could be chosen."""

    id: str
    """Its trial key; of a run that runcard did not make, the run's id."""
    label: str
    value: float
    """What it is ranked by, in the metric's own unit."""
    folds: tuple[float, ...] | None = None
    """That number fold by fold, where there are folds."""
    measures: Mapping[str, float] = field(default_factory=dict)
    """All that is recorded of it but what the test rows gave."""
    run_id: str | None = None
    """Its run in MLflow, if known."""


def shown(value: float) -> str:
    """Write a number for a sentence."""
    return f"{value:.4g}"
