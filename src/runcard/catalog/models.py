"""The models a card can name: scikit-learn's, the boosting packages' and the project's own.

Names and hyperparameters of packages come from estimators.json, which scripts/make_estimator_table.py writes,
so that a card is judged without importing any of them. A name is the class's in snake_case without the word
Classifier or Regressor: `random_forest` is the one or the other as the task asks.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import importlib.resources
import inspect
import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, cast, get_args

from runcard import errors
from runcard.catalog.registered import Catalog, Needs, Registered, Task, place_in_script

PROJECT = "project"
TASKS: tuple[Task, ...] = get_args(Task)

# Distributions that bring the module, first the usual one.
_DISTRIBUTIONS = {"xgboost": ("xgboost", "xgboost-cpu")}


@dataclass(frozen=True, slots=True)
class EstimatorEntry:
    """One estimator class in the table `estimators.json`.

    Parameters
    ----------
    outputs
        Which of `predict_proba` and `decision_function` it has with its default hyperparameters.
    refused
        Why a card cannot use it; empty when it can.
    """

    path: str
    summary: str
    parameters: tuple[str, ...]
    outputs: tuple[str, ...] = ()
    refused: str = ""

    @property
    def class_name(self) -> str:
        """The bare name of the class."""
        return self.path.rpartition(".")[2]


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """A model that a card can name, with the estimator it means for each task."""

    name: str
    package: str
    entries: Mapping[Task, EstimatorEntry] = field(default_factory=dict)
    registered: Registered | None = None

    @property
    def tasks(self) -> tuple[Task, ...]:
        """The tasks it is for; both for a project's model whose task shows only when it is built."""
        if self.registered is None:
            return tuple(self.entries)
        task = self.registered.task or _task_of_class(self.registered.function)
        return (task,) if task else TASKS

    @property
    def description(self) -> str:
        """A one-line description."""
        if self.registered is not None:
            return self.registered.description
        return next(iter(self.entries.values())).summary

    @property
    def code(self) -> str | None:
        """The digest of the project's function, for a model that the project registers."""
        return self.registered.source_digest if self.registered else None


def model_names(catalog: Catalog) -> list[str]:
    """Return every name a card can use, sorted."""
    return sorted({*_usable(), *catalog.models})


def find_model(name: str, catalog: Catalog) -> ModelSpec | None:
    """Return the model of that name, or None; `unknown_model` then says why.

    Raises
    ------
    errors.RegistrationInvalid
        The project registers a model under a name that a package's model has.
    """
    registered = catalog.models.get(name)
    if registered is None:
        return _usable().get(name)
    if name in _table():
        raise errors.RegistrationInvalid(
            f"model `{name}` is registered under a name that {_table()[name].package} has",
            where=registered.place,
            why="a name in a card must mean one thing",
            hint='give it another name: `@runcard.model(name="...")`',
        )
    return ModelSpec(name, PROJECT, registered=registered)


def modules_of_models(names: Iterable[str]) -> list[str]:
    """Name the modules that models of packages are imported from; a project's own models are left out."""
    specs = (_usable().get(name) for name in names)
    paths = (entry.path.split(".") for spec in specs if spec for entry in spec.entries.values())
    return list(dict.fromkeys(".".join(path[: 2 if path[0] == "sklearn" else 1]) for path in paths))


def unknown_model(name: str, catalog: Catalog) -> errors.ModelUnknown:
    """Return the error for a name that `find_model` does not find."""
    why = "runcard has an exact list of models; import paths are not allowed in cards"
    hint = "`runcard list models` shows all"
    known = _table().get(name)
    if (place := place_in_script("model", name)) is not None:
        why = f"it is registered in `__main__`, {place}, which workers cannot import"
        hint = 'put it into a module of its own, and that into `modules = ["..."]` below `[tool.runcard]`'
    elif known is not None:
        why = next(iter(known.entries.values())).refused
        hint = "register a function that builds it with `@runcard.model` and name that"
    elif (close := _nearest_model(name, catalog)) is not None:
        hint = f"use `{close}`; {hint}"
    return errors.ModelUnknown(f"unknown model `{name}`", why=why, hint=hint)


