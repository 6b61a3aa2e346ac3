from __future__ import annotations

import functools
import sys
import warnings
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import make_classification, make_regression
from sklearn.linear_model import LinearRegression, LogisticRegression, RidgeClassifier
from sklearn.metrics import get_scorer, get_scorer_names, roc_auc_score
from sklearn.naive_bayes import GaussianNB
from sklearn.svm import SVC

from runcard import errors
from runcard.catalog.metrics import METRIC_NAMES, Metric, Outputs, direction_of, find_metric, resolve_metric, score
from runcard.catalog.registered import Catalog, Task, collect, metric

NOTHING = Catalog()

# Our name -> scikit-learn's, where they differ: losses are plain and positive here.
RENAMED = {
    "brier": "neg_brier_score",
    "log_loss": "neg_log_loss",
    "mae": "neg_mean_absolute_error",
    "mape": "neg_mean_absolute_percentage_error",
    "max_error": "neg_max_error",
    "mean_gamma_deviance": "neg_mean_gamma_deviance",
    "mean_poisson_deviance": "neg_mean_poisson_deviance",
    "median_absolute_error": "neg_median_absolute_error",
    "mse": "neg_mean_squared_error",
    "msle": "neg_mean_squared_log_error",
    "negative_likelihood_ratio": "neg_negative_likelihood_ratio",
    "rmse": "neg_root_mean_squared_error",
    "rmsle": "neg_root_mean_squared_log_error",
}

# What scikit-learn scores and a card has no use for: clusterings and several labels a row.
LEFT_OUT = {
    "adjusted_mutual_info_score",
    "adjusted_rand_score",
    "completeness_score",
    "f1_samples",
    "fowlkes_mallows_score",
    "homogeneity_score",
    "jaccard_samples",
    "mutual_info_score",
    "normalized_mutual_info_score",
    "precision_samples",
    "rand_score",
    "recall_samples",
    "v_measure_score",
}

CLASSIFIERS = [LogisticRegression(), GaussianNB(), RidgeClassifier(), SVC()]
# Fits that are the same to the last bits when the two classes change places.
SWAPPABLE = [GaussianNB(), RidgeClassifier()]


def outputs_of(model: Any, x: Any) -> Outputs:
    """What a trial would hand over, class codes being the labels here."""
    has = [m for m in ("predict_proba", "decision_function") if hasattr(model, m)]
    given = {m: getattr(model, m)(x) for m in has}
    return Outputs(model.predict(x), given.get("predict_proba"), given.get("decision_function"))


@functools.cache
def table_of(n_classes: int) -> tuple[Any, Any]:
    weights = [0.6, 0.4] if n_classes == 2 else [0.5, 0.3, 0.2]
    x, y = make_classification(
        400, 6, n_informative=4, n_classes=n_classes, weights=weights, flip_y=0.2, random_state=1
    )
    return x, y


@functools.cache
def fitted_on(n_classes: int, classifier: Any) -> tuple[Any, Any, Any]:
    x, y = table_of(n_classes)
    return clone(classifier).fit(x[:200], y[:200]), x[200:], y[200:]


def expected_of(name: str, model: Any, x: Any, y: Any) -> float:
    scorer_name = RENAMED.get(name, name)
    sign = -1 if scorer_name.startswith("neg_") else 1
    return float(sign * get_scorer(scorer_name)(model, x, y))


def can_give(needs: str, model: Any) -> bool:
    return needs != "predict_proba" or hasattr(model, "predict_proba")


def names_for(n_classes: int | None) -> list[str]:
    """Names that resolve for so many classes, or for regression when None."""
    task: Task = "regression" if n_classes is None else "classification"
    names = []
    for name in METRIC_NAMES:
        try:
            resolve_metric(name, task=task, n_classes=n_classes, catalog=NOTHING)
        except (errors.MetricImpossible, errors.TaskMismatch):
            continue
        names.append(name)
    return names


def test_every_scorer_is_here_or_left_out() -> None:
    ours = {RENAMED.get(name, name) for name in METRIC_NAMES}
    assert ours == set(get_scorer_names()) - LEFT_OUT


@pytest.mark.parametrize("name", METRIC_NAMES)
def test_direction_and_needs_are_the_scorers(name: str) -> None:
    ours, scorer = find_metric(name, NOTHING), get_scorer(RENAMED.get(name, name))
    assert ours.greater_is_better == (scorer._sign == 1)
    methods = {"predict": "predict", "predict_proba": "predict_proba"}
    assert scorer._response_method == methods.get(ours.needs, ("decision_function", "predict_proba"))


@pytest.mark.parametrize(
    ("name", "n_classes"), [(name, n_classes) for n_classes in (2, 3) for name in names_for(n_classes)]
)
def test_classification_equals_the_scorer(name: str, n_classes: int) -> None:
    resolved = resolve_metric(name, task="classification", n_classes=n_classes, catalog=NOTHING)
    for classifier in CLASSIFIERS:
        if can_give(resolved.needs, classifier):
            model, x, y = fitted_on(n_classes, classifier)
            outputs = outputs_of(model, x)
            value = score(resolved, y, outputs, classes=np.arange(n_classes), positive=None)
            assert value == expected_of(resolved.name, model, x, y)


