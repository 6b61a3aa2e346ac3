"""Scores of two outcomes, side by side."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import fmean

from runcard.replay.account import Outcome


@dataclass(frozen=True, slots=True)
class Score:
    """One metric before and now: on the folds its mean, or on the test rows."""

    name: str
    """As MLflow has it: `cv_roc_auc_mean`, `test_roc_auc`."""
    recorded: float | None
    now: float | None
    largest: float
    """The largest difference: of the folds, or of this one number."""


def scores_beside(recorded: Outcome, now: Outcome) -> list[Score]:
    """Set every metric side by side: means over the folds, then the test rows."""
    found = []
    for name, scores in recorded.folds.items():
        again = now.folds.get(name, ())
        largest = max((abs(a - b) for a, b in zip(scores, again, strict=False)), default=0.0)
        found.append(Score(f"cv_{name}_mean", fmean(scores), fmean(again) if again else None, largest))
    for name, score in recorded.test.items():
        again_test = now.test.get(name)
        largest = 0.0 if again_test is None else abs(score - again_test)
        found.append(Score(f"test_{name}", score, again_test, largest))
    return found
