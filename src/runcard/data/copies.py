"""Test rows that are copies of training rows, which models have therefore seen."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from runcard.data.split import Split
from runcard.data.target import Target

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd


@dataclass(frozen=True, slots=True)
class Copies:
    """How many test rows are among the training rows too."""

    n_test: int
    same_features: int
    """Of the test rows, those that some training row has the features of; the target may be another."""
    same_rows: int
    """Those that some training row has the features and the target of."""

    def __str__(self) -> str:
        """Describe it in words; empty where there are none."""
        if not self.same_features:
            return ""
        n_others = self.same_features - self.same_rows
        others = f"{n_others:,} with the features of a training row and another target" if n_others else ""
        whole = f"{self.same_rows:,} that are copies of training rows" if self.same_rows else ""
        return f"of {self.n_test:,} test rows, {' and '.join(part for part in (whole, others) if part)}"


def count_copies(frame: pd.DataFrame, sets: Iterable[tuple[str, ...]], target: Target, split: Split) -> Copies:
    """Count the test rows that are copies of training rows, for the set of columns with the most copies."""
    import numpy as np

    if not len(split.test):
        return Copies(0, 0, 0)
    truth = _hashed(target.values)
    found = [Copies(len(split.test), 0, 0)]
    for columns in sets:
        features = np.zeros(len(frame), dtype=np.uint64)
        for name in columns:
            features = features * np.uint64(31) + _hashed(frame[name])
        whole = features * np.uint64(31) + truth
        counts = [int(np.isin(rows[split.test], rows[split.train]).sum()) for rows in (features, whole)]
        found.append(Copies(len(split.test), *counts))
    return max(found, key=lambda copies: (copies.same_features, copies.same_rows))


def _hashed(values: Any) -> np.ndarray:  # (n_rows,)
    from pandas import Series, util

    column = Series(values)
    try:
        return util.hash_pandas_object(column, index=False).to_numpy()
    except TypeError:  # lists and mappings in it
        return util.hash_pandas_object(column.astype(str), index=False).to_numpy()
