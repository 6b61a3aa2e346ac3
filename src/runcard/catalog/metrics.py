"""The metrics that a card can name: scikit-learn's scorers by their names, and its losses without `neg_` too.

The table is written out so that a card is judged without importing scikit-learn; a test compares it with the
scorers.
"""

from __future__ import annotations

import importlib
import re
import warnings
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from functools import partial
from inspect import signature
from typing import TYPE_CHECKING, Any

from runcard import errors
from runcard.catalog.registered import Catalog, Needs, Registered, Task

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

CLASSIFICATION: Task = "classification"
REGRESSION: Task = "regression"


@dataclass(frozen=True, slots=True)
class Metric:
    """A function that scores predictions, and whether greater or smaller is better.

    Parameters
    ----------
    task
        None for a project's metric that is for either.
    needs
        The output of the model it looks at; `score` is `decision_function`, or the probability of the
        positive class where there is none.
    decomposes
        Its value on rows is the mean of its values on each of them alone: the mean over folds is then its value
        on all rows, however small the folds are.
    function
        Name of the function in sklearn.metrics; empty for a project's metric.
    n_classes
        `two`, `many` (three or more) or `any`: what it is defined for.
    item
        Which one it is, where the function returns several.
    """

    name: str
    greater_is_better: bool
    task: Task | None
    needs: Needs
    decomposes: bool = False
    function: str = ""
    options: Mapping[str, object] = field(default_factory=dict)
    n_classes: str = "any"
    item: int | None = None
    registered: Registered | None = None

    @property
    def description(self) -> str:
        """A one-line description."""
        if self.registered is not None:
            return self.registered.description
        options = ", ".join(f"{name}={value!r}" for name, value in self.options.items())
        return f"sklearn.metrics.{self.function}" + (f" with {options}" if options else "")

    @property
    def code(self) -> str | None:
        """The digest of the project's function, for a metric that the project registers."""
        return self.registered.source_digest if self.registered else None


@dataclass(frozen=True, slots=True)
class Outputs:
    """A model's outputs for some rows; None for those that were not requested.

    Parameters
    ----------
    predictions
        Shape (n,): class codes 0..k-1, or numbers for regression.
    probabilities
        Shape (n, k), columns in order of the class codes.
    scores
        Output of `decision_function`: shape (n,) for two classes (towards code 1), else (n, k).
    """

    predictions: npt.NDArray[Any] | None = None
    probabilities: npt.NDArray[np.float64] | None = None
    scores: npt.NDArray[np.float64] | None = None


def _averages(name: str, function: str) -> list[Metric]:
    # zero_division=0 is what scikit-learn does too, only that it warns.
    rows = [_classes(name, function, n_classes="two", options={"average": "binary", "zero_division": 0})]
    for average in ("macro", "micro", "weighted"):
        options = {"average": average, "zero_division": 0}
        is_accuracy = (average == "micro" and name != "jaccard") or (name, average) == ("recall", "weighted")
        rows.append(_classes(f"{name}_{average}", function, decomposes=is_accuracy, options=options))
    return rows


def _classes(
    name: str,
    function: str,
    *,
    needs: Needs = "predict",
    better: bool = True,
    decomposes: bool = False,
    n_classes: str = "any",
    options: Mapping[str, object] | None = None,
    item: int | None = None,
) -> Metric:
    return Metric(name, better, CLASSIFICATION, needs, decomposes, function, options or {}, n_classes, item)


def _loss(name: str, function: str, *, decomposes: bool = True) -> Metric:
    return Metric(name, False, REGRESSION, "predict", decomposes, function)


def _gain(name: str, function: str) -> Metric:
    return Metric(name, True, REGRESSION, "predict", False, function)


def _roc_auc(how: str, average: str) -> Metric:
    name = f"roc_auc_{how}" + ("_weighted" if average == "weighted" else "")
    options = {"multi_class": how, "average": average}
    return _classes(name, "roc_auc_score", needs="predict_proba", n_classes="many", options=options)


_RATIOS = "class_likelihood_ratios"

