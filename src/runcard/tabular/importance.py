"""Which features a model leans on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def importances_of(estimator: object, feature_names: Sequence[str]) -> tuple[tuple[str, float], ...] | None:
    """Return name and importance of every feature as the fitted estimator sees it, the largest first.

    Trees and boosting give `feature_importances_`; of linear models it is the absolute coefficient,
    averaged over the classes. None for estimators that tell neither, and where names and values do not
    match one to one.
    """
    values = _values_of(estimator)
    if values is None or len(values) != len(feature_names):
        return None
    pairs = zip(map(str, feature_names), values, strict=True)
    return tuple(sorted(pairs, key=lambda pair: (-pair[1], pair[0])))


def _values_of(estimator: Any) -> list[float] | None:
    import numpy as np

    for name in ("feature_importances_", "coef_"):
        try:
            values = getattr(estimator, name)
        except Exception:  # a property may refuse: a kernel machine, a boosted linear model
            continue
        values = values.toarray() if hasattr(values, "toarray") else np.asarray(values)
        if values.dtype.kind in "fiu" and values.ndim in {1, 2} and np.isfinite(values).all():
            return [float(value) for value in np.abs(np.atleast_2d(values)).mean(axis=0)]
    return None
