"""One fit for several trials: shorter trainings read off the longest one, bit by bit the same.

An ensemble trained with n stages is the first n stages of one trained longer, as long as no stage depends on
how many will follow. Where that fails `stage_parameter` is None and every trial is fitted for itself. Each
family and each exception is proved in tests/catalog/test_staging.py.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any


def stage_parameter(estimator: Any) -> str | None:
    """Return the hyperparameter that only lengthens training; None when trials cannot safely share a fit by one."""
    family = _family_of(estimator)
    return family.parameter if family is not None and family.shares(estimator) else None


def truncate(fitted: Any, n_stages: int) -> Any:
    """Return what a separate fit with `n_stages` stages would have given; `fitted` is not changed.

    scikit-learn's trees are shared with `fitted`, not copied; the boosting packages copy theirs.

    Raises
    ------
    ValueError
        `fitted` has no such stages, or was trained with fewer.
    """
    family = _family_of(fitted)
    if family is None or not family.shares(fitted):
        raise ValueError(f"{type(fitted).__name__} cannot be truncated")
    trained = getattr(fitted, family.parameter)
    if not 1 <= n_stages <= (family.default if trained is None else trained):
        raise ValueError(f"{n_stages} stages asked of {trained}")
    short = copy.copy(fitted)
    setattr(short, family.parameter, n_stages)
    family.cut(short, n_stages)
    return short


@dataclass(frozen=True, slots=True)
class _Family:
    parameter: str
    shares: Callable[[Any], bool]
    cut: Callable[[Any, int], None]
    # What a hyperparameter left at None stands for.
    default: int = 100


def _family_of(estimator: Any) -> _Family | None:
    # The exact class: a subclass may train in a way of its own.
    package = type(estimator).__module__.partition(".")[0]
    name = type(estimator).__name__.removesuffix("Classifier").removesuffix("Regressor")
    return _FAMILIES.get(f"{package}.{name}")


def _is_seeded(estimator: Any) -> bool:
    # Without a seed, or with a generator that the first fit has used up, no two fits are equal.
    return isinstance(estimator.random_state, int)


def _starts_fresh(estimator: Any) -> bool:
    return _is_seeded(estimator) and not estimator.warm_start


def _without_oob(estimator: Any) -> bool:
    # The out-of-bag score is of all trees.
    return _starts_fresh(estimator) and not estimator.oob_score


def _is_plain_bagging(estimator: Any) -> bool:
    return _without_oob(estimator) and estimator.n_jobs in (None, 1)


def _grows_plain_xgboost(estimator: Any) -> bool:
    # dart scales the trees it drops later, gblinear and the update process rewrite what is there.
    return (
        _is_seeded(estimator)
        and estimator.booster in (None, "gbtree")
        and estimator.early_stopping_rounds is None
        and estimator.callbacks is None
        and not {"updater", "process_type"} & estimator.get_params().keys()
    )


def _grows_plain_lightgbm(estimator: Any) -> bool:
    # dart as above, and rf is averaged. A stage without any split is left out of the booster: where chance
    # has a part, a later one may split again, and the trees that are there no longer tell the stages.
    return (
        _is_seeded(estimator)
        and estimator.boosting_type == "gbdt"
        and estimator.subsample_freq == 0
        and estimator.colsample_bytree == 1
        and not _LIGHTGBM_CHANCE & estimator.get_params().keys()
    )


_LIGHTGBM_CHANCE = {
    "bagging_by_query",
    "extra_trees",
    "feature_fraction_bynode",
    "neg_bagging_fraction",
    "pos_bagging_fraction",
    "use_quantized_grad",
}


def _cut_list(short: Any, n_stages: int) -> None:
    short.estimators_ = short.estimators_[:n_stages]


def _cut_bagging(short: Any, n_stages: int) -> None:
    _cut_list(short, n_stages)
    short.estimators_features_ = short.estimators_features_[:n_stages]
    short._seeds = short._seeds[:n_stages]


def _cut_ada_boost(short: Any, n_stages: int) -> None:
    _cut_list(short, n_stages)
    # These keep their length when boosting ends early: zeros behind the last stage.
    short.estimator_weights_ = short.estimator_weights_[:n_stages]
    short.estimator_errors_ = short.estimator_errors_[:n_stages]


def _cut_gradient_boosting(short: Any, n_stages: int) -> None:
    _cut_list(short, n_stages)
    short.n_estimators_ = len(short.estimators_)
    for name in ("train_score_", "oob_improvement_", "oob_scores_"):
        if hasattr(short, name):
            setattr(short, name, getattr(short, name)[:n_stages])
    if hasattr(short, "oob_scores_"):
        short.oob_score_ = short.oob_scores_[-1]


def _cut_hist_gradient_boosting(short: Any, n_stages: int) -> None:
    short._predictors = short._predictors[:n_stages]
    # One more than stages: the first is of the baseline.
    short.train_score_ = short.train_score_[: n_stages + 1]
    short.validation_score_ = short.validation_score_[: n_stages + 1]
    if getattr(short._scorer, "_estimator", None) is not None:
        # It points back at the estimator, and would drag all stages along when the short one is saved.
        short._scorer = copy.copy(short._scorer)
        short._scorer._estimator = short


def _cut_xgboost(short: Any, n_stages: int) -> None:
    short._Booster = short.get_booster()[:n_stages]


def _cut_lightgbm(short: Any, n_stages: int) -> None:
    from lightgbm import Booster

    # LightGBM's own way of copying a booster, for which it writes every number in full.
    whole = short.booster_
    short._Booster = Booster(model_str=whole.model_to_string(num_iteration=n_stages))
    short._Booster.pandas_categorical = whole.pandas_categorical
    # `set_params` writes to a mapping that `copy.copy` leaves shared.
    short._other_params = dict(short._other_params)
    short.set_params(n_estimators=n_stages)
    short._Booster.params = {**whole.params, "num_iterations": n_stages}


_FOREST = _Family("n_estimators", _without_oob, _cut_list)

# catboost is missing: its learning rate, unless given, and more depend on the number of iterations.
_FAMILIES: Mapping[str, _Family] = {
    "sklearn.RandomForest": _FOREST,
    "sklearn.ExtraTrees": _FOREST,
    "sklearn.Bagging": _Family("n_estimators", _is_plain_bagging, _cut_bagging),
    "sklearn.AdaBoost": _Family("n_estimators", _is_seeded, _cut_ada_boost),
    "sklearn.GradientBoosting": _Family("n_estimators", _starts_fresh, _cut_gradient_boosting),
    "sklearn.HistGradientBoosting": _Family("max_iter", _starts_fresh, _cut_hist_gradient_boosting),
    "xgboost.XGB": _Family("n_estimators", _grows_plain_xgboost, _cut_xgboost),
    "lightgbm.LGBM": _Family("n_estimators", _grows_plain_lightgbm, _cut_lightgbm),
}