_METRICS: Mapping[str, Metric] = {
    metric.name: metric
    for metric in (
        _classes("accuracy", "accuracy_score", decomposes=True),
        _classes("average_precision", "average_precision_score", needs="score"),
        _classes("balanced_accuracy", "balanced_accuracy_score"),
        _classes("brier", "brier_score_loss", needs="predict_proba", better=False, decomposes=True),
        _classes("d2_brier_score", "d2_brier_score", needs="predict_proba"),
        _classes("d2_log_loss_score", "d2_log_loss_score", needs="predict_proba"),
        *_averages("f1", "f1_score"),
        *_averages("jaccard", "jaccard_score"),
        _classes("log_loss", "log_loss", needs="predict_proba", better=False, decomposes=True),
        _classes("matthews_corrcoef", "matthews_corrcoef"),
        _classes("negative_likelihood_ratio", _RATIOS, better=False, n_classes="two", item=1),
        _classes("positive_likelihood_ratio", _RATIOS, n_classes="two", item=0),
        *_averages("precision", "precision_score"),
        *_averages("recall", "recall_score"),
        _classes("roc_auc", "roc_auc_score", needs="score", n_classes="two"),
        _roc_auc("ovo", "macro"),
        _roc_auc("ovo", "weighted"),
        _roc_auc("ovr", "macro"),
        _roc_auc("ovr", "weighted"),
        _classes("top_k_accuracy", "top_k_accuracy_score", needs="score", decomposes=True, n_classes="many"),
        _gain("d2_absolute_error_score", "d2_absolute_error_score"),
        _gain("explained_variance", "explained_variance_score"),
        _loss("mae", "mean_absolute_error"),
        _loss("mape", "mean_absolute_percentage_error"),
        _loss("max_error", "max_error", decomposes=False),
        _loss("mean_gamma_deviance", "mean_gamma_deviance"),
        _loss("mean_poisson_deviance", "mean_poisson_deviance"),
        _loss("median_absolute_error", "median_absolute_error", decomposes=False),
        _loss("mse", "mean_squared_error"),
        _loss("msle", "mean_squared_log_error"),
        _gain("r2", "r2_score"),
        _loss("rmse", "root_mean_squared_error", decomposes=False),
        _loss("rmsle", "root_mean_squared_log_error", decomposes=False),
    )
}

METRIC_NAMES = tuple(sorted(_METRICS))

# What people write -> what it is called here, where the nearest name would mislead.
OTHER_NAMES = {
    "auc": "roc_auc",
    "auc_roc": "roc_auc",
    "auroc": "roc_auc",
    "logloss": "log_loss",
    "cross_entropy": "log_loss",
    "brier_score": "brier",
    "brier_score_loss": "brier",
    "mcc": "matthews_corrcoef",
    "mean_absolute_error": "mae",
    "mean_absolute_percentage_error": "mape",
    "mean_squared_error": "mse",
    "mean_squared_log_error": "msle",
    "root_mean_squared_error": "rmse",
    "root_mean_squared_log_error": "rmsle",
}

_CONTEXT = r"train|training|val|valid|validation|eval|evaluation|dev|test|cv|holdout|best|final|epoch|mean|avg"
_DIRECTIONS = {
    "acc": True,
    "balanced_acc": True,
    "rocauc": True,
    "pr_auc": True,
    "loss": False,
    "error": False,
    "perplexity": False,
    "fit_seconds": False,
    "cpu_seconds": False,
    "predict_ms_p95": False,
    "model_mb": False,
}
"""Of numbers that are no metric of a card, whether more of them is better."""

_LONG = 60

_FOR_MANY = {
    "precision": "precision_weighted",
    "recall": "recall_weighted",
    "f1": "f1_weighted",
    "jaccard": "jaccard_weighted",
    "roc_auc": "roc_auc_ovr_weighted",
}


def metric_names(catalog: Catalog) -> list[str]:
    """Return every name a card can use, sorted."""
    return sorted({*METRIC_NAMES, *catalog.metrics})


