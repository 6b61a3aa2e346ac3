"""Predictions for the test rows, recorded and new, compared row by row."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

LARGEST_OUTPUT_DIFFERENCE = 1e-9
"""For `equivalent`: of a probability, absolute; of a predicted number, relative to the recorded one."""
_DESCRIBING = ("row", "truth", "prediction")
_PROBABILITY = "probability_"


@dataclass(frozen=True, slots=True)
class PredictionsDiff:
    """The comparison of two tables of predictions."""

    is_same: bool
    largest: float
    """The largest difference of a probability, or relative difference of a number."""
    n_labels: int
    """How many labels differ."""
    agrees: bool
    """Whether no label differs, and no number by more than counts as equivalent."""
    first: Divergence | None


def set_rows_beside(recorded: pd.DataFrame | None, now: pd.DataFrame | None) -> PredictionsDiff | None:
    """Compare two tables of predictions; None where one was not kept."""
    if recorded is None or now is None:
        return None
    if list(recorded.columns) != list(now.columns) or len(recorded) != len(now):
        shapes = [f"{len(table):,} rows of {', '.join(table.columns)}" for table in (recorded, now)]
        return PredictionsDiff(False, math.inf, 0, False, Divergence("predictions", recorded=shapes[0], now=shapes[1]))
    firsts: list[Divergence] = []
    largest, n_labels = 0.0, 0
    for name in recorded.columns:
        is_probability = name.startswith(_PROBABILITY)
        apart, by = _apart_in(recorded[name], now[name], relative=not is_probability)
        if not apart.any():
            continue
        firsts.append(_divergence_at(recorded, now, name, int(apart.argmax())))
        if by is None or name == "row":
            n_labels += int(apart.sum())
        else:
            largest = max(largest, float(by.max()))
    first = min(firsts, key=lambda found: (_place_of(recorded, found), found.what == "prediction"), default=None)
    agrees = n_labels == 0 and largest <= LARGEST_OUTPUT_DIFFERENCE
    return PredictionsDiff(not firsts, largest, n_labels, agrees, first)


def _apart_in(recorded: pd.Series, now: pd.Series, *, relative: bool) -> tuple[np.ndarray, np.ndarray | None]:
    """Tell for each row whether two columns differ, and by how much for floats; NaN equals NaN."""
    import numpy as np

    if recorded.dtype.kind == now.dtype.kind == "f":
        old, new = recorded.to_numpy(), now.to_numpy()
        gaps = np.isnan(old) | np.isnan(new)
        if old.dtype != new.dtype:
            return np.ones(len(old), dtype=bool), np.full(len(old), np.inf)
        same = (old == new) | (np.isnan(old) & np.isnan(new))
        with np.errstate(all="ignore"):
            by = np.abs(new - old) / np.where(relative & (old != 0), np.abs(old), 1.0)
        return ~same, np.where(same, 0.0, np.where(gaps, np.inf, by))
    pairs = zip(recorded.tolist(), now.tolist(), strict=True)
    kinds = recorded.dtype.kind == now.dtype.kind
    return np.array([not kinds or not _is_same_value(old, new) for old, new in pairs], dtype=bool), None


def _is_same_value(old: Any, new: Any) -> bool:
    """Compare two labels by value and type: `1`, `1.0`, `"1"` and `True` all differ."""
    if isinstance(old, float) and isinstance(new, float) and math.isnan(old) and math.isnan(new):
        return True
    return type(old) is type(new) and bool(old == new)


def _divergence_at(recorded: pd.DataFrame, now: pd.DataFrame, name: str, place: int) -> Divergence:
    old, new = recorded[name].iloc[place], now[name].iloc[place]
    is_number = recorded[name].dtype.kind == now[name].dtype.kind == "f"
    ids = [column for column in recorded.columns if column not in _DESCRIBING and not column.startswith(_PROBABILITY)]
    return Divergence(
        name,
        row=int(recorded["row"].iloc[place]) if "row" in recorded else place,
        id=str(recorded[ids[0]].iloc[place]) if ids else None,
        recorded=_shown(old),
        now=_shown(new),
        by=float(abs(new - old)) if is_number else None,
    )


def _place_of(recorded: pd.DataFrame, found: Divergence) -> int:
    if "row" not in recorded or found.row is None:
        return 0
    return int((recorded["row"] == found.row).to_numpy().argmax())


def _shown(value: Any) -> str:
    plain = value.item() if hasattr(value, "item") else value
    return repr(plain) if isinstance(plain, float) else str(plain)


@dataclass(frozen=True, slots=True)
class Divergence:
    """The first result that differs."""

    what: str
    """`outputs`, the name of a metric, or a column of the predictions."""
    fold: int | None = None
    """From 1; None for the test rows."""
    row: int | None = None
    """The row's number in the table, from 0."""
    id: str | None = None
    """What the card's id column calls the row."""
    recorded: str = ""
    now: str = ""
    by: float | None = None
    """How much the two differ, where they are numbers."""

    def __str__(self) -> str:
        """Describe it in one line."""
        place = "on the test rows" if self.fold is None else f"on fold {self.fold}"
        named = f", id {self.id}" if self.id is not None else ""
        row = "" if self.row is None else f", row {self.row}{named}"
        much = "" if self.by is None else f", {self.by:.3g} apart"
        return f"{self.what} {place}{row}: {self.recorded}, now {self.now}{much}"
