"""The account of a run, recorded or made just now: what it was made of, and its results."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from statistics import fmean
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """The results of a trial."""

    folds: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    """Metric -> one score per fold."""
    test: Mapping[str, float] = field(default_factory=dict)
    """Metric -> score on the test rows; empty for a trial that is no finalist."""
    outputs: tuple[str, ...] = ()
    """One digest per fold of what the model said."""
    test_outputs: str = ""
    """Digest of what it said of the test rows."""
    predictions: pd.DataFrame | None = None
    """A finalist's test rows: number, id, truth, prediction, probabilities."""


@dataclass(frozen=True, slots=True, eq=False)
class Account:
    """What a run was made of, and its results; what is not known is empty."""

    name: str
    card: str = ""
    """The card's text."""
    plan: Mapping[str, Any] = field(default_factory=dict)
    """As `Plan.as_dict` wrote it."""
    code: Mapping[str, Any] = field(default_factory=dict)
    """Commit, branch, remote, and `modules`: the project's own files by their digests."""
    modules: Mapping[str, str] = field(default_factory=dict)
    """The text of those files."""
    environment: Mapping[str, Any] = field(default_factory=dict)
    hardware: Mapping[str, Any] = field(default_factory=dict)
    model: str = ""
    params: Mapping[str, Any] = field(default_factory=dict)
    features: str = ""
    trial_key: str = ""
    outcome: Outcome = Outcome()

    @property
    def parts(self) -> Mapping[str, str]:
        """The hashes of its protocol's parts, by name."""
        found: Mapping[str, str] = self.plan.get("parts", {})
        return found


@dataclass(frozen=True, slots=True)
class Score:
    """One metric of the recorded run and of the new one: the mean over folds, or the score on the test rows."""

    name: str
    """As MLflow has it: `cv_roc_auc_mean`, `test_roc_auc`."""
    recorded: float | None
    now: float | None
    largest: float
    """The largest difference: of the folds, or of this one number."""


def scores_beside(recorded: Outcome, now: Outcome) -> list[Score]:
    """Pair every metric of two runs: means over the folds, then scores on the test rows."""
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
