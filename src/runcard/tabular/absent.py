"""Classes that are missing from parts of a split: from folds, all training rows, or the test rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from runcard.data.split import Split
from runcard.data.target import Target

if TYPE_CHECKING:
    import numpy as np

_MOST_NAMED = 5


@dataclass(frozen=True, slots=True)
class Absent:
    """A class, and the parts of a split that have no row of it."""

    label: str
    not_fitted: tuple[int, ...]
    """Folds, from 1, whose rows to fit on lack it: what is trained there does not know it."""
    not_scored: tuple[int, ...]
    """Folds, from 1, whose rows to score lack it, of those that score more than one row."""
    not_trained: bool
    """Whether the training rows lack it."""
    not_tested: bool
    """Whether there are test rows, and they lack it."""

    def __str__(self) -> str:
        """Name the parts where it is missing."""
        parts = ["the training rows"] * self.not_trained + ["the test rows"] * self.not_tested
        parts += [f"the rows that {_named(self.not_fitted)} fits on"] if self.not_fitted else []
        parts += [f"the rows that {_named(self.not_scored)} scores"] if self.not_scored else []
        return f"`{self.label}` is not among {', nor among '.join(parts)}"


def absent_classes(split: Split, target: Target) -> tuple[Absent, ...]:
    """Find the classes that some part of a split lacks, in the classes' order."""
    return tuple(_absent(split, target)) if target.n_classes else ()


def _absent(split: Split, target: Target) -> Iterator[Absent]:
    import numpy as np

    def lacks(rows: np.ndarray) -> np.ndarray:  # (n_classes,)
        found: np.ndarray = np.bincount(target.values[rows], minlength=target.n_classes) == 0
        return found

    none = np.zeros(target.n_classes, dtype=bool)
    fitted = [lacks(fit) for fit, _ in split.folds]
    scored = [lacks(score) if len(score) > 1 else none for _, score in split.folds]
    trained, tested = lacks(split.train), lacks(split.test) if len(split.test) > 1 else none
    for code, label in enumerate(target.classes):
        parts = [tuple(fold for fold, gaps in enumerate(side, 1) if gaps[code]) for side in (fitted, scored)]
        if parts[0] or parts[1] or trained[code] or tested[code]:
            yield Absent(str(label), parts[0], parts[1], bool(trained[code]), bool(tested[code]))


def _named(folds: tuple[int, ...]) -> str:
    shown = ", ".join(map(str, folds[:_MOST_NAMED]))
    more = f" and {len(folds) - _MOST_NAMED} more" if len(folds) > _MOST_NAMED else ""
    return f"{'fold' if len(folds) == 1 else 'each of the folds'} {shown}{more}"
