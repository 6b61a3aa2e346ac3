"""Fits shared by several trials that differ only in how long they train."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from runcard.catalog.limits import limit_of, without_limit
from runcard.catalog.staging import stage_parameter
from runcard.plan.digest import digest
from runcard.plan.draw import Trial
from runcard.plan.work import Fit, Stage

Build = Callable[[Trial], Any]
"""Makes a trial's unfitted estimator."""


def share_fits(trials: Iterable[Trial], build: Build) -> tuple[Fit, ...]:
    """Group trials that differ only in how long they train, so that they share one fit.

    Fits that differ in a limit only come with the loosest first: where it is not reached, the others
    need not be done.
    """
    families: dict[str, list[_Member]] = {}
    for trial in trials:
        member = _member(trial, build(trial))
        families.setdefault(member.family, []).append(member)
    return tuple(_loosest_first([_fit(members) for members in families.values()]))


@dataclass(frozen=True, slots=True)
class _Member:
    """A trial as a member of a family that shares a fit."""

    trial: Trial
    family: str
    n_stages: int | None
    twin: str | None
    limit: float | None


def _member(trial: Trial, estimator: Any) -> _Member:
    limit = limit_of(estimator)
    twin = None if limit is None else digest([trial.model, trial.features, without_limit(trial.params)])
    parameter = stage_parameter(estimator)
    n_stages = trial.params.get(parameter) if parameter else None
    if not isinstance(n_stages, int) or isinstance(n_stages, bool):
        return _Member(trial, trial.key, None, twin, limit)
    rest = {name: value for name, value in trial.params.items() if name != parameter}
    return _Member(trial, digest([trial.model, trial.features, rest]), n_stages, twin, limit)


def _fit(members: Sequence[_Member]) -> Fit:
    ordered = sorted(members, key=lambda member: member.n_stages or 0)
    longest = ordered[-1]
    stages = tuple(
        Stage(member.trial.key, None if member.n_stages == longest.n_stages else member.n_stages, member.twin)
        for member in ordered
    )
    trial = longest.trial
    return Fit(trial.model, trial.features, trial.params, stages, math.inf if longest.limit is None else longest.limit)


def _loosest_first(fits: Sequence[Fit]) -> list[Fit]:
    """Order fits so that of those differing only in a limit the loosest comes first; else keep the order."""
    limits: dict[str | None, list[float]] = {}
    for fit in fits:
        limits.setdefault(fit.stages[-1].twin, []).append(fit.limit)

    def place(fit: Fit) -> int:
        twin = fit.stages[-1].twin
        return 0 if twin is None else sum(other > fit.limit for other in limits[twin])

    return sorted(fits, key=place)
