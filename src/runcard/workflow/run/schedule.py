"""The schedule of fits: which one is trained next, on which unit, and which can be read off another."""

from __future__ import annotations

import itertools
import math
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from runcard.engine.base import Lost
from runcard.plan import Fit
from runcard.record import JobResult, UnitResult

Turn = tuple[Fit, int]
"""A fit and a unit."""


class Turns:
    """The order of fits: the slowest model first, so that none is trained alone while other workers idle.

    A model counts as slow until its time is known; the fits of each model keep their order.

    Parameters
    ----------
    awaits
        Whether a fit on a unit had better be put off, for it may prove needless; it is not when nothing else is left.
    """

    def __init__(self, fits: Sequence[Fit], units: Sequence[int], awaits: Callable[[Fit, int], bool]) -> None:
        self._awaits = awaits
        self._queues: dict[tuple[str, str], deque[Turn]] = {}
        self._seconds: dict[tuple[str, str], float] = {}
        for fit, unit in itertools.product(fits, units):
            self._queues.setdefault(_kind(fit), deque()).append((fit, unit))

    def __iter__(self) -> Iterator[Turn]:
        while self._queues:
            kind = max(self._queues, key=self._urgency)
            queue = self._queues[kind]
            turn = queue.popleft()
            if not queue:
                del self._queues[kind]
            yield turn

    def _urgency(self, kind: tuple[str, str]) -> tuple[bool, float]:
        return not self._awaits(*self._queues[kind][0]), self._seconds.get(kind, math.inf)

    def note(self, fit: Fit, result: JobResult) -> None:
        """Record how long a fit took."""
        self._seconds[_kind(fit)] = result.ended - result.started


def _kind(fit: Fit) -> tuple[str, str]:
    return fit.model, fit.features


class Twins:
    """Results of fits by unit, for fits that differ only in a depth limit."""

    def __init__(self, fits: Sequence[Fit]) -> None:
        counts = Counter(stage.twin for fit in fits for stage in fit.stages)
        self._shared = {twin for twin, count in counts.items() if twin is not None and count > 1}
        self._known: dict[tuple[str, int], tuple[int, UnitResult, JobResult]] = {}
        self._open: set[tuple[str, int]] = set()

    def begin(self, fit: Fit, unit: int) -> None:
        """Note that a fit has begun on a unit."""
        self._open |= self._places(fit, unit)

    def awaits(self, fit: Fit, unit: int) -> bool:
        """Tell whether a fit in progress may make another fit on this unit unnecessary."""
        return not self._open.isdisjoint(self._places(fit, unit))

    def end(self, fit: Fit, unit: int, result: JobResult | Lost) -> None:
        """Keep the result of a fit on a unit if it may hold for others."""
        self._open -= self._places(fit, unit)
        if isinstance(result, Lost) or result.error is not None:
            return
        if result.reached is None or result.reached >= fit.limit:
            return
        of_stage = {stage.key: stage.twin for stage in fit.stages}
        for stage in result.stages:
            twin = of_stage[stage.key]
            if twin in self._shared and twin is not None:
                self._known[twin, result.unit] = (result.reached, stage, result)

    def read_off(self, fit: Fit, unit: int) -> JobResult | None:
        """Give the result that a fit would have on a unit, if that is known."""
        stages: list[UnitResult] = []
        whole: JobResult | None = None
        for stage in fit.stages:
            depth, found, whole = self._known.get((stage.twin or "", unit), (0, None, None))
            if found is None or depth >= fit.limit:
                return None
            stages.append(replace(found, key=stage.key))
        if whole is None:
            return None
        now = time.time()
        return replace(whole, stages=tuple(stages), cpu_seconds=0.0, started=now, ended=now)

    def _places(self, fit: Fit, unit: int) -> set[tuple[str, int]]:
        return {(stage.twin, unit) for stage in fit.stages if stage.twin is not None and stage.twin in self._shared}
