"""The labels that an estimator is trained on: the data's own, or codes where its package requires them.

A package is known by where an estimator's `fit` comes from: what a project derives and trains in a way of its own
is given the data's labels, whatever it derives from.

Why: docs/adr/0024-one-kind-of-labels.md
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Mapping, Sequence
from typing import Any

from runcard.keyed import is_keyed_by_label

_CODES_ONLY = ("xgboost", "skorch")
"""Packages whose classifiers take nothing but the codes 0..k-1."""
_PASSING_ON = ("CalibratedClassifierCV", "FixedThresholdClassifier", "TunedThresholdClassifierCV")
"""scikit-learn's classifiers that look at labels themselves, and give them to the one inside as they are."""
# package -> hyperparameters whose meaning depends on which of two classes it takes for the positive one
_TIED: Mapping[str, frozenset[str]] = {
    "xgboost": frozenset({"base_score", "monotone_constraints", "objective", "scale_pos_weight"}),
    "lightgbm": frozenset(
        {
            *("app", "application", "loss", "objective", "objective_type"),
            *("mc", "monotone_constraint", "monotone_constraints", "monotonic_cst"),
            *("neg_bagging", "neg_bagging_fraction", "neg_sub_row", "neg_subsample"),
            *("pos_bagging", "pos_bagging_fraction", "pos_sub_row", "pos_subsample"),
            "scale_pos_weight",
        }
    ),
    "catboost": frozenset({"loss_function", "monotone_constraints", "objective", "scale_pos_weight"}),
    "sklearn": frozenset({"monotonic_cst"}),
}


def code_order(
    estimator: Any, classes: Sequence[Any], present: Sequence[int], positive: int | None
) -> tuple[int, ...] | None:
    """Give the classes that an estimator's codes 0, 1, ... stand for; None if it is trained on the labels.

    Parameters
    ----------
    present
        The classes of the rows it is trained on, by their place in `classes`.
    positive
        The place of the positive class; it becomes the last of two where a hyperparameter depends on that.
    """
    final = _last_step(estimator)
    package = _package_of(final)
    is_turned = len(present) == len(classes) == 2 and positive == 0 and _depends_on_positive(final, package)
    order = (1, 0) if is_turned else tuple(present)
    if is_turned:
        return order
    return order if package in _CODES_ONLY and not are_codes([classes[place] for place in order]) else None


def are_codes(labels: Sequence[Any]) -> bool:
    """Tell whether labels are the whole numbers 0, 1, ... themselves."""
    return [(type(label), label) for label in labels] == [(int, code) for code in range(len(labels))]


def encode_inside(estimator: Any) -> None:
    """Put a label encoder around a classifier that takes only codes, inside a wrapper that takes labels."""
    outer = _last_step(estimator)
    if _package_of(outer) == "sklearn" and type(outer).__name__ in _PASSING_ON:
        from sklearn.ensemble import VotingClassifier

        if _package_of(_last_step(outer.estimator)) in _CODES_ONLY:
            outer.set_params(estimator=VotingClassifier([("model", outer.estimator)], voting="soft"))


def set_weights(estimator: Any, classes: Sequence[Any], present: Sequence[int], order: Sequence[int] | None) -> None:
    """Key an unfitted estimator's class weights by what it is trained on, only for classes among its rows.

    Labels that a mapping leaves out weigh 1, as in scikit-learn; catboost would refuse it.
    """
    final = _last_step(estimator)
    package = _package_of(final)
    if package is None:
        return
    keys = {place: code for code, place in enumerate(order)} if order is not None else dict(enumerate(classes))
    places = present if order is None else order
    is_whole = order is None and len(present) == len(classes)
    for name, given in final.get_params(deep=False).items():
        if not is_keyed_by_label(name) or not isinstance(given, Mapping | list | tuple):
            continue
        if isinstance(given, Mapping) and package == "catboost":
            final.set_params(**{name: {keys[place]: given.get(classes[place], 1.0) for place in places}})
        elif isinstance(given, Mapping) and not is_whole:
            final.set_params(
                **{name: {keys[place]: given[classes[place]] for place in places if classes[place] in given}}
            )
        elif not isinstance(given, Mapping) and not is_whole and len(given) == len(classes):
            final.set_params(**{name: [given[place] for place in places]})


def unfitted_copy(estimator: Any) -> Any:
    """Copy an unfitted estimator; catboost's cannot be cloned where a hyperparameter is a list or a mapping."""
    from sklearn.base import clone

    return copy.deepcopy(estimator) if _package_of(_last_step(estimator)) == "catboost" else clone(estimator)


def _last_step(estimator: Any) -> Any:
    steps = getattr(estimator, "steps", None) if type(estimator).__name__ == "Pipeline" else None
    return _last_step(steps[-1][1]) if steps else estimator


def _package_of(estimator: Any) -> str | None:
    """Name the package whose `fit` trains an estimator, if it is one of the known packages."""
    module = str(getattr(getattr(type(estimator), "fit", None), "__module__", ""))
    package = module.partition(".")[0]
    return package if package in (*_TIED, *_CODES_ONLY) else None


def _depends_on_positive(estimator: Any, package: str | None) -> bool:
    tied = _TIED.get(package or "", frozenset())
    given = estimator.get_params(deep=False)
    defaults = {name: known.default for name, known in inspect.signature(type(estimator)).parameters.items()}
    chosen = {name for name, value in given.items() if value is not None and value != defaults.get(name)}
    # Whoever names catboost's classes says which is the positive one.
    return "class_names" not in chosen and bool(chosen & tied)