@pytest.mark.parametrize("name", names_for(None))
def test_regression_equals_the_scorer(name: str) -> None:
    x, y = make_regression(200, 5, noise=3, random_state=0)
    y = 10 + (y - y.mean()) / y.std()
    model = LinearRegression().fit(x, y)
    resolved = resolve_metric(name, task="regression", n_classes=None, catalog=NOTHING)
    value = score(resolved, y, outputs_of(model, x), classes=None, positive=None)
    assert value == expected_of(name, model, x, y)


@pytest.mark.parametrize("name", names_for(2))
def test_the_positive_class_may_be_the_first(name: str) -> None:
    resolved = resolve_metric(name, task="classification", n_classes=2, catalog=NOTHING)
    for classifier in SWAPPABLE:
        if can_give(resolved.needs, classifier):
            model, x, y = fitted_on(2, classifier)
            value = score(resolved, y, outputs_of(model, x), classes=np.arange(2), positive=0)
            # The same model of swapped labels: scikit-learn takes the second one as positive.
            x_all, y_all = table_of(2)
            swapped = clone(classifier).fit(x_all[:200], 1 - y_all[:200])
            assert value == pytest.approx(expected_of(name, swapped, x, 1 - y), rel=1e-9)


def test_decision_scores_are_turned_towards_the_positive_class() -> None:
    model, x, y = fitted_on(2, LogisticRegression())
    outputs = outputs_of(model, x)
    roc_auc = resolve_metric("roc_auc", task="classification", n_classes=2, catalog=NOTHING)
    value = score(roc_auc, y, outputs, classes=np.arange(2), positive=0)
    assert value == roc_auc_score(y == 0, -model.decision_function(x))


@pytest.mark.parametrize(
    ("name", "resolved"),
    [
        ("precision", "precision_weighted"),
        ("recall", "recall_weighted"),
        ("f1", "f1_weighted"),
        ("jaccard", "jaccard_weighted"),
        ("roc_auc", "roc_auc_ovr_weighted"),
        ("accuracy", "accuracy"),
    ],
)
def test_names_resolve_for_more_than_two_classes(name: str, resolved: str) -> None:
    for n_classes, expected in ((2, name), (3, resolved)):
        found = resolve_metric(name, task="classification", n_classes=n_classes, catalog=NOTHING)
        assert found.name == expected


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("auc_roc", "use `roc_auc`"),
        ("acuracy", "use `accuracy`"),
        ("neg_root_mean_squared_error", "use `rmse`"),
        ("neg_log_loss", "use `log_loss`"),
        ("mean_squared_error", "use `mse`"),
        ("f1_macros", "use `f1_macro`"),
    ],
)
def test_an_unknown_name_gets_the_nearest(name: str, hint: str) -> None:
    with pytest.raises(errors.MetricUnknown) as caught:
        resolve_metric(name, task="classification", n_classes=2, catalog=NOTHING)
    assert caught.value.hint == f"{hint}; `runcard list metrics` shows all"


def test_a_metric_of_the_other_task_is_refused() -> None:
    with pytest.raises(errors.TaskMismatch, match="`rmse` is for regression"):
        resolve_metric("rmse", task="classification", n_classes=2, catalog=NOTHING)


@pytest.mark.parametrize(("name", "n_classes"), [("top_k_accuracy", 2), ("positive_likelihood_ratio", 3)])
def test_a_metric_that_is_not_defined_for_the_classes_is_refused(name: str, n_classes: int) -> None:
    with pytest.raises(errors.MetricImpossible, match="not defined for"):
        resolve_metric(name, task="classification", n_classes=n_classes, catalog=NOTHING)


def test_nothing_predicted_positive_is_zero_and_quiet() -> None:
    precision = resolve_metric("precision", task="classification", n_classes=2, catalog=NOTHING)
    outputs = Outputs(predictions=np.zeros(4, dtype=int))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        value = score(precision, np.array([0, 1, 0, 1]), outputs, classes=np.arange(2), positive=1)
    assert value == 0.0


def test_roc_auc_of_a_single_class_is_nan_and_quiet() -> None:
    roc_auc = resolve_metric("roc_auc", task="classification", n_classes=2, catalog=NOTHING)
    outputs = Outputs(scores=np.array([0.1, 0.2]))
    value = score(roc_auc, np.array([1, 1]), outputs, classes=np.arange(2), positive=1)
    assert np.isnan(value)


@pytest.mark.parametrize("name", ["log_loss", "brier", "d2_log_loss_score"])
def test_a_fold_may_lack_a_class(name: str) -> None:
    found = resolve_metric(name, task="classification", n_classes=3, catalog=NOTHING)
    outputs = Outputs(probabilities=np.array([[0.7, 0.2, 0.1], [0.1, 0.8, 0.1]]))
    assert np.isfinite(score(found, np.array([0, 1]), outputs, classes=np.arange(3), positive=None))


