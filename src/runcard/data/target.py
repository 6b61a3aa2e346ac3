"""The target encoded as numbers: class codes in sorted order, or floats."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from runcard import errors

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd


@dataclass(frozen=True, slots=True, eq=False)
class Target:
    """The target column, encoded once for all trials."""

    name: str
    values: np.ndarray
    """(n_rows,) int64 class codes, or float64 for regression."""
    classes: tuple[Any, ...]
    """Class labels in code order, as plain Python values; empty for regression."""
    positive: int | None
    """The code of the positive class when there are two classes."""

    @property
    def n_classes(self) -> int:
        """How many classes; 0 for regression."""
        return len(self.classes)

    def column(self) -> Any:
        """Give the target as a column: (n_rows,) numbers, or a categorical, which holds each label once."""
        import pandas as pd

        if not self.classes:
            return self.values
        return pd.Categorical.from_codes(self.values, dtype=pd.CategoricalDtype(list(self.classes)))

    def without_values(self) -> Target:
        """Keep the classes only, which are small enough to send with every task."""
        return replace(self, values=self.values[:0])

    def counts(self) -> dict[Any, int]:
        """Count the rows of each class."""
        import numpy as np

        if not self.classes:
            return {}
        found = np.bincount(self.values, minlength=self.n_classes)
        return dict(zip(self.classes, found.tolist(), strict=True))

    def label_of(self, text: object) -> Any:
        """Give the label that a text in a record's JSON stands for; the text itself where there is none."""
        spelt = (label for label in self.classes if isinstance(label, str) or json.dumps(label) == text)
        return next((label for label in spelt if not isinstance(label, str) or label == text), text)

    def labels(self, codes: np.ndarray) -> np.ndarray:
        """Convert codes back to labels, in an array of the labels' own type."""
        import numpy as np

        return np.asarray(self.classes)[codes] if self.classes else codes


def encode_target(column: pd.Series[Any], *, task: str, positive: object = None, where: str = "") -> Target:
    """Encode a column without missing values.

    Raises
    ------
    TargetInvalid
        Text where numbers are needed, or no such positive class.
    """
    import numpy as np
    import pandas as pd

    name = str(column.name)
    if task == "regression":
        return Target(name, column.to_numpy(dtype=np.float64), (), None)
    codes, unique = pd.factorize(column, sort=True)
    classes = tuple(np.asarray(unique).tolist())
    return Target(name, codes.astype(np.int64), classes, _positive_code(classes, positive, name, where))


def _positive_code(classes: tuple[Any, ...], positive: object, name: str, where: str) -> int | None:
    if positive is None:
        return 1 if len(classes) == 2 else None
    if len(classes) != 2:
        raise errors.TargetInvalid(
            f"`positive` needs two classes, `{name}` has {len(classes)}",
            where=where,
            why=f"its classes are {errors.listing(classes)}",
            hint="remove `positive`",
        )
    for code, label in enumerate(classes):
        if label == positive and isinstance(label, bool) == isinstance(positive, bool):
            return code
    raise errors.TargetInvalid(
        f"`{name}` has no class `{positive}`",
        where=where,
        why=f"its classes are {errors.listing(classes)}",
        hint="name one of them, with quotes if it is text",
    )
