"""Two models on the same rows: by how much one is better is told in the metric's own direction."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression

from runcard.catalog.metrics import resolve_metric
from runcard.catalog.registered import Catalog
from runcard.data.target import encode_target
from runcard.promotion import Duel
from runcard.workflow.promote.duel import Contender, HeldOutRows, compare_on

pytestmark = pytest.mark.slow


def duel(metric: str, good: Any, bad: Any, truth: pd.Series[Any], task: Any) -> Duel:
    """Let a model that learnt something challenge one that did not."""
    frame = pd.DataFrame({"x": np.arange(60.0)})
    target = encode_target(truth, task=task)
    found = resolve_metric(metric, task=task, n_classes=target.n_classes or None, catalog=Catalog())
    rows = HeldOutRows(frame, target.values, np.arange(60), target, found, seed=0)
    first, second = (Contender(model.__class__.__name__, model.fit(frame, truth), ("x",)) for model in (good, bad))
    return compare_on(rows, first, second, confidence=0.95)


@pytest.mark.parametrize(("metric", "greater"), [("log_loss", False), ("accuracy", True)])
def test_a_better_classifier_is_better_whichever_way_its_metric_counts(metric: str, greater: bool) -> None:
    truth = pd.Series(np.repeat(["a", "b"], [25, 35]), name="y")
    found = duel(metric, LogisticRegression(), DummyClassifier(), truth, "classification")
    assert found.greater_is_better is greater
    assert (found.candidate > found.holder) is greater
    assert found.bound is not None
    assert found.bound > 0


@pytest.mark.parametrize("metric", ["rmse", "r2"])
def test_a_better_regressor_is_better_whichever_way_its_metric_counts(metric: str) -> None:
    truth = pd.Series(np.arange(60.0) * 2, name="y")
    better = duel(metric, LinearRegression(), DummyRegressor(), truth, "regression").bound
    worse = duel(metric, DummyRegressor(), LinearRegression(), truth, "regression").bound
    assert better is not None
    assert worse is not None
    assert worse < 0 < better
