"""Which estimators learn in steps, and how many."""

from __future__ import annotations

from typing import Any

import pytest
from catboost import CatBoostClassifier
from lightgbm import LGBMRegressor
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

from runcard.catalog.steps import curve_steps, steps_of


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
