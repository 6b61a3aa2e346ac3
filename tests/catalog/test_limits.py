"""Limits that decide nothing: the same trees, bit by bit, as without them."""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import make_classification
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.linear_model import LogisticRegression
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor, ExtraTreeClassifier

from runcard.catalog.limits import limit_of, reached, without_limit

ROWS, TARGET = make_classification(300, 9, n_informative=5, flip_y=0.2, random_state=1)

LIMITED = [
    RandomForestClassifier(8, random_state=3),
    RandomForestClassifier(8, random_state=3, min_samples_split=9, bootstrap=False, max_features=None),
    RandomForestClassifier(8, random_state=3, oob_score=True, class_weight="balanced_subsample", criterion="log_loss"),
    RandomForestRegressor(8, random_state=3, min_samples_leaf=4, max_samples=0.5),
    ExtraTreesClassifier(8, random_state=3, min_impurity_decrease=0.001),
    ExtraTreesRegressor(8, random_state=3, bootstrap=True),
    DecisionTreeClassifier(random_state=3, max_features=3),
    DecisionTreeRegressor(random_state=3, splitter="random"),
    ExtraTreeClassifier(random_state=3),
]


def trees_of(fitted: Any) -> list[dict[str, Any]]:
    trees = getattr(fitted, "estimators_", [fitted])
    return [{key: np.asarray(value).tobytes() for key, value in t.tree_.__getstate__().items()} for t in trees]


@pytest.mark.parametrize("estimator", LIMITED, ids=lambda e: type(e).__name__)
@pytest.mark.filterwarnings("ignore:Some inputs do not have OOB scores")
def test_a_limit_that_is_not_reached_changes_nothing(estimator: Any) -> None:
    free = clone(estimator).fit(ROWS, TARGET)
    deepest = reached(free)
    assert limit_of(free) == math.inf
    assert deepest is not None
    assert deepest > 3
    for limit in (deepest + 1, deepest + 7):
        limited = clone(estimator).set_params(max_depth=limit).fit(ROWS, TARGET)
        assert limit_of(limited) == limit
        assert reached(limited) == deepest
        assert trees_of(limited) == trees_of(free)
    bound = clone(estimator).set_params(max_depth=deepest - 1).fit(ROWS, TARGET)
    assert reached(bound) == deepest - 1
    assert trees_of(bound) != trees_of(free)


class Forest(RandomForestClassifier):
    pass


@pytest.mark.parametrize(
    "estimator",
    [
        RandomForestClassifier(),
        RandomForestClassifier(random_state=np.random.RandomState(0)),
        RandomForestClassifier(random_state=3, warm_start=True),
        RandomForestClassifier(random_state=3, max_leaf_nodes=9),
        DecisionTreeClassifier(random_state=3, ccp_alpha=0.01),
        Forest(random_state=3),
        GradientBoostingClassifier(random_state=3),
        LogisticRegression(),
    ],
    ids=lambda estimator: re.sub(r" at 0x\w+", "", repr(estimator)),  # the same in every process
)
def test_others_have_none(estimator: Any) -> None:
    assert limit_of(estimator) is None


def test_the_limit_is_left_out() -> None:
    assert without_limit({"max_depth": 3, "C": 1}) == {"C": 1}