def parameters_of(spec: ModelSpec, task: Task) -> tuple[str, ...] | None:
    """Return the names of the hyperparameters, sorted; None when it takes any (`**hyperparameters`)."""
    if spec.registered is None:
        return _entry_for(spec, task).parameters
    return None if spec.registered.accepts_any else tuple(sorted(spec.registered.parameters))


def has_parameter(spec: ModelSpec, task: Task, name: str) -> bool:
    """Return whether the model takes a hyperparameter of that name.

    The table answers; only when another version of the package is installed than it was made with, a name
    that the table lacks is looked for in the class itself.
    """
    known = parameters_of(spec, task)
    if known is None or name in known:
        return True
    if spec.registered is not None or _installed_version(spec.package) in (None, _made_with()[spec.package]):
        return False
    return name in inspect.signature(_load_class(spec, task)).parameters


def unknown_parameter(spec: ModelSpec, task: Task, name: str) -> errors.HyperparameterUnknown:
    """Return the error for a name that `has_parameter` denies."""
    known = parameters_of(spec, task) or ()
    close = errors.nearest(name, known)
    return errors.HyperparameterUnknown(
        f"model `{spec.name}` has no hyperparameter `{name}`",
        why=f"{_class_label(spec, task)} does not take it",
        hint=f"use `{close}`" if close else f"it has {errors.listing(known, 20)}",
    )


def build_estimator(spec: ModelSpec, task: Task, params: Mapping[str, object], *, seed: int) -> Any:
    """Build the unfitted estimator, seeded and quiet, on one thread.

    Every `random_state` the card leaves open gets `seed`, those of estimators inside it too.

    Raises
    ------
    errors.PackageMissing
        The model's package is not installed.
    errors.TaskMismatch
        The model is not for this task.
    errors.HyperparameterUnknown
        It does not take one of `params`.
    errors.HyperparameterRejected
        Its constructor raises.
    """
    _require_task(spec, task)
    unknown = [name for name in params if not has_parameter(spec, task, name)]
    if unknown:
        raise unknown_parameter(spec, task, unknown[0])
    make = spec.registered.function if spec.registered is not None else _load_class(spec, task)
    given = {**_seed_argument(make, params, seed), **_DEFAULTS.get(spec.package, {}), **params}
    for name in params:
        # The card's spelling of a default with two names, such as catboost's `verbose`, replaces ours.
        for other in _SAME_AS.get((spec.package, name), ()):
            given.pop(other, None)
    try:
        estimator = make(**given)
    except Exception as error:  # whatever a class, or the project's function, raises of what it is given
        raise errors.HyperparameterRejected(
            f"model `{spec.name}` cannot be built",
            why=f"{type(error).__name__}: {error}",
            hint="correct its `params`",
        ) from error
    if spec.registered is not None:
        _require_built_task(spec, task, estimator)
    return _seed_open_states(estimator, seed)


def can_give(estimator: Any, needs: Needs) -> bool:
    """Return whether a built estimator, with its hyperparameters, has the output that a metric needs."""
    if needs == "score":
        return hasattr(estimator, "decision_function") or hasattr(estimator, "predict_proba")
    return hasattr(estimator, needs)


def check_values(estimator: Any) -> str | None:
    """Return what is wrong with the values of hyperparameters, or None.

    scikit-learn's estimators declare what they accept. The boosting packages only look when they train: they
    are given some made-up rows and one stage.
    """
    package = type(estimator).__module__.partition(".")[0]
    if package in _STAGES:
        return _probe(estimator, package)
    from sklearn.utils._param_validation import InvalidParameterError

    parts = [estimator, *_nested(estimator)]
    for part in parts:
        # Estimators of other packages may inherit the method and declare nothing.
        if getattr(part, "_parameter_constraints", None):
            try:
                part._validate_params()
            except InvalidParameterError as error:
                return str(error)
    return None


def looks_when_it_trains(estimator: Any) -> bool:
    """Tell whether an estimator's package validates hyperparameters only during training, all together."""
    return type(estimator).__module__.partition(".")[0] in _STAGES