def find_metric(name: str, catalog: Catalog) -> Metric:
    """Return the metric of that name as the list has it, not yet resolved to a task.

    Raises
    ------
    errors.MetricUnknown
        There is none.
    errors.RegistrationInvalid
        The project registers a metric under the name of one of scikit-learn's.
    """
    registered = catalog.metrics.get(name)
    if registered is None:
        if name not in _METRICS:
            raise _unknown_metric(name, catalog)
        return _METRICS[name]
    if name in _METRICS:
        raise errors.RegistrationInvalid(
            f"metric `{name}` is registered under a name that scikit-learn's has",
            where=registered.place,
            why="a name in a card must mean one thing",
            hint='give it another name: `@runcard.metric(name="...")`',
        )
    direction = registered.greater_is_better
    return Metric(name, direction, registered.task, registered.needs, registered.decomposes, registered=registered)


def direction_of(name: str, catalog: Catalog) -> bool | None:
    """Tell whether greater is better for a logged name such as `val_loss`; None when it is not known."""
    if name in METRIC_NAMES or name in catalog.metrics:
        return find_metric(name, Catalog() if name in METRIC_NAMES else catalog).greater_is_better
    plain = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")
    plain = re.sub(rf"^(({_CONTEXT})_)+|(_({_CONTEXT}))+$", "", plain)
    is_negated, plain = plain.startswith("neg_"), plain.removeprefix("neg_")  # as scikit-learn's scorers
    for spelled in (plain, plain.removesuffix("_score")):
        known = OTHER_NAMES.get(spelled, spelled)
        found = _METRICS[known].greater_is_better if known in _METRICS else _DIRECTIONS.get(known)
        if found is not None:
            return found != is_negated
    return None


def resolve_metric(name: str, *, task: Task, n_classes: int | None, catalog: Catalog) -> Metric:
    """Return the metric that a name means for this task: `f1` is `f1_weighted` for three classes.

    Raises
    ------
    errors.MetricUnknown
        No metric has that name.
    errors.TaskMismatch
        The metric is for the other task.
    errors.MetricImpossible
        It is not defined for this number of classes.
    """
    found = find_metric(name, catalog)
    if found.task is not None and found.task != task:
        raise errors.TaskMismatch(
            f"metric `{name}` is for {found.task} and the task is {task}",
            why="a metric and the target must be of one kind",
            hint=f"use {errors.listing(_usual(task))}; `runcard list metrics` shows all",
        )
    if task == CLASSIFICATION and n_classes is not None:
        return _fit_to_classes(found, n_classes)
    return found


def recorded_name(name: str, recorded: Collection[str]) -> str:
    """Give the name that a metric's scores were recorded under: `f1_weighted` for `f1` of three classes."""
    return _FOR_MANY[name] if name not in recorded and _FOR_MANY.get(name) in recorded else name


def score(
    metric: Metric,
    y_true: npt.NDArray[Any],
    outputs: Outputs,
    *,
    classes: npt.NDArray[Any] | None,
    positive: int | None,
    said: list[str] | None = None,
) -> float:
    """Return the metric's value, in its own unit; NaN where it is not defined on these rows.

    Parameters
    ----------
    y_true
        Shape (n,): class codes 0..k-1, or numbers for regression.
    classes
        The labels that the codes stand for, shape (k,); None for regression.
    positive
        Code of the positive class, for two classes; 1 when None, as in scikit-learn.
    said
        Takes what the metric warned of.

    Raises
    ------
    errors.MetricImpossible
        The outputs lack what the metric needs, the metric raises, or it returns no number.
    """
    n_classes = None if classes is None else len(classes)
    if metric.registered is not None and metric.needs == "predict":
        y_pred = _required(metric, outputs.predictions)
        arguments = (y_true, y_pred) if classes is None else (classes[y_true], classes[y_pred.astype(int)])
    elif n_classes == 2:
        arguments = _towards_positive(metric, y_true, outputs, 1 if positive is None else positive)
    else:
        arguments = (y_true, _pick(metric, outputs))
    function = _function_of(metric, n_classes)
    with warnings.catch_warnings(record=said is not None) as caught:
        warnings.simplefilter("ignore" if said is None else "always")
        try:
            found = function(*arguments)
        except errors.RuncardError:
            raise
        except Exception as error:  # whatever a metric raises of outputs that it is not defined for
            raise _impossible(metric, f"{type(error).__name__}: {error}") from error
    if said is not None:
        said += [" ".join(str(warning.message).split()) for warning in caught or ()]
    return _as_number(metric, found)


