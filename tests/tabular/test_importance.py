import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import Lasso, LogisticRegression
from sklearn.svm import SVC, LinearSVR

from runcard.tabular.final import importances_of

NAMES = ["noise", "signal", "weak"]
X = np.random.default_rng(0).normal(size=(200, 3))
BINARY = (X[:, 1] > 0).astype(int)
THREE = np.digitize(X[:, 1], [-0.5, 0.5])


def test_trees():
    forest = RandomForestClassifier(n_estimators=10, random_state=0).fit(X, BINARY)
    found = importances_of(forest, NAMES)
    assert found[0][0] == "signal"
    assert dict(found) == dict(zip(NAMES, forest.feature_importances_, strict=True))
    assert [value for _, value in found] == sorted((value for _, value in found), reverse=True)


@pytest.mark.parametrize("y", [BINARY, THREE])
def test_linear_models_by_mean_absolute_coefficient(y):
    model = LogisticRegression().fit(X, y)
    found = dict(importances_of(model, NAMES))
    assert found == pytest.approx(dict(zip(NAMES, np.abs(model.coef_).mean(axis=0), strict=True)))


def test_sparse_and_flat_coefficients():
    lasso = Lasso(alpha=0.01).fit(X, X[:, 1])
    dense = importances_of(lasso, NAMES)
    assert dense[0][0] == "signal"
    lasso.coef_ = lasso.sparse_coef_
    assert importances_of(lasso, NAMES) == dense
    assert importances_of(LinearSVR().fit(X, X[:, 1]), NAMES)[0][0] == "signal"


def test_boosting_of_other_packages():
    from xgboost import XGBClassifier

    assert importances_of(XGBClassifier(n_estimators=3).fit(X, BINARY), NAMES)[0][0] == "signal"
    linear = XGBClassifier(n_estimators=3, booster="gblinear").fit(X, BINARY)
    assert importances_of(linear, NAMES)[0][0] == "signal"


@pytest.mark.parametrize("model", [SVC(), HistGradientBoostingClassifier(max_iter=3)])
def test_none_where_nothing_is_told(model):
    assert importances_of(model.fit(X, BINARY), NAMES) is None


def test_none_where_names_do_not_match():
    assert importances_of(LogisticRegression().fit(X, BINARY), ["a", "b"]) is None


def test_equal_values_are_ordered_by_name():
    lasso = Lasso(alpha=100).fit(X, X[:, 1])
    assert importances_of(lasso, ["c", "a", "b"]) == (("a", 0.0), ("b", 0.0), ("c", 0.0))