# What makes each package quiet, single-threaded and repeatable.
_DEFAULTS: Mapping[str, Mapping[str, object]] = {
    "xgboost": {"n_jobs": 1, "verbosity": 0},
    # LightGBM else times two histogram layouts and takes the faster: the numbers would depend on the load.
    "lightgbm": {"n_jobs": 1, "verbosity": -1, "deterministic": True, "force_col_wise": True},
    "catboost": {"thread_count": 1, "logging_level": "Silent", "allow_writing_files": False},
}
_SAME_AS: Mapping[tuple[str, str], tuple[str, ...]] = {
    ("lightgbm", "force_row_wise"): ("force_col_wise",),
    ("catboost", "verbose"): ("logging_level",),
    ("catboost", "silent"): ("logging_level",),
    ("catboost", "random_seed"): ("random_state",),
}
_STAGES = {
    "xgboost": ("n_estimators",),
    "lightgbm": ("n_estimators",),
    "catboost": ("iterations", "n_estimators", "num_boost_round", "num_trees"),
}


@functools.cache
def _document() -> dict[str, Any]:
    text = importlib.resources.files(__package__).joinpath("estimators.json").read_text(encoding="utf-8")
    return cast("dict[str, Any]", json.loads(text))


@functools.cache
def _table() -> Mapping[str, ModelSpec]:
    return {name: _spec_of(name, entry) for name, entry in _document()["models"].items()}


def _spec_of(name: str, entry: Mapping[str, Any]) -> ModelSpec:
    return ModelSpec(name, entry["package"], {task: _entry(entry[task]) for task in TASKS if task in entry})


def _entry(fields: Mapping[str, Any]) -> EstimatorEntry:
    lists = {key: tuple(value) for key, value in fields.items() if isinstance(value, list)}
    return EstimatorEntry(**{**fields, **lists})


def _usable() -> Mapping[str, ModelSpec]:
    return {name: spec for name, spec in _table().items() if not any(e.refused for e in spec.entries.values())}


def _made_with() -> Mapping[str, str]:
    return cast("Mapping[str, str]", _document()["made_with"])


def _installed_version(package: str) -> str | None:
    from importlib.metadata import PackageNotFoundError, version

    for distribution in _DISTRIBUTIONS.get(package, (package,)):
        try:
            return version(distribution)
        except PackageNotFoundError:
            continue
    return None


def _nearest_model(name: str, catalog: Catalog) -> str | None:
    # People also write the class's name, or all of it in snake_case: random_forest_classifier.
    words = {usable: usable for usable in model_names(catalog)}
    for usable, spec in _usable().items():
        for task, entry in spec.entries.items():
            ending = {"classification": "_classifier", "regression": "_regressor"}[task]
            words |= {entry.class_name: usable, usable + ending: usable}
    close = errors.nearest(name, words)
    return words[close] if close else None


def _entry_for(spec: ModelSpec, task: Task) -> EstimatorEntry:
    _require_task(spec, task)
    return spec.entries[task]


def _require_task(spec: ModelSpec, task: Task) -> None:
    if task not in spec.tasks:
        raise _task_mismatch(spec, task, spec.tasks[0])


def _task_mismatch(spec: ModelSpec, task: Task, found: Task) -> errors.TaskMismatch:
    return errors.TaskMismatch(
        f"model `{spec.name}` is for {found} and the task is {task}",
        why="a model and its target must be of one kind",
        hint=f"`runcard list models` shows those for {task}",
    )


def _task_of_class(function: object) -> Task | None:
    # By the mixins' names: importing them would load scikit-learn.
    parents = [parent.__name__ for parent in getattr(function, "__mro__", ())]
    if "ClassifierMixin" in parents:
        return "classification"
    return "regression" if "RegressorMixin" in parents else None


