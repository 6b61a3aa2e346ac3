"""The setting of a card's trials: what all estimators on the folds of its table share."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from runcard.card.sections import Card
from runcard.catalog.metrics import Metric
from runcard.catalog.models import ModelSpec, build_estimator
from runcard.catalog.registered import Task
from runcard.data.columns import Columns
from runcard.data.copies import Copies
from runcard.data.fingerprint import Fingerprint
from runcard.data.split import Split
from runcard.data.target import Target
from runcard.data.types import with_numbers
from runcard.keyed import is_keyed_by_label
from runcard.tabular.featureset import FeatureSet

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True, eq=False)
class Setting:
    """A resolved card: its table, task, columns, folds, feature sets and models."""

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
    seed: int
    feature_sets: Mapping[str, FeatureSet]
    specs: Mapping[str, ModelSpec]

    def typed(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Give the table as trials use it: columns the card calls numerical are numbers, even codes such as `007`."""
        return with_numbers(frame, [*self.columns.numerical, self.columns.time or ""])

    def estimator(self, model: str, params: Mapping[str, Any]) -> Any:
        """Build an unfitted estimator with the plan's seed; mappings keyed by label get the data's own labels back."""
        given = {
            name: {self.target.label_of(key): item for key, item in value.items()}
            if is_keyed_by_label(name) and isinstance(value, Mapping)
            else value
            for name, value in params.items()
        }
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the trial that clones it hears them again, and keeps them
            return build_estimator(self.specs[model], self.task, given, seed=self.seed)