def _as_number(metric: Metric, found: Any) -> float:
    try:
        if not isinstance(found, str | bytes):
            return float(found)
    except (TypeError, ValueError):
        pass
    text = " ".join(repr(found).split())
    shown = text if len(text) <= _LONG else f"{text[:_LONG]}..."
    raise _impossible(metric, f"it returned `{shown}`, which is no number")


def _towards_positive(metric: Metric, y_true: Any, outputs: Outputs, positive: int) -> tuple[Any, Any]:
    # From here on class 1 is the positive one, so that every function's default for it is right.
    y_pred = _pick(metric, outputs)
    if metric.needs == "predict":
        return (y_true == positive).astype(int), (y_pred == positive).astype(int)
    if y_pred.ndim == 1:
        return (y_true == positive).astype(int), y_pred if positive == 1 else -y_pred
    return (y_true == positive).astype(int), y_pred[:, positive]


def _pick(metric: Metric, outputs: Outputs) -> Any:
    if metric.needs == "score":
        return _required(metric, outputs.probabilities if outputs.scores is None else outputs.scores)
    return _required(metric, outputs.predictions if metric.needs == "predict" else outputs.probabilities)


def _required(metric: Metric, output: Any) -> Any:
    if output is None:
        raise _impossible(metric, f"the model has no `{_NEEDED_METHOD[metric.needs]}`")
    return output


_NEEDED_METHOD: Mapping[Needs, str] = {
    "predict": "predict",
    "predict_proba": "predict_proba",
    "score": "decision_function` or `predict_proba",
}


def _function_of(metric: Metric, n_classes: int | None) -> Callable[..., Any]:
    if metric.registered is not None:
        return metric.registered.function
    function = getattr(importlib.import_module("sklearn.metrics"), metric.function, None)
    if function is None:
        raise errors.MetricUnknown(
            f"metric `{metric.name}` is not in the scikit-learn that is installed",
            why=f"it has no `sklearn.metrics.{metric.function}`",
            hint="install a newer scikit-learn or use another metric",
        )
    options = dict(metric.options)
    if n_classes is not None and metric.needs != "predict" and "labels" in signature(function).parameters:
        # A fold may lack a class that the model knows.
        options["labels"] = list(range(n_classes))
    if metric.item is not None:
        return lambda y_true, y_pred: function(y_true, y_pred, **options)[metric.item]
    return partial(function, **options)


def _fit_to_classes(metric: Metric, n_classes: int) -> Metric:
    if n_classes > 2 and metric.name in _FOR_MANY:
        return _METRICS[_FOR_MANY[metric.name]]
    if (metric.n_classes == "two") == (n_classes > 2) and metric.n_classes != "any":
        hint = "use `roc_auc`" if metric.function == "roc_auc_score" else "take it out, or use another"
        raise errors.MetricImpossible(
            f"metric `{metric.name}` is not defined for {n_classes} classes",
            why=f"it is for {'two' if metric.n_classes == 'two' else 'three or more'}",
            hint=f"{hint}; `runcard list metrics` shows all",
        )
    return metric


def _usual(task: Task) -> tuple[str, ...]:
    return ("accuracy", "f1", "roc_auc", "log_loss") if task == CLASSIFICATION else ("rmse", "mae", "r2")


def _impossible(metric: Metric, why: str) -> errors.MetricImpossible:
    return errors.MetricImpossible(
        f"metric `{metric.name}` cannot be computed",
        why=why,
        hint="take it out of `evaluation.metrics`, or use another model",
    )


def _unknown_metric(name: str, catalog: Catalog) -> errors.MetricUnknown:
    plain = name.removeprefix("neg_")
    close = plain if plain in _METRICS else OTHER_NAMES.get(plain.lower())
    close = close or errors.nearest(plain, metric_names(catalog))
    why = "runcard must know which direction is better"
    if plain != name:
        why = "losses are kept positive here, and the direction is known"
    hint = "`runcard list metrics` shows all"
    return errors.MetricUnknown(f"unknown metric `{name}`", why=why, hint=f"use `{close}`; {hint}" if close else hint)
