"""Checks of a card beyond the types of its values, as far as its text alone allows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from runcard import errors
from runcard.card.faults import Faults
from runcard.card.gates import check_gates
from runcard.card.kinds import WRONG, shown
from runcard.card.sections import (
    Data,
    EarlyTerminate,
    Evaluation,
    Experiment,
    Features,
    Model,
    ModelFeatures,
    Registry,
    Search,
    Selection,
)
from runcard.catalog.datasets import bundled_names
from runcard.catalog.keepable import RULE, is_kept, kept_form
from runcard.catalog.metrics import METRIC_NAMES, find_metric
from runcard.catalog.models import ModelSpec, find_model, has_parameter, unknown_model, unknown_parameter
from runcard.catalog.registered import Catalog, collect
from runcard.project import Project, import_modules
from runcard.search.space import MAX_TRIALS, SpaceFault, find_faults, find_when_faults, grid_size
from runcard.yaml import Path as KeyPath

MEASURES = ("fit_seconds", "cpu_seconds", "predict_ms_p95", "model_mb")
"""What is recorded of every trial besides its scores."""

T = TypeVar("T")


class KnownNames:
    """Names that a card may use: built-in ones, and the project's, whose modules are imported only when needed."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._catalog: Catalog | None = None

    @property
    def catalog(self) -> Catalog:
        """What the project registers."""
        if self._catalog is None:
            self._catalog = collect(import_modules(self._project))
        return self._catalog


def check_card(raw: Mapping[str, Any], parts: Mapping[str, Any], faults: Faults, project: Project) -> None:
    """Check everything that the text alone can tell; values already found wrong are skipped."""
    names = KnownNames(project)
    found = {name: part for name, part in parts.items() if part is not WRONG}
    data, features = found.get("data"), found.get("features", Features())
    models: Sequence[Model] = found.get("models", ())
    evaluation = found.get("evaluation", Evaluation())
    if data is not None:
        _check_data(data, faults)
        _check_dataset(data, names, faults, is_blank=_is_blank(raw, "data", "raw_path"))
        _check_target(data, features, raw, faults)
    _check_features(features, data, names, faults, path=("features",))
    for index, model in _good(models):
        _check_model(model, ("models", index), names, faults)
    _check_metrics(evaluation, names, faults)
    _check_tags(found.get("experiment", Experiment()), faults)
    _check_folds(evaluation, data, faults)
    _check_search(found.get("search", Search()), faults)
    _check_grid(found.get("search", Search()), models, faults)
    _check_selection(found.get("selection", Selection()), names, faults)
    check_gates(found.get("registry", Registry()).gates, ("registry", "gates"), faults, lambda: names.catalog)


def _good(values: Iterable[T] | None) -> Iterator[tuple[int, T]]:
    """Give the index of each value with the value, leaving out those that are wrong."""
    return ((index, value) for index, value in enumerate(values or ()) if value is not WRONG)


def _check_data(data: Data, faults: Faults) -> None:
    if data.raw_path is not None and data.dataset is not None:
        why, hint = "a card has one table", "give either `raw_path` or `dataset`"
        faults.add(
            errors.KeysConflict,
            ("data", "dataset"),
            "`raw_path` and `dataset` exclude each other",
            why=why,
            hint=hint,
            key=True,
        )
    if data.dataset is not None and data.na_values:
        faults.add(
            errors.KeysConflict,
            ("data", "na_values"),
            "`na_values` goes with `raw_path` only",
            why="a registered dataset is read by its own function",
            hint="handle missing values there",
            key=True,
        )
    kinds = [key for key in ("stratify", "group", "time") if getattr(data, key)]
    if len(kinds) > 1:
        faults.add(
            errors.KeysConflict,
            ("data", kinds[-1]),
            f"{' and '.join(f'`{kind}`' for kind in kinds)} exclude each other",
            why="each is a different way to divide the rows",
            hint="keep one",
            key=True,
        )
    if data.test_where is not None and data.train_test_split != Data().train_test_split:
        faults.add(
            errors.KeysConflict,
            ("data", "test_where"),
            "`test_where` and `train_test_split` exclude each other",
            why="both say which rows are the test",
            hint="keep one",
            key=True,
        )


