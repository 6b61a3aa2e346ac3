"""Which estimators learn in steps, and how many."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from catboost import CatBoostClassifier
from lightgbm import LGBMClassifier, LGBMRegressor
from sklearn.datasets import load_iris
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.neural_network import MLPClassifier
from xgboost import XGBClassifier

from runcard.catalog.staging import truncate
from runcard.catalog.steps import after_steps, curve_steps, steps_of


@pytest.mark.parametrize(
    ("estimator", "steps"),
    [
        (XGBClassifier(), ("n_estimators", 100)),
        (XGBClassifier(n_estimators=7), ("n_estimators", 7)),
        (LGBMRegressor(n_estimators=30), ("n_estimators", 30)),
        (CatBoostClassifier(), ("iterations", 1000)),
        (CatBoostClassifier(num_trees=12), ("num_trees", 12)),
        (GradientBoostingRegressor(n_estimators=9), ("n_estimators", 9)),
        (HistGradientBoostingClassifier(max_iter=11), ("max_iter", 11)),
        (AdaBoostClassifier(), ("n_estimators", 50)),
        (SGDClassifier(max_iter=20), ("max_iter", 20)),
        (MLPClassifier(), ("max_iter", 200)),
        (MLPClassifier(solver="lbfgs"), None),  # it goes over the rows in no epochs
        (LogisticRegression(), None),
        (GaussianNB(), None),
        # trees side by side are no steps: none learns from the one before
        (RandomForestClassifier(), None),
        (BaggingClassifier(), None),
    ],
)
def test_steps(estimator: Any, steps: tuple[str, int] | None) -> None:
    assert steps_of(estimator) == steps


@pytest.mark.parametrize(
    ("n_steps", "shown"),
    [(1, ()), (2, (1,)), (3, (1, 2)), (100, (1, 2, 5, 10, 20, 50)), (101, (1, 2, 5, 10, 20, 50, 100))],
)
def test_a_curve_shows_1_2_5_and_so_on(n_steps: int, shown: tuple[int, ...]) -> None:
    assert curve_steps(n_steps) == shown


@pytest.mark.parametrize("estimator", [XGBClassifier(random_state=1), LGBMClassifier(random_state=1, verbose=-1)])
def test_first_rounds_predict_as_if_cut_off(estimator: Any) -> None:
    rows, labels = load_iris(return_X_y=True)
    fitted = estimator.set_params(n_estimators=12).fit(rows, labels)
    for n_rounds in (1, 5, 11):
        view, cut = after_steps(fitted, n_rounds), truncate(fitted, n_rounds)
        assert np.array_equal(view.predict_proba(rows), cut.predict_proba(rows))
        assert np.array_equal(view.predict(rows), cut.predict(rows))


def test_first_rounds_of_catboost_predict_as_if_cut_off() -> None:
    rows, labels = load_iris(return_X_y=True)
    fitted = CatBoostClassifier(iterations=12, random_state=1, verbose=0, allow_writing_files=False).fit(rows, labels)
    cut = fitted.copy()
    cut.shrink(5)
    assert np.array_equal(after_steps(fitted, 5).predict_proba(rows), cut.predict_proba(rows))
    assert np.array_equal(after_steps(fitted, 99).predict(rows), fitted.predict(rows))
