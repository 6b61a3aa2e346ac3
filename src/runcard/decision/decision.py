"""The decision as a type: what was chosen, and everything to know about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from runcard.data.copies import Copies
from runcard.plan import Choice, Constraint
from runcard.stats import standard_error


@dataclass(frozen=True, slots=True)
class Candidate:
    """A trial, or a run of any script, among which one is chosen."""

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


def format_measure(value: float) -> str:
    """Write a number for a sentence."""
    return f"{value:.4g}"


CONDITIONS: Mapping[str, str] = {
    "fit_seconds": "mean wall seconds of training on a fold, one thread",
    "cpu_seconds": "processor seconds of training and scoring on all folds",
    "predict_ms_p95": "95th percentile of 3 to 20 single raw rows through the whole pipeline of one fold, one thread",
    "model_mb": "the pickled pipeline of one fold, in 10^6 bytes",
}
"""Under what conditions a trial's numbers were measured."""


@dataclass(frozen=True, slots=True)
class Rejection:
    """Candidates that a constraint rejected, the best first."""

    constraint: Constraint
    broken: tuple[Candidate, ...]
    unrecorded: tuple[Candidate, ...]
    """Those that the number was not recorded of."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A candidate that could not be trained on all training rows or scored on the test rows."""

    candidate: Candidate
    reason: str


@dataclass(frozen=True, slots=True)
class Tie:
    """A candidate whose difference from the winner may be due to chance alone."""

    candidate: Candidate
    difference: float
    """The winner's value less this one's."""
    p_value: float
    """Corrected resampled t, adjusted by Holm for all that were held against the winner."""
    p_equal: float
    """The probability that they differ by no more than the practical difference."""


@dataclass(frozen=True, slots=True)
class FinalScore:
    """The winner's score on the test rows."""

    score: float
    n_openings: int | None
    """How often finalists were scored on these rows so far; None where nobody counted."""
    copies: Copies | None = None
    """Of these rows, those that are training rows too; None where nobody counted."""


@dataclass(frozen=True, slots=True)
class Decision:
    """Which candidate is chosen, and why."""

    metric: str
    greater_is_better: bool
    choice: Choice
    winner: Candidate | None
    """None where no candidate meets the constraints."""
    why: str
    best: Candidate | None
    """The first by the metric among those that qualify."""
    runner_up: Candidate | None
    why_not: str
    """What speaks against the runner-up."""
    rejections: tuple[Rejection, ...]
    ties: tuple[Tie, ...] | None
    """None where there are no folds to tell from."""
    pareto: tuple[Candidate, ...]
    """Those that qualify and that no other beats in all of `directions`; empty where that is one number."""
    directions: Mapping[str, bool]
    """The numbers of the Pareto view -> whether greater is better."""
    n_compared: int
    n_qualifying: int
    left_out: Mapping[str, int] = field(default_factory=dict)
    """Why some were no candidates -> how many."""
    test: FinalScore | None = None
    """None for a winner that is no finalist."""
    failed: tuple[Failure, ...] = ()
    """Those that qualify and cannot be chosen, since they failed as finalists; the best first."""
    has_test_rows: bool = True
    """Whether the card keeps rows for the test; else there is no value but the one that decided."""

    @property
    def optimism(self) -> str:
        """A warning that the value of the best of many is optimistic; empty where there was no choice."""
        if self.winner is None or self.n_compared < 2:
            return ""
        return (
            f"{self.metric} {format_measure(self.winner.value)} was found by looking at {self.n_compared:,} "
            "candidates: the best of many is better than it will be on new rows"
        )

    def as_dict(self) -> dict[str, Any]:
        """Describe it as plain JSON."""
        return {
            "metric": self.metric,
            "greater_is_better": self.greater_is_better,
            "rule": self.choice.rule,
            "cost": list(self.choice.cost),
            "practical_difference": self.choice.practical_difference,
            "winner": _describe(self.winner),
            "why": self.why,
            "test": asdict(self.test) if self.test else None,
            "has_test_rows": self.has_test_rows,
            "best": _describe(self.best),
            "runner_up": _describe(self.runner_up),
            "why_not": self.why_not,
            "constraints": [_describe_rejection(rejection) for rejection in self.rejections],
            "failed": [{**_name(found.candidate), "reason": found.reason} for found in self.failed],
            "ties": None if self.ties is None else [_describe_tie(tie) for tie in self.ties],
            "pareto": {
                "greater_is_better": dict(self.directions),
                "candidates": [_name(candidate) for candidate in self.pareto],
            },
            "n_compared": self.n_compared,
            "n_qualifying": self.n_qualifying,
            "left_out": dict(self.left_out),
            "optimism": self.optimism,
        }


def _name(candidate: Candidate) -> dict[str, Any]:
    return {"id": candidate.id, "run_id": candidate.run_id, "label": candidate.label, "value": candidate.value}


def _describe(candidate: Candidate | None) -> dict[str, Any] | None:
    if candidate is None:
        return None
    error = standard_error(candidate.folds) if candidate.folds else None
    return {**_name(candidate), "standard_error": error, "measures": dict(candidate.measures)}


def _describe_rejection(rejection: Rejection) -> dict[str, Any]:
    name = rejection.constraint.name
    return {
        "name": name,
        "bound": rejection.constraint.bound,
        "measured": CONDITIONS.get(name, ""),
        "rejected": [{**_name(found), name: found.measures[name]} for found in rejection.broken],
        "unrecorded": [_name(found) for found in rejection.unrecorded],
    }


def _describe_tie(tie: Tie) -> dict[str, Any]:
    return {**_name(tie.candidate), "difference": tie.difference, "p_value": tie.p_value, "p_equal": tie.p_equal}