def _is_blank(raw: Mapping[str, Any], section: str, key: str) -> bool:
    """Tell whether a key is present without a value."""
    return isinstance(raw.get(section), dict) and raw[section].get(key, "") is None


def _check_dataset(data: Data, names: KnownNames, faults: Faults, *, is_blank: bool) -> None:
    if data.raw_path is None and data.dataset is None and not faults.touch("data"):
        faults.add(
            errors.KeyMissing,
            ("data", "raw_path") if is_blank else ("data",),
            "`data` names no data",
            why="nothing can be learnt without it",
            hint="add `raw_path: <file>`, or `dataset: <name>`",
            key=is_blank,
        )
    if data.dataset is not None and data.dataset not in bundled_names():
        known = [*bundled_names(), *names.catalog.datasets]
        if data.dataset not in known:
            path = ("data", "dataset")
            _unknown(errors.DatasetUnknown, path, "dataset", data.dataset, known, faults)


def _check_target(data: Data, features: Features, raw: Mapping[str, Any], faults: Faults) -> None:
    is_blank = _is_blank(raw, "features", "target")
    is_needed = data.raw_path is not None or (is_blank and data.dataset is None)
    if features.target is None and is_needed and not faults.touch("features"):
        faults.add(
            errors.KeyMissing,
            ("features", "target") if is_blank else ("features",) if raw.get("features") else (),
            "`features.target` is missing",
            why="a file does not say which column to predict",
            hint="add `target: <column>` below `features:`",
            key=is_blank,
        )


def _check_features(
    features: Features | ModelFeatures, data: Data | None, names: KnownNames, faults: Faults, *, path: KeyPath
) -> None:
    lists = {"numerical": features.numerical, "categorical": features.categorical}
    if features.set is not None:
        for key in (key for key, columns in lists.items() if columns is not None):
            faults.add(
                errors.KeysConflict,
                (*path, key),
                f"`set` and `{key}` exclude each other",
                why="a feature set picks its own columns",
                hint="keep one",
                key=True,
            )
        if features.set not in names.catalog.features:
            known = list(names.catalog.features)
            _unknown(errors.FeaturesUnknown, (*path, "set"), "feature set", features.set, known, faults)
    roles = {getattr(features, "target", None): "target"}
    roles |= {getattr(data, role, None): role for role in ("id", "group") if data is not None}
    for key, columns in lists.items():
        for index, column in _good(columns):
            if column in roles:
                _add_misused(column, roles[column], key, (*path, key, index), faults)
            roles[column] = key


def _add_misused(column: str, first: str, second: str, path: KeyPath, faults: Faults) -> None:
    faults.add(
        errors.ColumnMisused,
        path,
        f"`{column}` stands twice in `{second}`" if first == second else f"`{column}` is both {first} and {second}",
        why="a model would see the same twice" if first == second else "a column has one role",
        hint="remove one of them" if first in ("numerical", "categorical") else f"take it out of `{second}`",
    )


def _check_model(model: Model, path: KeyPath, names: KnownNames, faults: Faults) -> None:
    spec = None if model.name is WRONG else find_spec(model.name, names)
    if spec is None and model.name is not WRONG:
        faults.place(unknown_model(model.name, names.catalog), (*path, "name"))
    for name, value in model.params.items():
        here = (*path, "params", name)
        if not is_kept(name):
            _refuse_name(name, here, faults)
        if spec and not any(has_parameter(spec, task, name) for task in spec.tasks):
            faults.place(unknown_parameter(spec, spec.tasks[0], name), here, key=True)
        for fault in find_faults(value, name):
            _add_space(fault, name, (*here, fault.key) if fault.key else here, faults)
    for name, fault in find_when_faults(model.params):
        _add_space(fault, name, (*path, "params", name, "when"), faults)
    if model.features is not None and model.features is not WRONG:
        _check_features(model.features, None, names, faults, path=(*path, "features"))


