"""Early stopping of trials by Hyperband's brackets, as in Weights & Biases sweeps.

At each bracket, a number of iterations, a trial goes on only if what it has got is among the best 1/eta of what
earlier trials had got there (Li et al. 2018).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

_MOST_BRACKETS = 100


@dataclass(frozen=True, slots=True)
class Hyperband:
    """The settings of Hyperband: when trials are judged, and how strictly."""

    eta: float
    strict: bool
    min_iter: int | None = None
    max_iter: int | None = None
    s: int = 0

    def brackets(self, n_iterations: int) -> tuple[int, ...]:
        """Give the iterations at which a trial of `n_iterations` is judged: all brackets before its last iteration.

        They are `min_iter` times powers of eta, or `max_iter` divided by the first `s` powers of eta.
        """
        if self.max_iter is None:
            found = ((self.min_iter or 1) * self.eta**power for power in range(_MOST_BRACKETS))
        else:
            found = (self.max_iter / self.eta**power for power in range(1, self.s + 1))
        return tuple(sorted({int(bracket) for bracket in found if 1 <= bracket < n_iterations}))


class Brackets:
    """The metric values that trials had at each bracket."""

    def __init__(self, rules: Hyperband, *, greater_is_better: bool) -> None:
        self._rules = rules
        self._sign = -1.0 if greater_is_better else 1.0
        self._losses: dict[int, list[float]] = {}

    def add(self, points: Mapping[int, float]) -> None:
        """Add a trial's values (iteration -> metric); iterations that are no brackets are ignored."""
        for bracket in self._rules.brackets(max(points, default=0) + 1):
            if bracket in points:
                self._losses.setdefault(bracket, []).append(self._sign * points[bracket])

    def thresholds(self) -> Thresholds:
        """Give the thresholds for a trial that starts now: the loss of rank n / eta, the best having rank 0."""
        limits = {bracket: sorted(found)[int(len(found) / self._rules.eta)] for bracket, found in self._losses.items()}
        return Thresholds(limits, self._sign, self._rules.strict)


@dataclass(frozen=True, slots=True)
class Thresholds:
    """The thresholds of one trial, fixed at its start, so that the order in which others finish does not matter."""

    limits: Mapping[int, float]
    """Bracket -> the largest loss that goes on."""
    sign: float
    """-1 where greater is better: a loss is the metric times this."""
    strict: bool

    def stop(self, course: Mapping[int, float]) -> bool:
        """Tell whether a trial with the values `course` so far is stopped at its latest bracket.

        It is judged by the value there if `strict`, else by its best so far; those before it always count with
        their value there.
        """
        last = max(course)
        counted = [course[last]] if self.strict else course.values()
        return min(self.sign * value for value in counted) > self.limits.get(last, math.inf)