def _require_built_task(spec: ModelSpec, task: Task, estimator: Any) -> None:
    from sklearn.base import is_classifier, is_regressor

    if not hasattr(estimator, "fit") or not hasattr(estimator, "get_params"):
        raise errors.RegistrationInvalid(
            f"model `{spec.name}` returns a `{type(estimator).__name__}`, not an estimator",
            where=spec.registered.place if spec.registered else "",
            why="runcard fits what it returns, the scikit-learn way",
            hint="return an object with `fit`, `predict` and `get_params`",
        )
    found: Task | None = None
    if is_classifier(estimator) or is_regressor(estimator):
        found = "classification" if is_classifier(estimator) else "regression"
    if found is not None and found != task:
        raise _task_mismatch(spec, task, found)


def _class_label(spec: ModelSpec, task: Task) -> str:
    return f"`{spec.name}`" if spec.registered is not None else _entry_for(spec, task).class_name


def _load_class(spec: ModelSpec, task: Task) -> type:
    module, _, class_name = _entry_for(spec, task).path.rpartition(".")
    try:
        return cast("type", getattr(importlib.import_module(module), class_name))
    except ModuleNotFoundError as error:
        if error.name != module.partition(".")[0]:
            raise
        raise errors.PackageMissing(
            f"model `{spec.name}` needs the package `{spec.package}`",
            why="it is not installed here",
            hint=f"pip install 'runcard[{spec.package}]'",
        ) from None
    except AttributeError:
        raise errors.ModelUnknown(
            f"model `{spec.name}` is not in the {spec.package} that is installed",
            why=f"{spec.package} {_installed_version(spec.package)} has no {class_name}",
            hint=f"install {spec.package} {_made_with()[spec.package]} or use another model",
        ) from None


def _seed_argument(make: Any, params: Mapping[str, object], seed: int) -> dict[str, object]:
    if params.get("random_state") is not None or "random_state" not in inspect.signature(make).parameters:
        return {}
    return {"random_state": seed}


def _seed_open_states(estimator: Any, seed: int) -> Any:
    # A card that says null asks for numbers that never come again, which runcard does not do.
    open_states = {
        key: seed
        for key, value in estimator.get_params(deep=True).items()
        if key.rpartition("__")[2] == "random_state" and value is None
    }
    return estimator.set_params(**open_states) if open_states else estimator


def _nested(estimator: Any) -> Iterator[Any]:
    for value in estimator.get_params(deep=True).values():
        if hasattr(value, "_validate_params"):
            yield value


def _probe(estimator: Any, package: str) -> str | None:
    import warnings

    params = estimator.get_params()
    for name in _STAGES[package]:
        n_stages = params.pop(name, None)
        if n_stages is not None and (not isinstance(n_stages, int) or n_stages < 1):
            return f"The `{name}` parameter must be a positive int. Got {n_stages!r} instead."
    with warnings.catch_warnings(), _mute_stderr():
        warnings.simplefilter("ignore")
        try:
            _fit_one_stage(type(estimator), {**params, _STAGES[package][0]: 1})
        except Exception as error:  # each of the packages has errors of its own
            return _SOURCE_PLACE.sub("", str(error).strip().partition("\n")[0])
    return None


@contextlib.contextmanager
def _mute_stderr() -> Iterator[None]:
    # LightGBM's C++ writes to the descriptor what it also raises.
    kept = os.dup(2)
    with open(os.devnull, "wb") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


# Where in a C++ file a package found the fault: "catboost/a/b.cpp:12: " and " at /x/y.cpp, line 3 ."
_SOURCE_PLACE = re.compile(r"^\S+\.(cpp|cc|h|hpp):\d+: |^\[[\d:]+\] \S+:\d+: | at /\S+, line \d+ ?\.?$")
_MANY_CLASSES = ("multi", "softmax", "ova", "ovr")


def _fit_one_stage(kind: type, params: Mapping[str, object]) -> None:
    import numpy as np

    # Lists and mappings speak of the card's own columns and classes, which the made-up rows do not have.
    probe = kind(**{name: value for name, value in params.items() if not isinstance(value, list | tuple | dict)})
    objective = str(params.get("objective") or params.get("loss_function")).lower()
    n_classes = 3 if any(word in objective for word in _MANY_CLASSES) else 2
    x = np.random.default_rng(0).random((24, 3))
    y = np.arange(24) % n_classes if kind.__name__.endswith("Classifier") else x.sum(axis=1) / 4
    probe.fit(x, y)