def find_spec(name: str, names: KnownNames) -> ModelSpec | None:
    """Find a model by name; the project's modules are imported only if no built-in model has it."""
    return find_model(name, Catalog()) or find_model(name, names.catalog)


def _add_space(fault: SpaceFault, name: str, path: KeyPath, faults: Faults) -> None:
    faults.add(errors.SpaceInvalid, path, f"`{name}`: {fault.what}", why=fault.why, hint=fault.hint)


def _refuse_name(name: str, path: KeyPath, faults: Faults, why: str = RULE) -> None:
    what, hint = f"`{shown(name)}` cannot be a name here", f"use another, such as `{kept_form(name)}`"
    faults.add(errors.ValueInvalid, path, what, why=why, hint=hint, key=True)


def _check_tags(experiment: Experiment, faults: Faults) -> None:
    for name in experiment.tags:
        if not is_kept(name):
            _refuse_name(name, ("experiment", "tags", name), faults)
        elif name.startswith(("runcard.", "mlflow.")):
            why = "tags of that beginning are runcard's and MLflow's own, and tell them what a run is"
            faults.add(
                errors.ValueInvalid,
                ("experiment", "tags", name),
                f"`{name}` cannot be a tag of the card",
                why=why,
                hint=f"use `{name.partition('.')[2] or 'another'}`",
                key=True,
            )


def _check_metrics(evaluation: Evaluation, names: KnownNames, faults: Faults) -> None:
    metrics = evaluation.metrics or ()
    for index, name in _good(metrics):
        here = ("evaluation", "metrics", index)
        if name in metrics[:index]:
            why, hint = "one column of the table is enough", "remove one"
            faults.add(errors.KeysConflict, here, f"the metric `{name}` stands twice", why=why, hint=hint)
        elif name not in METRIC_NAMES:
            try:
                find_metric(name, names.catalog)
            except errors.MetricUnknown as error:
                faults.place(error, here)
        stem = name.removesuffix("_mean").removesuffix("_std")
        if stem != name and stem in metrics:
            what = f"the metrics `{stem}` and `{name}` would stand under one name in MLflow"
            why = f"`cv_{name}` is also how the folds of `{stem}` are summed up"
            faults.add(errors.KeysConflict, here, what, why=why, hint="give one of them another name")
    if evaluation.primary is not None and metrics and evaluation.primary not in metrics:
        near = errors.nearest(evaluation.primary, [name for _, name in _good(metrics)])
        faults.add(
            errors.MetricUnknown,
            ("evaluation", "primary"),
            f"the primary metric `{evaluation.primary}` is not among `metrics`",
            why="only these are computed",
            hint=f"use `{near}`, or add it to `metrics`" if near else "add it to `metrics`",
        )


def _check_folds(evaluation: Evaluation, data: Data | None, faults: Faults) -> None:
    kind = None if data is None else "group" if data.group else "time" if data.time else None
    one_out = evaluation.cv_folds == "leave_one_out"
    if (one_out or kind == "time") and evaluation.cv_repeats > 1:
        faults.add(
            errors.KeysConflict,
            ("evaluation", "cv_repeats"),
            "these folds cannot be repeated",
            why="leave-one-out and time-ordered folds are always the same",
            hint="remove `cv_repeats`",
            key=True,
        )
    if one_out and kind is not None:
        faults.add(
            errors.KeysConflict,
            ("evaluation", "cv_folds"),
            f"`leave_one_out` and `data.{kind}` exclude each other",
            why=f"a model would be fitted on {'rows of the same group' if kind == 'group' else 'the future'}",
            hint="write a number of folds",
        )


def _check_search(search: Search, faults: Faults) -> None:
    if faults.touch("search", "method"):
        return
    if search.method == "grid" and search.trials is not None:
        faults.add(
            errors.KeysConflict,
            ("search", "trials"),
            "a grid has no `trials`",
            why="it runs every combination",
            hint="remove it, or use `method: random`",
            key=True,
        )
    if search.method != "grid" and search.trials is None and not faults.touch("search", "trials"):
        faults.add(
            errors.KeyMissing,
            ("search",),
            f"`search: {{method: {search.method}}}` needs `trials`",
            why="it could go on for ever",
            hint="add `trials: 50`",
        )
    if search.early_terminate is not None:
        check_stopping(search.early_terminate, ("search", "early_terminate"), faults)


