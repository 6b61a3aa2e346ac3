"""Estimators that learn step by step: in boosting rounds, or in epochs over the rows."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
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
    """Return the hyperparameter that counts an unfitted estimator's steps, and its value; None if it has none."""
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
    """Return a model that predicts as a fitted one did after some boosting rounds; None if that is not possible."""
    package = type(fitted).__module__.partition(".")[0]
    if package == "catboost":
        return _FirstRounds(fitted, {"ntree_end": min(n_steps, fitted.tree_count_)})
    steps = steps_of(fitted)
    if steps is None or stage_parameter(fitted) != steps[0]:
        return None
    if package == "lightgbm":
        return _FirstRounds(fitted, {"num_iteration": n_steps})
    if package == "xgboost":
        return _FirstRounds(fitted, {"iteration_range": (0, n_steps)})
    return truncate(fitted, n_steps)


class _FirstRounds:
    """A booster that predicts with its first rounds only; truncating the booster itself would copy it."""

    def __init__(self, fitted: Any, limit: Mapping[str, Any]) -> None:
        self._fitted, self._limit = fitted, limit

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._fitted, name)
        return partial(found, **self._limit) if name in _PREDICTING else found


_PREDICTING = ("predict", "predict_proba", "decision_function")


def curve_steps(n_steps: int) -> tuple[int, ...]:
    """Choose the steps that a learning curve shows: 1, 2, 5, 10, 20, 50 and so on, all before the last."""
    found, power = [], 1
    while power < n_steps:
        found += [step for step in (power, 2 * power, 5 * power) if step < n_steps]
        power *= 10
    return tuple(found)
