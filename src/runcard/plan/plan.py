"""The plan as types: what is to be done, with every choice resolved."""

from __future__ import annotations

import warnings
from collections.abc import Container, Mapping
from dataclasses import asdict, dataclass
from statistics import fmean
from typing import TYPE_CHECKING, Any

from runcard.card.sections import Card
from runcard.catalog.metrics import Metric
from runcard.catalog.models import ModelSpec, build_estimator
from runcard.catalog.registered import Task
from runcard.data.columns import Columns
from runcard.data.fingerprint import Fingerprint
from runcard.data.split import Split
from runcard.data.target import Target
from runcard.data.types import with_numbers
from runcard.keyed import is_keyed_by_label
from runcard.plan.absent import absent_classes
from runcard.plan.choice import Choice, Tolerance
from runcard.plan.copies import Copies
from runcard.plan.digest import describe_split
from runcard.plan.draw import Draw, Trial
from runcard.plan.featureset import FeatureSet
from runcard.plan.fits import Fit, share_fits
from runcard.search.strategy import BayesianSearch

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """A card resolved: task, columns, folds, seed, trials."""

    card: Card
    task: Task
    task_because: str
    """What decided the task."""
    source: str
    fingerprint: Fingerprint
    columns: Columns
    target: Target
    split: Split
    copies: Copies
    """Of its test rows, those that are training rows too."""
    metrics: tuple[Metric, ...]
    primary: Metric
    pooled: tuple[Metric, ...]
    """Of the metrics, those that are computed once, on what is said of all folds' rows together."""
    choice: Choice
    tolerance: Tolerance
    """By how much it may come out otherwise and still count as reproduced."""
    seed: int
    feature_sets: Mapping[str, FeatureSet]
    specs: Mapping[str, ModelSpec]
    draw: Draw
    trials: tuple[Trial, ...]
    """All of them, in order; none where each depends on what those before it got."""
    n_trials: int
    probes: tuple[Trial, ...]
    """Trials that are tried on a few rows before any training."""
    protocol: str
    """Hash of what all trials share; only trials of one protocol compare."""
    impossible: Mapping[str, str]
    """Key of a trial whose estimator cannot be built, or refuses what it is given together -> the reason."""
    parts: Mapping[str, str]
    """The protocol by its parts (data, target, split, features, metrics, seed): a hash of each."""
    hash: str
    """Hash of the protocol and of every trial, or of all that decides which they are."""

    @property
    def n_folds(self) -> int:
        """How many folds each trial is scored on; 0 when it goes straight to the test."""
        return len(self.split.folds)

    @property
    def test_share(self) -> float | None:
        """The rows that a fold scores over those it fits on, on average; None without folds."""
        shares = [len(score) / len(fit) for fit, score in self.split.folds]
        return fmean(shares) if shares else None

    def search(self) -> BayesianSearch:
        """Begin a search from its first trial."""
        return BayesianSearch(
            [entry.space for entry in self.draw.entries],
            seed=self.seed,
            greater_is_better=self.primary.greater_is_better,
            identify=lambda point: self.draw.trial(0, point).key,
        )

    def estimator(self, model: str, params: Mapping[str, Any]) -> Any:
        """Build an unfitted estimator with the plan's seed; what labels key is keyed by the data's own again."""
        given = {
            name: {self.target.label_of(key): item for key, item in value.items()}
            if is_keyed_by_label(name) and isinstance(value, Mapping)
            else value
            for name, value in params.items()
        }
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the trial that clones it hears them again, and keeps them
            return build_estimator(self.specs[model], self.task, given, seed=self.seed)

    def fits(self, keys: Container[str] | None = None) -> tuple[Fit, ...]:
        """Share out its trials, or those with some keys, among as few fits as serve them."""
        possible = [trial for trial in self.trials if trial.key not in self.impossible]
        wanted = [trial for trial in possible if keys is None or trial.key in keys]
        return share_fits(wanted, lambda trial: self.estimator(trial.model, trial.params))

    def typed(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Give the table as trials see it: what the card calls numerical is numbers, codes such as `007` too."""
        return with_numbers(frame, [*self.columns.numerical, self.columns.time or ""])

    def as_dict(self) -> dict[str, Any]:
        """Describe the plan as plain JSON; row numbers are given by their digests."""
        return {
            "experiment": self.card.name,
            "task": self.task,
            "task_because": self.task_because,
            "data": {"source": self.source, **asdict(self.fingerprint)},
            "columns": asdict(self.columns),
            "absent_classes": [asdict(found) for found in absent_classes(self.split, self.target)],
            "classes": [str(label) for label in self.target.classes],
            "positive": None if self.target.positive is None else str(self.target.classes[self.target.positive]),
            "split": describe_split(self.split),
            "copies": asdict(self.copies),
            "metrics": [metric.name for metric in self.metrics],
            "pooled": [metric.name for metric in self.pooled],
            "directions": {metric.name: metric.greater_is_better for metric in self.metrics},
            "primary": self.primary.name,
            "greater_is_better": self.primary.greater_is_better,
            "seed": self.seed,
            "n_trials": self.n_trials,
            "search": asdict(self.card.search),
            "selection": self.choice.as_dict(),
            "tolerance": self.tolerance,
            "test_share": self.test_share,
            "trials": [
                {"key": t.key, "model": t.model, "params": dict(t.params), "features": t.features} for t in self.trials
            ],
            "protocol": self.protocol,
            "parts": dict(self.parts),
            "hash": self.hash,
        }
