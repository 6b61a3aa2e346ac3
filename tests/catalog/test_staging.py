from __future__ import annotations

import pickle
import re
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import make_classification, make_regression
from sklearn.ensemble import (
    AdaBoostClassifier,
    AdaBoostRegressor,
    BaggingClassifier,
    BaggingRegressor,
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.linear_model import LogisticRegression, RidgeClassifier

from runcard.catalog.models import build_estimator, find_model
from runcard.catalog.registered import Catalog
from runcard.catalog.staging import stage_parameter, truncate

N_ALL = 12
N_SHORT = (1, 5, 12)

TABLES = {
    "two classes": make_classification(260, 8, n_informative=5, flip_y=0.1, random_state=0),
    "three classes": make_classification(260, 8, n_informative=5, n_classes=3, flip_y=0.1, random_state=0),
    "regression": make_regression(260, 8, noise=20, random_state=0),
}


def seeded(kind: Any, **params: object) -> Any:
    return kind(random_state=3, **params)


def boosted(name: str, task: Any, **params: object) -> Any:
    spec = find_model(name, Catalog())
    assert spec is not None
    return build_estimator(spec, task, params, seed=3)


def for_both(classifier: Any, regressor: Any, **params: object) -> list[Any]:
    return [seeded(classifier, **params), seeded(regressor, **params)]


def for_both_boosted(name: str, **params: object) -> list[Any]:
    return [boosted(name, task, **params) for task in ("classification", "regression")]


FORESTS = (RandomForestClassifier, RandomForestRegressor)
EXTRA = (ExtraTreesClassifier, ExtraTreesRegressor)
BAGGING = (BaggingClassifier, BaggingRegressor)
GRADIENT = (GradientBoostingClassifier, GradientBoostingRegressor)
HIST = (HistGradientBoostingClassifier, HistGradientBoostingRegressor)
SAMPLED_BAGGING = {"max_samples": 0.5, "max_features": 0.5, "bootstrap_features": True}

SHARED = [
    *for_both(*FORESTS),
    *for_both(*FORESTS, max_samples=0.5, max_features=0.4),
    *for_both(*FORESTS, bootstrap=False, max_depth=3),
    seeded(RandomForestClassifier, class_weight="balanced_subsample"),
    *for_both(*EXTRA),
    *for_both(*EXTRA, bootstrap=True, max_samples=0.5),
    *for_both(*BAGGING),
    *for_both(*BAGGING, **SAMPLED_BAGGING),
    seeded(BaggingClassifier, estimator=RidgeClassifier()),
    *for_both(AdaBoostClassifier, AdaBoostRegressor),
    *for_both(AdaBoostClassifier, AdaBoostRegressor, learning_rate=0.3),
    seeded(AdaBoostRegressor, loss="exponential"),
    *for_both(*GRADIENT),
    *for_both(*GRADIENT, subsample=0.5, max_features=0.5),
    *for_both(*GRADIENT, n_iter_no_change=2, tol=0.01),
    *for_both(*GRADIENT, n_iter_no_change=2, tol=0.01, subsample=0.5),
    seeded(GradientBoostingRegressor, loss="quantile"),
    seeded(GradientBoostingClassifier, loss="exponential"),
    *for_both(*HIST),
    *for_both(*HIST, max_features=0.5, learning_rate=0.3),
    *for_both(*HIST, early_stopping=True, n_iter_no_change=2, tol=0.05),
    *for_both(*HIST, early_stopping=True, n_iter_no_change=3, validation_fraction=None, scoring=None),
    seeded(HistGradientBoostingRegressor, loss="absolute_error"),
    *for_both_boosted("xgboost"),
    *for_both_boosted("xgboost", subsample=0.5, colsample_bytree=0.5, colsample_bynode=0.5),
    *for_both_boosted("xgboost", num_parallel_tree=3, subsample=0.5),
    *for_both_boosted("xgboost", tree_method="exact", max_depth=3),
    *for_both_boosted("xgboost", tree_method="approx", grow_policy="lossguide", max_leaves=5),
    boosted("xgboost", "regression", objective="reg:absoluteerror"),
    *for_both_boosted("lightgbm"),
    *for_both_boosted("lightgbm", num_leaves=4, reg_lambda=1.0),
    *for_both_boosted("lightgbm", linear_tree=True, min_child_samples=5),
    # Ends at once: no split is allowed.
    *for_both_boosted("lightgbm", min_child_samples=1000),
]

SEPARATE = [
    LogisticRegression(),
    RandomForestClassifier(),
    RandomForestClassifier(random_state=np.random.RandomState(0)),
    *for_both(*FORESTS, oob_score=True),
    *for_both(*FORESTS, warm_start=True),
    *for_both(*BAGGING, oob_score=True),
    *for_both(*BAGGING, n_jobs=2),
    *for_both(*GRADIENT, warm_start=True),
    *for_both(*HIST, warm_start=True),
    *for_both_boosted("xgboost", booster="dart"),
    *for_both_boosted("xgboost", booster="gblinear"),
    *for_both_boosted("xgboost", early_stopping_rounds=3),
    *for_both_boosted("xgboost", updater="grow_colmaker"),
    *for_both_boosted("lightgbm", boosting_type="dart"),
    *for_both_boosted("lightgbm", boosting_type="goss"),
    *for_both_boosted("lightgbm", extra_trees=True),
    *for_both_boosted("lightgbm", subsample=0.5, subsample_freq=1),
    *for_both_boosted("lightgbm", colsample_bytree=0.5),
    *for_both_boosted("lightgbm", use_quantized_grad=True),
    *for_both_boosted("lightgbm", boosting_type="rf", subsample=0.5, subsample_freq=1),
    *for_both_boosted("catboost"),
]


def name_of(estimator: Any) -> str:
    return re.sub(r" at 0x[0-9A-F]+", "", str(estimator)[:70].replace("\n", " "))


def fast_and_slow(estimators: list[Any]) -> list[Any]:
    """The first of each class in the fast suite, its variations in the slow one."""
    seen: set[type] = set()
    params = []
    for estimator in estimators:
        marks = [pytest.mark.slow] if type(estimator) in seen else []
        params.append(pytest.param(estimator, id=name_of(estimator), marks=marks))
        seen.add(type(estimator))
    return params


def tables_for(estimator: Any) -> list[str]:
    if type(estimator).__name__.endswith("Regressor"):
        return ["regression"]
    binary_only = getattr(estimator, "loss", None) == "exponential"
    return ["two classes"] if binary_only else ["two classes", "three classes"]


def outputs_of(fitted: Any, x: Any) -> list[Any]:
    methods = ("predict", "predict_proba", "decision_function")
    return [getattr(fitted, method)(x) for method in methods if hasattr(fitted, method)]


def assert_same_outputs(first: Any, second: Any, x: Any) -> None:
    for one, other in zip(outputs_of(first, x), outputs_of(second, x), strict=True):
        assert np.array_equal(one, other)


@pytest.mark.filterwarnings("ignore:The number of unique classes is greater than 50%")
@pytest.mark.parametrize("estimator", fast_and_slow(SHARED))
def test_truncated_equals_a_separate_fit_bit_by_bit(estimator: Any) -> None:
    parameter = stage_parameter(estimator)
    assert parameter is not None
    for table in tables_for(estimator):
        x, y = TABLES[table]
        longest = clone(estimator).set_params(**{parameter: N_ALL}).fit(x[:160], y[:160])
        before = outputs_of(longest, x)
        for n_stages in N_SHORT:
            separate = clone(estimator).set_params(**{parameter: n_stages}).fit(x[:160], y[:160])
            short = truncate(longest, n_stages)

            assert_same_outputs(short, separate, x)
            assert_same_outputs(pickle.loads(pickle.dumps(short)), separate, x)
            assert short.get_params()[parameter] == n_stages
            size, expected = len(pickle.dumps(short)), len(pickle.dumps(separate))
            assert size == pytest.approx(expected, rel=0.02, abs=300)
        for one, other in zip(before, outputs_of(longest, x), strict=True):
            assert np.array_equal(one, other), "the longest fit is left alone"


@pytest.mark.parametrize("estimator", SEPARATE, ids=name_of)
def test_no_sharing_where_the_prefix_is_not_a_separate_fit(estimator: Any) -> None:
    assert stage_parameter(estimator) is None
    with pytest.raises(ValueError, match="cannot be truncated"):
        truncate(estimator, 1)


def test_dart_shows_why_it_is_left_out() -> None:
    x, y = TABLES["regression"]
    dart = boosted("xgboost", "regression", booster="dart", rate_drop=0.5)
    longest = clone(dart).set_params(n_estimators=N_ALL).fit(x, y)
    separate = clone(dart).set_params(n_estimators=7).fit(x, y)
    assert not np.array_equal(longest.predict(x, iteration_range=(0, 7)), separate.predict(x))


def test_lightgbm_with_chance_shows_why_it_is_left_out() -> None:
    x, y = TABLES["regression"]
    chancy = boosted("lightgbm", "regression", boosting_type="goss", extra_trees=True)
    longest = clone(chancy).set_params(n_estimators=40).fit(x[:160], y[:160])
    assert longest.booster_.num_trees() < 40, "some stages found no split"
    separate = clone(chancy).set_params(n_estimators=20).fit(x[:160], y[:160])
    assert not np.array_equal(longest.predict(x, num_iteration=20), separate.predict(x))


def test_catboost_shows_why_it_is_left_out() -> None:
    x, y = TABLES["two classes"]
    catboost = boosted("catboost", "classification")
    longest = clone(catboost).set_params(iterations=N_ALL).fit(x, y)
    separate = clone(catboost).set_params(iterations=7).fit(x, y)
    assert not np.array_equal(longest.predict_proba(x, ntree_end=7), separate.predict_proba(x))


def test_a_subclass_may_train_in_its_own_way() -> None:
    class Impatient(RandomForestClassifier):
        pass

    assert stage_parameter(Impatient(random_state=1)) is None


@pytest.mark.parametrize("n_stages", [0, 6])
def test_only_trained_stages_can_be_read_off(n_stages: int) -> None:
    x, y = TABLES["two classes"]
    fitted = RandomForestClassifier(n_estimators=5, random_state=0).fit(x, y)
    with pytest.raises(ValueError, match=f"{n_stages} stages asked of 5"):
        truncate(fitted, n_stages)


def test_a_data_frame_keeps_its_column_names() -> None:
    import pandas as pd

    x, y = TABLES["regression"]
    frame = pd.DataFrame(x, columns=[f"c{i}" for i in range(8)])
    frame["kind"] = pd.Categorical(np.where(x[:, 0] > 0, "up", "down"))
    lightgbm = boosted("lightgbm", "regression", n_estimators=9).fit(frame, y)
    separate = boosted("lightgbm", "regression", n_estimators=4).fit(frame, y)
    assert_same_outputs(truncate(lightgbm, 4), separate, frame)
