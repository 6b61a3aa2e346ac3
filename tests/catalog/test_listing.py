from __future__ import annotations

import sys
from typing import Any

from runcard.catalog.listing import Row, list_datasets, list_features, list_metrics, list_models
from runcard.catalog.registered import Catalog, collect, dataset, features, metric, model


@dataset
def flowers() -> Any:
    """All flowers."""


@features(rowwise=True)
def ratios(frame: Any) -> Any:
    """Width by height."""


@model(task="regression")
def guess(depth: int = 3, **further: Any) -> Any:
    """A guess."""


@metric(greater_is_better=False, needs="predict_proba")
def cost(y_true: Any, y_pred: Any) -> float:
    """What it costs."""
    return 0.0


CATALOG = collect([sys.modules[__name__]])


def row_of(rows: list[Row], name: str) -> Row:
    (found,) = [row for row in rows if row.name == name]
    return found


def test_models_of_packages_and_project() -> None:
    rows = list_models(CATALOG)
    assert [row.name for row in rows] == sorted(row.name for row in rows)
    assert row_of(rows, "guess") == Row("guess", ("regression",), "project", ("**",), "A guess.")
    forest = row_of(rows, "random_forest")
    assert forest.tasks == ("classification", "regression")
    assert forest.package == "scikit-learn"
    assert {"class_weight", "n_estimators"} <= set(forest.parameters)
    assert forest.description == "A random forest classifier"


def test_metrics_say_their_direction_and_needs() -> None:
    rows = list_metrics(CATALOG)
    assert row_of(rows, "cost") == Row("cost", (), "project", ("less is better", "predict_proba"), "What it costs.")
    assert row_of(rows, "f1_macro") == Row(
        "f1_macro",
        ("classification",),
        "scikit-learn",
        ("greater is better", "predict"),
        "sklearn.metrics.f1_score with average='macro', zero_division=0",
    )


def test_datasets_and_feature_sets() -> None:
    assert [row.name for row in list_datasets(CATALOG)] == [
        "breast_cancer", "diabetes", "digits", "flowers", "iris", "wine"
    ]  # fmt: skip
    assert list_features(CATALOG) == [Row("ratios", (), "project", ("rowwise",), "Width by height.")]
    assert list_features(Catalog()) == []
