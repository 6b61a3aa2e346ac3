"""What a model says of some rows."""

from __future__ import annotations

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from runcard.catalog.metrics import resolve_metric
from runcard.catalog.registered import Catalog
from runcard.data.target import Target
from runcard.tabular.outputs import compute_outputs, score_all

ROWS = np.array([[0.0], [1.0], [2.0], [3.0]])
THREE = Target("label", np.array([0, 0, 2, 2]), ("a", "b", "c"), None)


def metrics(*names: str, n_classes: int = 3):
    return [resolve_metric(name, task="classification", n_classes=n_classes, catalog=Catalog()) for name in names]


def test_a_class_that_the_fit_rows_lack_has_probability_zero() -> None:
    model = DecisionTreeClassifier().fit(ROWS, THREE.labels(THREE.values))
    found = compute_outputs(model, ROWS, metrics("log_loss", "accuracy"), THREE)
    assert found.probabilities.tolist() == [[1, 0, 0], [1, 0, 0], [0, 0, 1], [0, 0, 1]]
    assert found.predictions.tolist() == [0, 0, 2, 2]


def test_labels_become_codes_again() -> None:
    model = DecisionTreeClassifier().fit(ROWS, THREE.labels(THREE.values))
    found = compute_outputs(model, ROWS, metrics("accuracy"), THREE, every=True)
    assert found.predictions.tolist() == [0, 0, 2, 2]
    assert found.probabilities.shape == (4, 3)


def test_only_what_the_metrics_need_is_asked() -> None:
    two = Target("label", np.array([0, 0, 1, 1]), (0, 1), 1)
    model = LogisticRegression().fit(ROWS, two.values)
    plain = compute_outputs(model, ROWS, metrics("accuracy", n_classes=2), two)
    assert (plain.probabilities, plain.scores) == (None, None)
    ranked = compute_outputs(model, ROWS, metrics("roc_auc", n_classes=2), two)
    assert ranked.scores is not None
    assert (ranked.predictions, ranked.probabilities) == (None, None)


def test_scores_come_in_the_order_of_the_metrics() -> None:
    two = Target("label", np.array([0, 0, 1, 1]), (0, 1), 1)
    model = SVC().fit(ROWS, two.values)
    wanted = metrics("roc_auc", "accuracy", n_classes=2)
    found = score_all(wanted, two.values, compute_outputs(model, ROWS, wanted, two), two)
    assert found.scores == {"roc_auc": 1.0, "accuracy": 1.0}
    assert list(found.scores) == ["roc_auc", "accuracy"]
    assert found.missing == {}
