"""From a card and its table to the plan."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from runcard import errors
from runcard.card.sections import Card, ModelFeatures
from runcard.catalog.features import check_rowwise
from runcard.catalog.metrics import Metric, resolve_metric
from runcard.catalog.models import (
    ModelSpec,
    find_model,
    unknown_model,
)
from runcard.catalog.registered import Catalog, Registered, Task
from runcard.data.columns import Columns, check_target, resolve_columns, task_of
from runcard.data.fingerprint import fingerprint
from runcard.data.source import Table
from runcard.data.split import Split, SplitKind, make_split
from runcard.data.target import Target, encode_target
from runcard.plan.check import check_estimators
from runcard.plan.digest import describe_split, digest
from runcard.plan.faults import Gathered, unknown_column, unknown_columns
from runcard.plan.plan import Draw, Entry, FeatureSet, Plan, Trial, covering
from runcard.plan.points import depends_on_results, likely_points, list_points
from runcard.provenance.environment import BOOSTING, CORE, versions_of
from runcard.search.stopping import Hyperband
from runcard.search.strategy import Point

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

DEFAULT_FOLDS = 5
DEFAULT_METRICS: Mapping[Task, tuple[str, ...]] = {
    "classification": ("accuracy", "balanced_accuracy", "f1"),
    "regression": ("rmse", "mae", "r2"),
}


def make_plan(card: Card, table: Table, catalog: Catalog) -> Plan:
    """Resolve a card against its table.

    Raises
    ------
    CardErrors, DataError, ModelError
        What the card's text alone could not tell; all that can be found at once.
    NotYet
        The card asks for what a later version will do.
    """
    _refuse_later(card)
    frame, where = table.frame, table.source
    target_name = card.features.target or table.target
    if target_name is None:
        raise errors.KeyMissing(
            "`features.target` is missing",
            where=card.where("features"),
            why=f"the dataset `{table.name}` does not say which column to predict",
            hint="add `target: <column>`",
        )
    specs = {model.name: _spec(model.name, catalog) for model in card.models}
    points = list_points(card)
    n_trials = card.search.trials or 0 if points is None else len(points)
    gather = Gathered([*unknown_columns(card, table)])
    columns = gather(lambda: _columns(card, table, target_name, catalog))
    task = gather(lambda: _task(card, specs, table, target_name))
    target = gather(lambda: _target(card, table, target_name, task), task)
    metrics = gather(lambda: _metrics(card, target, task, catalog), target)
    primary = gather(lambda: _primary(card, metrics), metrics)
    sets = gather(lambda: _feature_sets(card, table, columns, catalog), columns)
    split = gather(lambda: _split(card, table, columns, target, task, n_trials=n_trials), columns, target)
    errors.raise_all(gather.faults)
    print_of_data = fingerprint(frame)
    seed = card.data.random_state
    protocol = digest(
        {
            "data": print_of_data.digest,
            "target": [target_name, task, [str(label) for label in target.classes], target.positive],
            "split": describe_split(split),
            "features": sets[_set_name(card, None)].identity(),
            "metrics": [[m.name, _code_of(m)] for m in metrics],
            "seed": seed,
        }
    )
    draw = _draw(card, protocol, sets, specs)
    trials = _trials(draw, points or ())
    plan = Plan(
        card,
        task,
        where,
        print_of_data,
        columns,
        target,
        split,
        metrics,
        primary,
        seed,
        sets,
        specs,
        draw,
        trials,
        n_trials if points is None else len(trials),
        covering(_trials(draw, likely_points(card))) if points is None else covering(trials),
        protocol,
        digest([protocol, primary.name, [draw.identity, n_trials] if points is None else [t.key for t in trials]]),
    )
    check_estimators(plan)
    return plan


def _refuse_later(card: Card) -> None:
    selection = card.selection
    best_hint = "take `selection:` out for now: the best mean score is then chosen"
    later = [
        ("selection", "rule", selection.rule, selection.rule != "best", best_hint),
        ("selection", "constraints", "...", bool(selection.constraints), best_hint),
    ]
    faults = [
        errors.NotYet(
            f"`{section}: {{{key}: {value}}}` is for a later version of runcard",
            where=card.where(section, key),
            why="this one reads it but cannot do it, and leaving it out would give another result",
            hint=hint,
        )
        for section, key, value, is_asked, hint in later
        if is_asked
    ]
    errors.raise_all(faults)


def _columns(card: Card, table: Table, target: str, catalog: Catalog) -> Columns:
    features = card.features
    own = features.set is not None
    return resolve_columns(
        table.frame,
        target=target,
        where=table.source,
        numerical=() if own else features.numerical,
        categorical=() if own else features.categorical,
        id=card.data.id,
        group=card.data.group,
        time=card.data.time,
    )


def _spec(name: str, catalog: Catalog) -> ModelSpec:
    spec = find_model(name, catalog)
    if spec is None:
        raise unknown_model(name, catalog)
    return spec


def _task(card: Card, specs: Mapping[str, ModelSpec], table: Table, target: str) -> Task:
    frame = table.frame
    if target not in frame.columns:
        raise unknown_column(card, table, ("features", "target"), target)
    found = task_of(frame, target)
    allowed: set[Task] = {"classification", "regression"}
    for index, model in enumerate(card.models):
        tasks = set(specs[model.name].tasks)
        if not allowed & tasks:
            raise errors.TaskMismatch(
                f"`{model.name}` is for {' and '.join(sorted(tasks))} only",
                where=card.where("models", index, "name"),
                why=f"the models before it are for {' and '.join(sorted(allowed))}",
                hint="make two cards of it",
            )
        allowed &= tasks
    if found in allowed:
        return found
    (other,) = allowed
    if other == "classification":
        raise errors.TaskMismatch(
            f"`{target}` looks like a number to predict, the models classify",
            where=card.where("models"),
            why=f"it has {frame[target].nunique():,} different values",
            hint="use regressors, or a target of classes (text, booleans or up to 20 whole numbers)",
        )
    if frame[target].dtype.kind not in "iuf":
        raise errors.TaskMismatch(
            f"`{target}` holds classes, the models predict numbers",
            where=card.where("models"),
            why=f"its type is {frame[target].dtype}",
            hint="use classifiers",
        )
    return other


def _target(card: Card, table: Table, name: str, task: Task) -> Target:
    values = table.frame[name]
    check_target(values, task, where=table.source)
    return encode_target(values, task=task, positive=card.features.positive, where=table.source)


def _metrics(card: Card, target: Target, task: Task, catalog: Catalog) -> tuple[Metric, ...]:
    names = card.evaluation.metrics or DEFAULT_METRICS[task]
    found, faults = [], []
    for index, name in enumerate(names):
        try:
            found.append(resolve_metric(name, task=task, n_classes=target.n_classes, catalog=catalog))
        except errors.RuncardError as error:
            error.where = card.where("evaluation", "metrics", index)
            faults.append(error)
    if card.evaluation.cv_folds == "leave_one_out":
        faults += [_not_pointwise(card, m.name) for m in found if not m.pointwise]
    errors.raise_all(faults)
    return tuple(found)


def _not_pointwise(card: Card, name: str) -> errors.MetricImpossible:
    return errors.MetricImpossible(
        f"`{name}` cannot be computed on one row",
        where=card.where("evaluation", "metrics"),
        why="with `cv_folds: leave_one_out` every fold scores one row",
        hint="use a metric that is defined on one row (accuracy, log_loss, rmse, mae), or `cv_folds: 10`",
    )


def _primary(card: Card, metrics: Sequence[Metric]) -> Metric:
    names = card.evaluation.metrics
    if names is None or card.evaluation.primary is None:
        if card.evaluation.primary is None:
            return metrics[0]
        names = tuple(metric.name for metric in metrics)
    if card.evaluation.primary not in names:
        raise errors.MetricUnknown(
            f"the primary metric `{card.evaluation.primary}` is not computed",
            where=card.where("evaluation", "primary"),
            why=f"the metrics are {errors.listing(names)}",
            hint="list it under `metrics`",
        )
    return metrics[list(names).index(card.evaluation.primary)]


def _set_name(card: Card, features: ModelFeatures | None, entry: int = 0) -> str:
    if features is None:
        return card.features.set or "default"
    return features.set or f"models[{entry}]"


def _feature_sets(card: Card, table: Table, columns: Columns, catalog: Catalog) -> dict[str, FeatureSet]:
    kept_out = {columns.target, columns.id, columns.group} - {None}
    every = tuple(str(name) for name in table.frame.columns if name not in kept_out)
    sets: dict[str, FeatureSet] = {}
    for entry, features in [(0, None), *((i, m.features) for i, m in enumerate(card.models) if m.features)]:
        name = _set_name(card, features, entry)
        given = features.set if features else card.features.set
        if given is not None:
            sets[name] = FeatureSet(name, every, (), (), catalog.features[given])
            if catalog.features[given].rowwise:
                _check_rowwise(card, catalog.features[given], table.frame[list(every)], entry if features else None)
            continue
        found = (
            columns
            if features is None
            else resolve_columns(
                table.frame,
                target=columns.target,
                where=table.source,
                numerical=features.numerical,
                categorical=features.categorical,
                id=columns.id,
                group=columns.group,
                time=columns.time,
            )
        )
        if not found.numerical and not found.categorical:
            raise errors.ColumnUnsupported(
                "no column is left to learn from",
                where=table.source,
                why="features are numbers, text or booleans",
                hint="name columns under `numerical` or `categorical`",
            )
        sets[name] = FeatureSet(name, found.numerical + found.categorical, found.numerical, found.categorical)
    return sets


def _check_rowwise(card: Card, registered: Registered, frame: pd.DataFrame, entry: int | None) -> None:
    try:
        check_rowwise(registered.name, registered.function, frame)
    except errors.FeaturesInvalid as error:
        error.where = card.where(*(() if entry is None else ("models", entry)), "features", "set")
        raise


def _split(card: Card, table: Table, columns: Columns, target: Target, task: str, *, n_trials: int) -> Split:
    data, evaluation = card.data, card.evaluation
    kind: SplitKind = "group" if data.group else "time" if data.time else "plain"
    if kind == "plain" and task == "classification" and data.stratify is not False:
        kind = "stratified"
    if data.stratify and task == "regression":
        raise errors.SplitImpossible(
            "a regression target cannot be stratified",
            where=card.where("data", "stratify"),
            why="it has no classes",
            hint="remove `stratify`",
        )
    n_folds = evaluation.cv_folds or (DEFAULT_FOLDS if n_trials > 1 else None)
    return make_split(
        target.column(),
        kind=kind,
        test_size=data.train_test_split,
        test_rows=_test_rows(card, table),
        n_folds=n_folds,
        n_repeats=evaluation.cv_repeats,
        seed=data.random_state,
        where=table.source,
        groups=table.frame[data.group].to_numpy() if data.group else None,
        times=table.frame[data.time].to_numpy() if data.time else None,
        task=task,
    )


def _test_rows(card: Card, table: Table) -> np.ndarray | None:
    import numpy as np

    if card.data.test_where is None:
        return None
    chosen = np.ones(len(table.frame), dtype=bool)
    for name, wanted in card.data.test_where.items():
        if name not in table.frame.columns:
            raise unknown_column(card, table, ("data", "test_where", name), name)
        values = list(wanted) if isinstance(wanted, tuple) else [wanted]
        chosen &= table.frame[name].isin(values).to_numpy()
    return chosen


def _draw(card: Card, protocol: str, sets: Mapping[str, FeatureSet], specs: Mapping[str, ModelSpec]) -> Draw:
    versions = {name: versions_of((*CORE, *BOOSTING.get(spec.package, ()))) for name, spec in specs.items()}
    entries = []
    for number, model in enumerate(card.models):
        spec, features = specs[model.name], _set_name(card, model.features, number)
        identity = sets[features].identity()
        entries.append(Entry(model.name, features, model.space, _code_of(spec), identity, versions[model.name]))
    if not depends_on_results(card):
        return Draw(protocol, tuple(entries))
    search = {name: value for name, value in asdict(card.search).items() if name != "trials"}
    named = [
        [model.name, dict(model.params), entry.features] for model, entry in zip(card.models, entries, strict=True)
    ]
    stop = card.search.early_terminate
    rules = Hyperband(stop.eta, stop.strict, stop.min_iter, stop.max_iter, stop.s or 0) if stop else None
    return Draw(protocol, tuple(entries), rules, card.search.lag, digest([protocol, search, named]))


def _trials(draw: Draw, points: Iterable[Point]) -> tuple[Trial, ...]:
    trials: dict[str, Trial] = {}
    for point in points:
        trial = draw.trial(len(trials), point)
        trials.setdefault(trial.key, trial)
    return tuple(trials.values())


def _code_of(named: ModelSpec | Metric) -> str | None:
    return named.registered.source_digest if named.registered else None
