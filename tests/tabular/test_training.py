"""One way to train: what is cross-validated is what is refitted, whoever made the estimator and whatever the labels."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from estimator_cases import COLUMNS, Case, all_cases, make_table
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import fbeta_score, make_scorer
from sklearn.model_selection import FixedThresholdClassifier, TunedThresholdClassifierCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from runcard.catalog.features import default_transformer
from runcard.catalog.metrics import Outputs, resolve_metric
from runcard.catalog.models import build_estimator, find_model
from runcard.catalog.registered import Catalog
from runcard.data.target import Target, encode_target
from runcard.plan import Stage
from runcard.record import JobResult
from runcard.tabular import (
    FinalResult,
    FinalTask,
    FitTask,
    Preparation,
    Rehearsal,
    prepare,
    refit,
    rehearse,
    run_fit,
    stage_table,
)
from runcard.tabular.outputs import digest_outputs
from runcard.tabular.training import train_estimator

LABELS: dict[str, list[Any]] = {"text": ["stay", "leave"], "whole": [2, 1], "bool": [True, False]}
ABSENT = ["a", "b", "c"]
FIT_ROWS, SCORE_ROWS = np.arange(80), np.arange(80, 120)


def two(kind: str, yes: np.ndarray, positive: object = None) -> Target:
    column = pd.Series([LABELS[kind][0] if is_yes else LABELS[kind][1] for is_yes in yes], name="target")
    return encode_target(column, task="classification", positive=positive)


def lacking(yes: np.ndarray, size: np.ndarray) -> Target:
    """Three classes, of which the rows to fit on lack the middle one."""
    values = np.where(yes, "c", "a")
    values[SCORE_ROWS] = np.where(size[SCORE_ROWS] > 0.5, "b", values[SCORE_ROWS])
    return encode_target(pd.Series(values, name="target"), task="classification")


class Roads:
    """A table prepared once, and the two roads that an estimator can take on it."""

    def __init__(self, folder: Path, table: pd.DataFrame, columns: Any, target: Target) -> None:
        self.folder, self.target = folder / "fold", target.without_values()
        self.table, self.columns = folder / "table", tuple(name for part in columns for name in part)
        stage_table(table[list(self.columns)], target.values, self.table)
        done = prepare(
            Preparation(
                self.table,
                self.columns,
                default_transformer(*columns),
                FIT_ROWS,
                SCORE_ROWS,
                self.target,
                self.folder,
                seed=1,
                is_measured=True,
            )
        )
        assert done.error is None, done.trace
        n_classes = target.n_classes
        self.metrics = (resolve_metric("accuracy", task="classification", n_classes=n_classes, catalog=Catalog()),)

    def on_fold(self, estimator: Any) -> JobResult:
        stages = (Stage("trial", None),)
        given = (self.folder, 0, estimator, stages, self.metrics, "accuracy", self.target)
        return run_fit(FitTask(*given, seed=1, is_measured=True))

    def refitted(self, estimator: Any) -> FinalResult:
        given = (self.folder, self.table, self.columns, SCORE_ROWS, estimator, self.metrics, "accuracy", self.target)
        return refit(FinalTask(*given, seed=1, is_timed=False))

    def rehearsed(self, estimator: Any) -> str | None:
        return rehearse(Rehearsal(self.folder, estimator, self.metrics, self.target, seed=1))


def assert_one_model(roads: Roads, estimator: Any) -> FinalResult:
    fold, final = roads.on_fold(estimator), roads.refitted(estimator)
    assert fold.error is None, fold.trace
    assert final.error is None, final.trace
    said = Outputs(final.outputs.predictions)
    assert fold.stages[0].outputs == digest_outputs(said)
    assert dict(fold.stages[0].scores) == dict(final.scores)
    assert fold.stages[0].model_bytes == pytest.approx(len(final.pickled), rel=0.01)
    shipped = roads.target.labels(final.outputs.predictions)
    predicted = np.asarray(final.pipeline.predict(final_rows(roads))).reshape(len(SCORE_ROWS))
    assert predicted.tolist() == shipped.tolist()
    return final


def final_rows(roads: Roads) -> pd.DataFrame:
    from runcard.tabular import read_rows

    return read_rows(roads.table, roads.columns, SCORE_ROWS)


def roads_for(folder: Path, kind: str, table: str = "classes", positive: object = None) -> Roads:
    frame = make_table(table)
    yes = (frame["target"] == "yes").to_numpy()
    size = frame["size"].to_numpy() if "size" in frame else (frame["taste"] == "sour").to_numpy().astype(float)
    target = lacking(yes, size) if kind == "absent" else two(kind, yes, positive)
    return Roads(folder, frame, COLUMNS[table], target)


@pytest.mark.slow
@pytest.mark.parametrize("kind", [*LABELS, "absent"])
@pytest.mark.parametrize("case", [case for case in all_cases() if case.task == "classification"], ids=str)
def test_both_roads_give_one_model_of_every_estimator(case: Case, kind: str, tmp_path: Path) -> None:
    with warnings.catch_warnings():
        if case.model == "passive_aggressive":  # deprecated by scikit-learn
            warnings.simplefilter("ignore", FutureWarning)
        estimator = build(case.model, **case.params)
    assert_one_model(roads_for(tmp_path, kind, case.table), estimator)


# Models of a project


class Listens(ClassifierMixin, BaseEstimator):
    """An own model that looks at its labels: it says `yes_label` wherever the first feature is above a bound."""

    def __init__(self, yes_label: object = "stay") -> None:
        self.yes_label = yes_label

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        is_yes = y == self.yes_label
        if not is_yes.any():
            raise ValueError(f"no {self.yes_label!r} among {self.classes_.tolist()}")
        self.bound_ = X[is_yes, 0].mean()
        self.other_ = next(label for label in self.classes_ if label != self.yes_label)
        return self

    def predict(self, X):
        return np.where(X[:, 0] > self.bound_, self.yes_label, self.other_)


def xgb(**params: Any) -> Any:
    return build("xgboost", n_estimators=5, **params)


def build(model: str, **params: Any) -> Any:
    spec = find_model(model, Catalog())
    assert spec is not None
    return build_estimator(spec, "classification", params, seed=1)


OWN = {
    "listens": Listens("leave"),
    "weights": LogisticRegression(class_weight={"leave": 5, "stay": 1}),
    "weights_of_a_step": make_pipeline(StandardScaler(), LogisticRegression(class_weight={"leave": 5})),
    "pos_label": FixedThresholdClassifier(LogisticRegression(), threshold=0.3, pos_label="leave"),
    "tuned": TunedThresholdClassifierCV(
        LogisticRegression(), scoring=make_scorer(fbeta_score, beta=2, pos_label="leave"), random_state=1
    ),
    "calibrated": CalibratedClassifierCV(LogisticRegression(), cv=3),
    "tuned_booster": TunedThresholdClassifierCV(
        xgb(), scoring=make_scorer(fbeta_score, beta=2, pos_label="leave"), random_state=1
    ),
    "booster_in_a_pipeline": make_pipeline(StandardScaler(), xgb()),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", OWN)
def test_an_own_model_sees_the_labels_of_the_data_on_both_roads(name: str, tmp_path: Path) -> None:
    final = assert_one_model(roads_for(tmp_path, "text"), OWN[name])
    plain = clone(OWN[name])
    if "booster" in name:  # xgboost alone would refuse the labels
        return
    from runcard.tabular.matrices import load_part

    matrix, codes = load_part(tmp_path / "fold", "fit")
    score, _ = load_part(tmp_path / "fold", "score")
    plain.fit(matrix, np.array(["leave", "stay"])[codes])  # what scikit-learn alone gives
    assert (np.array(["leave", "stay"])[final.outputs.predictions] == plain.predict(score)).all()


class OnlyCodes(ClassifierMixin, BaseEstimator):
    def fit(self, X, y):
        self.classes_ = np.unique(y)
        if not np.array_equal(self.classes_, np.arange(len(self.classes_))):
            raise ValueError("labels must be 0, 1, ...")
        return self

    def predict(self, X):
        return np.zeros(len(X), dtype=int)


class SaysOther(OnlyCodes):
    def fit(self, X, y):
        return self

    def predict(self, X):
        return np.full(len(X), "perhaps")


@pytest.mark.parametrize(
    ("estimator", "reason"),
    [
        (OnlyCodes(), "labels must be 0, 1"),
        (SaysOther(), "it predicts 'perhaps', and the classes of `target` are `leave`, `stay`"),
        (TunedThresholdClassifierCV(LogisticRegression(), scoring="f1"), "pos_label=1"),
        (LogisticRegression(class_weight={"go": 2.0}), "not in class_weight"),
    ],
)
def test_what_cannot_take_the_labels_fails_before_training(estimator: Any, reason: str, tmp_path: Path) -> None:
    said = roads_for(tmp_path, "text").rehearsed(estimator)
    assert said is not None
    assert reason in said


# Weights by label, where a package is given codes or a class is absent


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["text", "whole", "bool", "absent"])
@pytest.mark.parametrize("model", ["logistic_regression", "random_forest", "lightgbm", "catboost"])
def test_weights_by_label_weigh_that_label(model: str, kind: str, tmp_path: Path) -> None:
    roads = roads_for(tmp_path, kind)
    name = "class_weights" if model == "catboost" else "class_weight"
    few = {"catboost": {"iterations": 5}, "logistic_regression": {}}.get(model, {"n_estimators": 5})
    counts = []
    for weight in (0.01, 100.0):
        weights = {roads.target.classes[0]: weight, **({"b": 2.0} if kind == "absent" else {})}
        final = assert_one_model(roads, build(model, **few, **{name: weights}))
        counts.append((final.outputs.predictions == 0).sum())
    assert counts[0] < counts[1]


# What a package ties to the positive class


@pytest.mark.parametrize("positive", ["leave", "stay"])
@pytest.mark.parametrize("model", ["xgboost", "lightgbm", "catboost"])
def test_a_larger_weight_of_the_positive_class_raises_its_recall(model: str, positive: str, tmp_path: Path) -> None:
    roads = roads_for(tmp_path, "text", positive=positive)
    code = roads.target.positive
    found = []
    for weight in (0.02, 50.0):
        final = assert_one_model(roads, build(model, n_estimators=20, scale_pos_weight=weight))
        found.append((final.outputs.predictions == code).sum())
        assert list(final.pipeline.classes_)[1] == positive or model == "catboost"
        proba = final.pipeline.predict_proba(final_rows(roads))
        column = list(final.pipeline.classes_).index(positive)
        assert np.array_equal(proba[:, column], final.outputs.probabilities[:, code])
    assert found[0] < found[1]


@pytest.mark.slow
@pytest.mark.parametrize(
    "estimator",
    [
        HistGradientBoostingClassifier(max_iter=20, monotonic_cst=[0, 1] + [0] * 4),
        RandomForestClassifier(20, random_state=1, monotonic_cst=[0, 1] + [0] * 4),
        build("xgboost", n_estimators=20, monotone_constraints=(0, 1, 0, 0, 0, 0)),
        build("lightgbm", n_estimators=20, monotone_constraints=[0, 1] + [0] * 4),
        build("catboost", iterations=20, monotone_constraints=[0, 1] + [0] * 4),
    ],
    ids=lambda estimator: type(estimator).__name__,
)
def test_what_must_rise_rises_for_the_positive_class(estimator: Any, tmp_path: Path) -> None:
    roads = roads_for(tmp_path, "text", positive="leave")  # the more weight, the less it leaves
    final = assert_one_model(roads, estimator)
    rows = final_rows(roads)
    column = list(final.pipeline.classes_).index("leave")
    low, high = (final.pipeline.predict_proba(rows.assign(weight=value))[:, column] for value in (-5.0, 9.0))
    assert (high >= low - 1e-12).all()


@pytest.mark.slow
def test_without_anything_tied_to_it_the_positive_class_changes_no_number(tmp_path: Path) -> None:
    first, last = (roads_for(tmp_path / name, "text", positive=name) for name in ("leave", "stay"))
    for model in ("xgboost", "lightgbm", "catboost", "hist_gradient_boosting"):
        few = {"max_iter": 5} if model == "hist_gradient_boosting" else {"n_estimators": 5}
        finals = [roads.refitted(build(model, **few)) for roads in (first, last)]
        assert np.array_equal(*(final.outputs.probabilities for final in finals))


@pytest.mark.parametrize(
    ("model", "name", "loss"), [("lightgbm", "class_weight", "binary"), ("catboost", "class_weights", "Logloss")]
)
def test_weights_of_labels_stay_with_their_labels_where_codes_are_turned(model: str, name: str, loss: str) -> None:
    target = two("text", np.arange(200) % 3 > 0, "leave")
    rows = np.random.default_rng(1).normal(size=(200, 2))
    counts = []
    for weights in ({"leave": 0.01, "stay": 100.0}, {"leave": 100.0, "stay": 0.01}):
        estimator = build(model, n_estimators=5, objective=loss, **{name: weights})
        trained = train_estimator(estimator, rows, target.values, target.without_values())
        assert trained.labels is not None
        assert trained.labels.tolist() == ["stay", "leave"]
        counts.append((trained.model.predict(rows) == "leave").sum())
    assert counts[0] == 0 < counts[1]
