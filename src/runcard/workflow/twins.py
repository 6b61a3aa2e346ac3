"""Fits that need not be done: they differ from one that was only in a limit that it did not reach."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from runcard.plan import Fit
from runcard.trial import FitResult, StageResult


class Twins:
    """What fits gave on the folds, by what they have in common with those that have another limit."""

    def __init__(self, fits: Sequence[Fit]) -> None:
        counts = Counter(stage.twin for fit in fits for stage in fit.stages)
        self._shared = {twin for twin, count in counts.items() if twin is not None and count > 1}
        self._known: dict[tuple[str, int], tuple[int, StageResult, FitResult]] = {}

    def note(self, fit: Fit, result: FitResult) -> None:
        """Keep what a fit gave if it may stand for others."""
        if result.error is not None or result.reached is None or result.reached >= fit.limit:
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
