"""scikit-learn's bundled datasets by name, read from its installation without any download."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

_DESCRIPTIONS = {
    "breast_cancer": "Malignant (0) or benign (1): 569 tumours, 30 numerical columns",
    "diabetes": "Progression of diabetes after a year: 442 patients, 10 numerical columns, regression",
    "digits": "Handwritten digits 0 to 9: 1797 images of 8 x 8 pixels",
    "iris": "Three species of iris: 150 flowers, 4 numerical columns",
    "wine": "Three cultivators of wine: 178 samples, 13 numerical columns",
}

TARGET = "target"


def bundled_names() -> tuple[str, ...]:
    """Return the names, sorted."""
    return tuple(_DESCRIPTIONS)


def describe_bundled(name: str) -> str:
    """Return one line on a bundled dataset."""
    return _DESCRIPTIONS[name]


def load_bundled(name: str) -> tuple[pd.DataFrame, pd.Series]:
    """Return the features, and the series `target` with class codes or numbers as scikit-learn gives them."""
    loaded = getattr(importlib.import_module("sklearn.datasets"), f"load_{name}")(as_frame=True)
    return loaded.data, loaded.target.rename(TARGET)
