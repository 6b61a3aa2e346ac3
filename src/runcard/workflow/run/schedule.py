"""Whose turn it is: which fit, on which fold, is trained next."""

from __future__ import annotations

import itertools
import math
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from runcard.engine.base import Lost
from runcard.plan import Fit
from runcard.tabular import FitResult, StageResult

Turn = tuple[Fit, int]
"""A fit and a fold."""


class Turns:
    """Fits on folds, those of the slowest model first: none is left to be trained alone while other workers idle.

    A model is slow until it is known to be not; the fits of each come in their order.

    Parameters
    ----------
    awaits
        Whether a fit on a fold had better be put off, for it may prove needless; it is not when nothing else is left.
    """

    def __init__(self, fits: Sequence[Fit], folds: Sequence[int], awaits: Callable[[Fit, int], bool]) -> None:
        self._awaits = awaits
        self._queues: dict[tuple[str, str], deque[Turn]] = {}
        self._seconds: dict[tuple[str, str], float] = {}
        for fit, fold in itertools.product(fits, folds):
            self._queues.setdefault(_kind(fit), deque()).append((fit, fold))

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

    def note(self, fit: Fit, result: FitResult) -> None:
        """Take in how long a fit took."""
        self._seconds[_kind(fit)] = result.ended - result.started


def _kind(fit: Fit) -> tuple[str, str]:
    return fit.model, fit.features


class Twins:
    """What fits gave on the folds, by what they have in common with those that have another limit."""

    def __init__(self, fits: Sequence[Fit]) -> None:
        counts = Counter(stage.twin for fit in fits for stage in fit.stages)
        self._shared = {twin for twin, count in counts.items() if twin is not None and count > 1}
        self._known: dict[tuple[str, int], tuple[int, StageResult, FitResult]] = {}
        self._open: set[tuple[str, int]] = set()

    def begin(self, fit: Fit, fold: int) -> None:
        """Note that a fit is being done on a fold."""
        self._open |= self._places(fit, fold)

    def awaits(self, fit: Fit, fold: int) -> bool:
        """Tell whether a fit on a fold may prove needless by one that is being done."""
        return not self._open.isdisjoint(self._places(fit, fold))

    def end(self, fit: Fit, fold: int, result: FitResult | Lost) -> None:
        """Keep what a fit gave on a fold if it may stand for others."""
        self._open -= self._places(fit, fold)
        if isinstance(result, Lost) or result.error is not None:
            return
        if result.reached is None or result.reached >= fit.limit:
            return
        of_stage = {stage.key: stage.twin for stage in fit.stages}
        for stage in result.stages:
            twin = of_stage[stage.key]
            if twin in self._shared and twin is not None:
                self._known[twin, result.fold] = (result.reached, stage, result)

    def read_off(self, fit: Fit, fold: int) -> FitResult | None:
        """Give what a fit would give on a fold, if that is known."""
        stages: list[StageResult] = []
        whole: FitResult | None = None
        for stage in fit.stages:
            depth, found, whole = self._known.get((stage.twin or "", fold), (0, None, None))
            if found is None or depth >= fit.limit:
                return None
            stages.append(replace(found, key=stage.key))
        if whole is None:
            return None
        now = time.time()
        return replace(whole, stages=tuple(stages), cpu_seconds=0.0, started=now, ended=now)

    def _places(self, fit: Fit, fold: int) -> set[tuple[str, int]]:
        return {(stage.twin, fold) for stage in fit.stages if stage.twin is not None and stage.twin in self._shared}
