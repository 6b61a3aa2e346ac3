"""Whose turn it is: which fit, on which fold, is trained next."""

from __future__ import annotations

import itertools
import math
from collections import deque
from collections.abc import Iterator, Sequence

from runcard.plan import Fit
from runcard.trial import FitResult

Turn = tuple[Fit, int]
"""A fit and a fold."""


class Turns:
    """Fits on folds, those of the slowest model first: none is left to be trained alone while other workers idle.

    A model is slow until it is known to be not; the fits of each come in their order.
    """

    def __init__(self, fits: Sequence[Fit], folds: Sequence[int]) -> None:
        self._queues: dict[tuple[str, str], deque[Turn]] = {}
        self._seconds: dict[tuple[str, str], float] = {}
        for fit, fold in itertools.product(fits, folds):
            self._queues.setdefault(_kind(fit), deque()).append((fit, fold))

    def __iter__(self) -> Iterator[Turn]:
        while self._queues:
            kind = max(self._queues, key=lambda kind: self._seconds.get(kind, math.inf))
            queue = self._queues[kind]
            turn = queue.popleft()
            if not queue:
                del self._queues[kind]
            yield turn

    def note(self, fit: Fit, result: FitResult) -> None:
        """Take in how long a fit took."""
        self._seconds[_kind(fit)] = result.ended - result.started


def _kind(fit: Fit) -> tuple[str, str]:
    return fit.model, fit.features
