"""Probes: hyperparameters tried on a few rows before any training."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runcard.catalog.labels import unfitted_copy
from runcard.catalog.metrics import Metric
from runcard.data.target import Target
from runcard.tabular.conditions import last_line, quiet
from runcard.tabular.matrices import MatrixPart, load_part
from runcard.tabular.outputs import compute_outputs
from runcard.tabular.training import train_estimator

if TYPE_CHECKING:
    import numpy as np

_FEW_ROWS = 200
_LENGTHS = ("n_estimators", "iterations")


@dataclass(frozen=True, slots=True, eq=False)
class Rehearsal:
    """The task of trying an estimator on the matrices of a fold."""

    folder: Path
    estimator: Any
    metrics: tuple[Metric, ...]
    target: Target
    seed: int

    @property
    def reads(self) -> tuple[Path, ...]:
        """The folders that a worker needs for it."""
        return (self.folder,)


def rehearse(task: Rehearsal) -> str | None:
    """Fit on a few rows; return the reason if that fails and a fit on all rows fails too."""
    matrix, target = load_part(task.folder, "fit")
    # A model may rightly need more than a few rows: then all of them decide.
    return _try((matrix, target), _some_rows(target), task) and _try((matrix, target), slice(None), task)


def _try(part: MatrixPart, rows: Any, task: Rehearsal) -> str | None:
    matrix, target = part
    try:
        with quiet(task.seed):
            short = _shortened(unfitted_copy(task.estimator))
            trained = train_estimator(short, matrix[rows], target[rows], task.target)
            compute_outputs(trained.model, matrix[rows][:5], task.metrics, task.target)
    except Exception as error:
        return last_line(error)
    return None


def _shortened(estimator: Any) -> Any:
    """Shorten training where a hyperparameter allows it; values that are too small stay unchanged."""
    known = estimator.get_params(deep=False)
    for name in _LENGTHS:
        if isinstance(known.get(name), int) and known[name] > 2:
            return estimator.set_params(**{name: 2})
    return estimator


def _some_rows(target: np.ndarray) -> np.ndarray:
    """Choose some rows, including the first of each value of the target."""
    import numpy as np

    _, first = np.unique(target, return_index=True)
    return np.unique(np.concatenate([first[:_FEW_ROWS], np.arange(min(len(target), _FEW_ROWS))]))
