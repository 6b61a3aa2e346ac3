"""The account: what a run, recorded or made just now, says of what it was made of and what came out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """What came out of a trial."""

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
    """What a run was made of, and what came out; what is not known is empty."""

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
        """The parts of its protocol, by their hashes."""
        found: Mapping[str, str] = self.plan.get("parts", {})
        return found