def check_stopping(stop: EarlyTerminate, path: KeyPath, faults: Faults) -> None:
    """Check that hyperband's brackets are specified, and in one way only."""
    if faults.touch(*path):
        return
    if (stop.max_iter is None) != (stop.s is None):
        why, hint = "they place the brackets from the last one down", "give both"
        faults.add(errors.KeysConflict, path, "`max_iter` and `s` go together", why=why, hint=hint)
    elif (stop.min_iter is None) == (stop.max_iter is None):
        why, hint = "they place the brackets", "give `min_iter` alone, or `max_iter` and `s`"
        what = "hyperband needs `min_iter`, or `max_iter` with `s`"
        faults.add(errors.KeysConflict, path, what, why=why, hint=hint)


def _check_grid(search: Search, models: Sequence[Model], faults: Faults) -> None:
    if search.method != "grid" or faults.touch("search"):
        return
    for index, model in _good(models):
        path = ("models", index, "params")
        if faults.touch(*path):
            continue
        try:
            n_trials = grid_size(model.space)
        except SpaceFault as fault:
            _add_space(fault, str(fault.key), (*path, str(fault.key)), faults)
        else:
            if n_trials > MAX_TRIALS:
                why, hint = (
                    f"at most {MAX_TRIALS:,} can be planned",
                    "use `search: {method: random, trials: 100}`",
                )
                what = f"the grid has {n_trials:,} combinations"
                faults.add(errors.SpaceInvalid, path, what, why=why, hint=hint)


def _check_selection(selection: Selection, names: KnownNames, faults: Faults) -> None:
    for name in selection.constraints:
        _check_recorded(name, ("selection", "constraints", name), names, faults)
    for index, name in _good(selection.cost):
        _check_recorded(name, ("selection", "cost", index), names, faults)


def _check_recorded(name: str, path: KeyPath, names: KnownNames, faults: Faults) -> None:
    is_key = path[-1] == name
    if name.startswith("test_"):
        faults.place(test_score_chosen_by(name), path, key=is_key)
        return
    known = [*MEASURES, *METRIC_NAMES]
    wanted = metric_of(name)
    if wanted not in known:
        known += names.catalog.metrics
        if wanted not in known:
            near = errors.nearest(name, known)
            faults.add(
                errors.KeyUnknown,
                path,
                f"nothing recorded is called `{name}`",
                key=is_key,
                why=f"recorded are the metrics, and {errors.listing(MEASURES)}",
                hint=f"use `{near}`" if near else "remove it",
            )


def metric_of(name: str) -> str:
    """Give the metric behind a recorded name: `roc_auc` for `cv_roc_auc_mean` and `cv_roc_auc_std`."""
    return name.removeprefix("cv_").removesuffix("_mean").removesuffix("_std") if name.startswith("cv_") else name


def test_score_chosen_by(name: str) -> errors.ChoiceLeaks:
    """Make the error for a card that chooses by a test score."""
    return errors.ChoiceLeaks(
        f"`{name}` cannot decide what is chosen",
        why="it is measured on the test rows; what was chosen by them, they can judge no more",
        hint=f"use `{name.removeprefix('test_')}`: its mean over the folds decides",
    )


def _unknown(
    kind: type[errors.CardError], path: KeyPath, noun: str, name: str, known: Iterable[str], faults: Faults
) -> None:
    near = errors.nearest(name, known)
    shows = f"`runcard list {'features' if noun == 'feature set' else noun + 's'}` shows all"
    faults.add(
        kind,
        path,
        f"unknown {noun} `{name}`",
        why="names come from registries, never from import paths",
        hint=f"use `{near}`; {shows}" if near else shows,
    )
