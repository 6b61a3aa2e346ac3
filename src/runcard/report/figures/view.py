"""The data that a finalist's figures are drawn from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, eq=False, slots=True)
class FinalistView:
    """A finalist's predictions for the test rows, and the true values."""

    task: str
    """`classification` or `regression`."""
    classes: tuple[str, ...]
    """Names of the classes in the order of their codes; empty for regression."""
    positive: int | None
    """Code of the positive class of two."""
    y_true: NDArray[Any]
    """(n,) codes of classes, or measured values."""
    y_pred: NDArray[Any]
    """(n,) codes of classes, or predicted values."""
    probabilities: NDArray[np.float64] | None = None
    """(n, n_classes)"""
    scores: NDArray[np.float64] | None = None
    """Decision scores: (n,) in favour of the second of two classes, or (n, n_classes)."""
    importances: tuple[tuple[str, float], ...] | None = None
    """Feature name and importance, the largest first."""
