"""Whose turn it is: which fit, on which fold, is trained next."""

from __future__ import annotations

import itertools
import math
from collections import deque
from collections.abc import Callable, Iterator, Sequence

from runcard.plan import Fit
from runcard.tabular import FitResult

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
