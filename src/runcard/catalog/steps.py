"""Estimators that learn step by step: by boosting rounds, or by epochs over the rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from runcard.catalog.staging import stage_parameter, truncate

_DEFAULT = 100
# package and class, without its task -> (hyperparameter, what it stands for if left out)
_BOOSTING: Mapping[str, tuple[str, int]] = {
    "sklearn.AdaBoost": ("n_estimators", _DEFAULT),
    "sklearn.GradientBoosting": ("n_estimators", _DEFAULT),
    "sklearn.HistGradientBoosting": ("max_iter", _DEFAULT),
    "xgboost.XGB": ("n_estimators", _DEFAULT),
    "lightgbm.LGBM": ("n_estimators", _DEFAULT),
    "catboost.CatBoost": ("iterations", 1000),
}
_CATBOOST_NAMES = ("iterations", "n_estimators", "num_boost_round", "num_trees")


def steps_of(estimator: Any) -> tuple[str, int] | None:
    """Return the hyperparameter that counts an unfitted estimator's steps, and their number; None if it has none."""
    package = type(estimator).__module__.partition(".")[0]
    name = type(estimator).__name__.removesuffix("Classifier").removesuffix("Regressor")
    known = estimator.get_params(deep=False)
    parameter, default = _BOOSTING.get(f"{package}.{name}", ("max_iter", 0))
    if package == "catboost":
        parameter = next((alias for alias in _CATBOOST_NAMES if known.get(alias) is not None), parameter)
    if not default and not (hasattr(estimator, "partial_fit") and parameter in known):
        return None
    n_steps = known.get(parameter)
    n_steps = default if n_steps is None else n_steps
    return (parameter, n_steps) if isinstance(n_steps, int) and n_steps > 0 else None


def after_steps(fitted: Any, n_steps: int) -> Any:
    """Return a fitted estimator as it was after some of its boosting rounds; None if that cannot be told."""
    if type(fitted).__module__.partition(".")[0] == "catboost":
        view = fitted.copy()
        view.shrink(min(n_steps, view.tree_count_))
        return view
    steps = steps_of(fitted)
    return truncate(fitted, n_steps) if steps is not None and stage_parameter(fitted) == steps[0] else None


def curve_steps(n_steps: int) -> tuple[int, ...]:
    """Choose the steps that a learning curve shows: 1, 2, 5, 10, 20, 50 and so on, all before the last."""
    found, power = [], 1
    while power < n_steps:
        found += [step for step in (power, 2 * power, 5 * power) if step < n_steps]
        power *= 10
    return tuple(found)
