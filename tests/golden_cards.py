"""Small cards, one for each thing that a card can say and that goes into identities."""

from __future__ import annotations

from typing import Any

from projects import customers_card

FEATURES = {"numerical": ["age", "bill"], "categorical": ["contract", "city"], "target": "left", "positive": "yes"}
DATA = {"raw_path": "table.csv", "id": "customer", "train_test_split": 0.25}
SPACE = [
    {
        "name": "logistic_regression",
        "params": {
            "C": {"distribution": "log_uniform_values", "min": 0.01, "max": 9.0},
            "fit_intercept": [True, False],
        },
    },
    {"name": "random_forest", "params": {"n_estimators": {"min": 3, "max": 30}, "max_depth": {"values": [2, None]}}},
]
FOREST = [{"name": "random_forest", "params": {"n_estimators": {"min": 3, "max": 30}}}]
BOUND = {"type": "hyperband", "min_iter": 3}
OURS = '''
"""What a project registers."""

import numpy as np
import pandas as pd
import runcard
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.pipeline import make_pipeline

STRENGTH = 2.0


def scaled(C):
    return C * STRENGTH


@runcard.model(task="classification")
def ours(C: float = 1.0):
    return LogisticRegression(C=scaled(C))


@runcard.features
def lengths():
    return make_pipeline(StandardScaler())


@runcard.metric(greater_is_better=False)
def shares(y_true, y_pred):
    return float(abs(np.mean(y_true == y_true[0]) - np.mean(y_pred == y_true[0])))


@runcard.dataset
def points():
    numbers = np.arange(60)
    return pd.DataFrame({"x": numbers * 0.5, "z": (numbers * 7) % 11, "y": np.where(numbers % 3, "in", "out")})
'''


def evaluation(*metrics: str, **more: Any) -> dict[str, Any]:
    return {"metrics": list(metrics) or ["roc_auc", "accuracy"], "cv_folds": 3, **more}


def search(**said: Any) -> dict[str, Any]:
    return {"models": said.pop("models", SPACE), "search": said}


OWN = {"data": {"dataset": "points", "random_state": 7}, "features": {"set": "lengths", "target": "y"}}
REGRESSION = {
    "features": {"numerical": ["age"], "categorical": ["city"], "target": "bill"},
    "evaluation": evaluation("rmse", "mae", "r2", primary="mae"),
}
CHANGES: dict[str, dict[str, Any]] = {
    "grid": {},
    "regression": {**REGRESSION, "models": [{"name": "ridge", "params": {"alpha": [0.1, 1]}}]},
    "defaults": {"features": {"target": "left"}, "evaluation": {}, "models": [{"name": "gaussian_nb"}]},
    "random": search(method="random", trials=6),
    "random_hyperband": search(method="random", trials=4, early_terminate=BOUND, models=FOREST),
    "bayes": search(method="bayes", trials=20),
    "bayes_hyperband": search(
        method="bayes",
        trials=12,
        lag=3,
        models=FOREST,
        early_terminate={"type": "hyperband", "max_iter": 27, "s": 2, "eta": 2, "strict": False},
    ),
    "repeats": {"evaluation": evaluation(cv_repeats=2)},
    "groups": {
        "data": {**DATA, "group": "bill", "train_test_split": 0.4},
        "features": {"numerical": ["age"], "categorical": ["contract"], "target": "left"},
    },
    "time": {"data": {**DATA, "time": "bill", "random_state": 3}, "features": {**FEATURES, "numerical": ["age"]}},
    "test_where": {"data": {"raw_path": "table.csv", "id": "customer", "test_where": {"city": ["Ulm"]}}},
    "no_test_rows": {"data": {**DATA, "train_test_split": 0}},
    "unstratified": {"data": {**DATA, "stratify": False, "random_state": 0}},
    "na_values": {"data": {**DATA, "na_values": ["Ulm", "yearly"]}},
    "straight_to_the_test": {"models": [{"name": "logistic_regression"}], "evaluation": {"metrics": ["accuracy"]}},
    "leave_one_out": {
        "data": {**DATA, "train_test_split": 0.8},
        "evaluation": evaluation("accuracy", "roc_auc", cv_folds="leave_one_out"),
    },
    "other_positive": {
        "features": {**FEATURES, "positive": "no"},
        "models": [{"name": "xgboost", "params": {"n_estimators": [2, 4]}}, {"name": "logistic_regression"}],
    },
    "many_classes": {
        "features": {"numerical": ["age", "bill"], "target": "city"},
        "evaluation": evaluation("f1_macro", "log_loss", primary="log_loss"),
        "models": [{"name": "decision_tree", "params": {"max_depth": [1, 2, None]}}],
    },
    "class_weight": {
        "models": [{"name": "logistic_regression", "params": {"class_weight": ["balanced", {"yes": 2, "no": 1}]}}]
    },
    "features_of_a_model": {
        "models": [
            {"name": "gaussian_nb", "features": {"numerical": ["bill"]}},
            {"name": "gaussian_nb"},
            {"name": "dummy", "features": {"categorical": ["city"]}},
        ]
    },
    "own_code": {
        **OWN,
        "models": [{"name": "ours", "params": {"C": [0.5, 1.0]}}, {"name": "logistic_regression"}],
        "evaluation": evaluation("accuracy", "shares", tolerance={"accuracy": 0.01}),
    },
    "choice": {
        "selection": {
            "rule": "one_standard_error",
            "practical_difference": 0.01,
            "constraints": {"predict_ms_p95": "<= 500", "accuracy": ">= 0.1"},
            "cost": ["model_mb"],
        },
        "evaluation": evaluation(tolerance=0.001),
    },
}
"""Name -> what it says otherwise than `customers_card`."""
CARDS = {name: customers_card(**changes) for name, changes in CHANGES.items()}

STORY = customers_card(
    models=[{"name": "decision_tree", "params": {"max_depth": [2, 3]}}, {"name": "logistic_regression"}],
    selection={"cost": ["model_mb"], "constraints": {"accuracy": ">= 0.5"}},
    registry={"model": "leavers", "gates": {"floors": {"accuracy": ">= 0.5"}, "confidence": 0.5, "margin": -1}},
)
"""A card that is run for real; nothing that is chosen hangs on how fast the machine is."""