def one_or_all(found: Metric, y: np.ndarray, outputs: Outputs, n_classes: int) -> tuple[float, float]:
    """Give the mean of a metric's values on single rows, and its value on all of them."""
    classes = np.arange(n_classes) if n_classes else None

    def value(rows: slice) -> float:
        part = Outputs(*(None if o is None else o[rows] for o in (outputs.predictions, outputs.probabilities)))
        try:
            return score(found, y[rows], part, classes=classes, positive=1 if n_classes == 2 else None)
        except errors.MetricImpossible:
            return float("nan")

    return float(np.mean([value(slice(row, row + 1)) for row in range(len(y))])), value(slice(None))


@pytest.mark.parametrize("n_classes", [0, 2, 3])
@pytest.mark.parametrize("name", METRIC_NAMES)
def test_a_metric_decomposes_if_and_only_if_it_says_so(name: str, n_classes: int) -> None:
    task: Task = "classification" if n_classes else "regression"
    try:
        found = resolve_metric(name, task=task, n_classes=n_classes or None, catalog=NOTHING)
    except (errors.MetricImpossible, errors.TaskMismatch):
        return
    rng = np.random.default_rng(0)
    if n_classes:
        y, probabilities = rng.integers(n_classes, size=40), rng.dirichlet(np.ones(n_classes), size=40)
        outputs = Outputs(probabilities.argmax(axis=1), probabilities)
    else:
        y, outputs = rng.uniform(1, 9, 40), Outputs(rng.uniform(1, 9, 40))
    alone, together = one_or_all(found, y, outputs, n_classes)
    assert np.isfinite(together)
    assert (alone == pytest.approx(together, rel=1e-12)) == found.decomposes


def test_an_output_the_model_lacks_is_named() -> None:
    log_loss = resolve_metric("log_loss", task="classification", n_classes=2, catalog=NOTHING)
    with pytest.raises(errors.MetricImpossible) as caught:
        score(log_loss, np.array([0, 1]), Outputs(np.array([0, 1])), classes=np.arange(2), positive=1)
    assert caught.value.why == "the model has no `predict_proba`"


@metric(greater_is_better=False)
def missed(y_true: Any, y_pred: Any) -> float:
    """Share of the rows with a missed customer."""
    return float(np.mean((y_true == "yes") & (y_pred == "no")))


@metric(greater_is_better=True, needs="predict_proba", task="classification")
def mean_on_positives(y_true: Any, y_pred: Any) -> float:
    return float(y_pred[y_true == 1].mean())


@metric(greater_is_better=True, name="accuracy")
def strict_accuracy(y_true: Any, y_pred: Any) -> float:
    return 0.0


@metric(greater_is_better=True)
def broken(y_true: Any, y_pred: Any) -> float:
    raise KeyError("column")


CATALOG = collect([sys.modules[__name__]])


def test_a_projects_metric_sees_the_labels_of_the_data() -> None:
    found = resolve_metric("missed", task="classification", n_classes=2, catalog=CATALOG)
    outputs = Outputs(predictions=np.array([0, 0, 1, 1]))
    labels = np.array(["no", "yes"])
    assert score(found, np.array([1, 0, 1, 0]), outputs, classes=labels, positive=1) == 0.25
    assert not found.greater_is_better
    assert found.description == "Share of the rows with a missed customer."


@pytest.mark.parametrize(("positive", "expected"), [(1, 0.8), (0, 0.7)])
def test_a_projects_metric_on_probabilities_sees_the_positive_class(positive: int, expected: float) -> None:
    found = resolve_metric("mean_on_positives", task="classification", n_classes=2, catalog=CATALOG)
    outputs = Outputs(probabilities=np.array([[0.2, 0.8], [0.7, 0.3]]))
    labels = np.array(["no", "yes"])
    value = score(found, np.array([1, 0]), outputs, classes=labels, positive=positive)
    assert value == pytest.approx(expected)


def test_a_projects_metric_that_raises_is_told() -> None:
    found = resolve_metric("broken", task="regression", n_classes=None, catalog=CATALOG)
    with pytest.raises(errors.MetricImpossible) as caught:
        score(found, np.ones(2), Outputs(np.ones(2)), classes=None, positive=None)
    assert caught.value.why == "KeyError: 'column'"


def test_a_project_cannot_take_scikit_learns_name() -> None:
    with pytest.raises(errors.RegistrationInvalid, match="`accuracy`"):
        find_metric("accuracy", CATALOG)


@pytest.mark.parametrize(
    ("name", "greater"),
    [
        ("accuracy", True),
        ("val_loss", False),
        ("training_roc_auc", True),
        ("Validation/AUC", True),
        ("training_accuracy_score", True),
        ("training_root_mean_squared_error", False),
        ("neg_log_loss", True),
        ("cv_rmse_mean", False),
        ("fit_seconds", False),
        ("test_f1_macro", True),
        ("reward", None),
        ("loss_of_hair", None),
        ("val", None),
    ],
)
def test_the_direction_of_what_others_logged(name: str, greater: bool | None) -> None:
    assert direction_of(name, NOTHING) is greater


def test_the_direction_of_a_projects_metric_is_its_own() -> None:
    assert (direction_of("missed", CATALOG), direction_of("missed", NOTHING)) == (False, None)
