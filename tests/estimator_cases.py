"""Every model of the packages: data that suits it, what it must be given, and the few a card cannot name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from runcard.catalog.models import find_model, model_names
from runcard.catalog.registered import Catalog

# Class name -> why no card can name it, in the words of the error.
EXCEPTIONS = {
    "ClassifierChain": "it needs `estimator`, which a card cannot give",
    "FixedThresholdClassifier": "it needs `estimator`, which a card cannot give",
    "MultiOutputClassifier": "it needs `estimator`, which a card cannot give",
    "MultiOutputRegressor": "it needs `estimator`, which a card cannot give",
    "MultiTaskElasticNet": "it predicts several targets at once, and a card has one",
    "MultiTaskElasticNetCV": "it predicts several targets at once, and a card has one",
    "MultiTaskLasso": "it predicts several targets at once, and a card has one",
    "MultiTaskLassoCV": "it predicts several targets at once, and a card has one",
    "OneVsOneClassifier": "it needs `estimator`, which a card cannot give",
    "OneVsRestClassifier": "it needs `estimator`, which a card cannot give",
    "OutputCodeClassifier": "it needs `estimator`, which a card cannot give",
    "RegressorChain": "it needs `estimator`, which a card cannot give",
    "SelfTrainingClassifier": "it needs another estimator as `estimator`, which a card cannot give",
    "StackingClassifier": "it needs `estimators`, which a card cannot give",
    "StackingRegressor": "it needs `estimators`, which a card cannot give",
    "TunedThresholdClassifierCV": "it needs `estimator`, which a card cannot give",
    "VotingClassifier": "it needs `estimators`, which a card cannot give",
    "VotingRegressor": "it needs `estimators`, which a card cannot give",
}

# Table -> its numerical and its categorical columns. Every table has `target`.
COLUMNS: Mapping[str, tuple[list[str], list[str]]] = {
    "classes": (["size", "weight", "age"], ["colour"]),
    "categories": ([], ["colour", "shape", "taste"]),
    "amounts": (["size", "weight", "age"], ["colour"]),
    "one_column": (["size"], []),
}

# Few trees, and iterations enough to converge without a warning: the test is of running, not of quality.
_FEW: Mapping[str, dict[str, object]] = {
    "catboost": {"iterations": 5},
    "gradient_boosting": {"n_estimators": 5},
    "random_forest": {"n_estimators": 5},
    "extra_trees": {"n_estimators": 5},
    "ada_boost": {"n_estimators": 5},
    "hist_gradient_boosting": {"max_iter": 5},
    "lightgbm": {"n_estimators": 5},
    "xgboost": {"n_estimators": 5},
    "linear_svr": {"max_iter": 100_000},
    "mlp": {"max_iter": 2000},
    # Given, so that it does not announce new defaults.
    "logistic_regression_cv": {"l1_ratios": [0.0], "use_legacy_attributes": False, "scoring": "accuracy"},
    "theil_sen": {"max_subpopulation": 100},
}
_NEEDED: Mapping[str, dict[str, object]] = {
    "cca": {"n_components": 1},  # one target has one component
    "isotonic_regression": {"out_of_bounds": "clip"},  # else NaN beyond the training rows
    "pls_canonical": {"n_components": 1},
    "radius_neighbors": {"radius": 10.0},  # else some rows have no neighbour
    "categorical_nb": {"min_categories": 2},  # a fold may lack one of the values
    "quadratic_discriminant_analysis": {"reg_param": 0.1},  # one-hot columns are collinear
}
_TABLES: Mapping[str, str] = {
    "categorical_nb": "categories",
    "complement_nb": "categories",
    "multinomial_nb": "categories",
    "isotonic_regression": "one_column",
}
_TABLE_OF_TASK: Mapping[str, str] = {"classification": "classes", "regression": "amounts"}


@dataclass(frozen=True, slots=True)
class Case:
    """A model, a task, and the table and hyperparameters it runs with."""

    model: str
    task: Any
    table: str
    params: Mapping[str, object] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.model}-{self.task}"


def all_cases() -> list[Case]:
    """Return a case for every model and task that a card can name."""
    cases = []
    for name in model_names(Catalog()):
        spec = find_model(name, Catalog())
        assert spec is not None
        for task in spec.tasks:
            params = {**_FEW.get(name, {}), **_NEEDED.get(name, {})}
            cases.append(Case(name, task, _TABLES.get(name, _TABLE_OF_TASK[task]), params))
    return cases


def make_table(name: str, n_rows: int = 120) -> pd.DataFrame:
    """Return a small table by name, its last column `target`; amounts are positive."""
    rng = np.random.default_rng(7)
    frame = pd.DataFrame(
        {
            "size": rng.normal(size=n_rows),
            "weight": rng.normal(2, 3, size=n_rows),
            "age": rng.integers(18, 90, size=n_rows),
            "colour": rng.choice(["red", "green", "blue"], size=n_rows),
            "shape": rng.choice(["round", "square"], size=n_rows),
            "taste": rng.choice(["sweet", "sour", "bitter", "salty"], size=n_rows),
        }
    )
    numerical, categorical = COLUMNS[name]
    signal = frame["size"] + frame["weight"] / 3 + 2.0 * (frame["colour"] == "red")
    if name in ("classes", "categories"):
        target = pd.Series(np.where(signal > signal.median(), "yes", "no"))
    else:
        target = np.exp(signal / 4 + rng.normal(scale=0.1, size=n_rows))
    return frame[numerical + categorical].assign(target=target)
