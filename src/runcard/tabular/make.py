"""The plan of a card whose trials are estimators on a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from runcard import errors
from runcard.card.gather import Gathered, unknown_columns
from runcard.card.sections import Card
from runcard.catalog.metrics import Metric, resolve_metric
from runcard.catalog.models import ModelSpec, find_model, unknown_model
from runcard.catalog.registered import Catalog, Task
from runcard.data.columns import Columns, check_target, resolve_columns
from runcard.data.copies import count_copies
from runcard.data.fingerprint import Fingerprint, fingerprint
from runcard.data.source import Table
from runcard.data.split import Split
from runcard.data.splitfile import describe_split
from runcard.data.target import Target, encode_target
from runcard.data.types import with_numbers
from runcard.plan.choice import make_choice, make_tolerance
from runcard.plan.draw import list_points
from runcard.plan.plan import Plan, assemble_plan
from runcard.tabular.check import check_estimators
from runcard.tabular.entries import make_entries
from runcard.tabular.featureset import make_feature_sets, set_name
from runcard.tabular.split import split_rows
from runcard.tabular.task import Decided, decide_task
from runcard.tabular.work import TabularWork

DEFAULT_METRICS: Mapping[Task, tuple[str, ...]] = {
    "classification": ("accuracy", "balanced_accuracy", "f1"),
    "regression": ("rmse", "mae", "r2"),
}

_ON_ONE_ROW: Mapping[Task, tuple[str, ...]] = {
    "classification": ("accuracy", "log_loss", "brier"),
    "regression": ("mse", "mae"),
}


def make_plan(card: Card, table: Table, catalog: Catalog, content: Fingerprint | None = None) -> Plan:
    """Resolve a card against its table, whose fingerprint is computed unless it is given.

    Raises
    ------
    CardErrors, DataError, ModelError
        What the card's text alone could not tell; all that can be found at once.
    """
    print_of_data = content or fingerprint(table.frame)
    numbers = [*(card.features.numerical or ()), card.data.time or ""]
    table = replace(table, frame=with_numbers(table.frame, numbers))
    target_name = _target_name(card, table)
    specs = {model.name: _spec(model.name, catalog) for model in card.models}
    points = list_points(card)
    n_trials = card.search.trials or 0 if points is None else len(points)
    gather = Gathered([*unknown_columns(card, table)])
    columns = gather(lambda: _columns(card, table, target_name, catalog))
    decided = gather(lambda: decide_task(card, specs, table, target_name, catalog))
    target = gather(lambda: _target(card, table, target_name, decided), decided)
    metrics = gather(lambda: _metrics(card, target, decided.task, catalog), target)
    primary = gather(lambda: _primary(card, metrics), metrics)
    sets = gather(lambda: make_feature_sets(card, table, columns, catalog), columns)
    split = gather(lambda: split_rows(card, table, target, decided.task, n_trials=n_trials), columns, target)
    choice = gather(lambda: make_choice(card, metrics, split.folds), metrics, split)
    pooled = gather(lambda: _pooled(metrics, split), metrics, split)
    gather(lambda: _check_pooled(card, pooled, primary), pooled, primary)
    tolerance = gather(lambda: make_tolerance(card, metrics), metrics)
    errors.raise_all(gather.faults)
    task = decided.task
    parts = {
        "data": print_of_data.digest,
        "target": [target_name, task, [str(label) for label in target.classes], target.positive],
        "split": describe_split(split),
        "features": sets[set_name(card, None)].identity(),
        "metrics": [[m.name, m.code, *(["pooled"] if m in pooled else [])] for m in metrics],
        "seed": card.data.random_state,
    }
    work = TabularWork(
        card=card,
        task=task,
        task_because=decided.because,
        source=table.source,
        fingerprint=print_of_data,
        columns=columns,
        target=target,
        split=split,
        copies=count_copies(table.frame, {found.columns for found in sets.values()}, target, split),
        metrics=metrics,
        primary=primary,
        pooled=pooled,
        seed=card.data.random_state,
        feature_sets=sets,
        specs=specs,
    )
    plan = assemble_plan(
        card,
        work,
        parts=parts,
        entries=make_entries(card, sets, specs, target),
        metrics=metrics,
        primary=primary,
        choice=choice,
        tolerance=tolerance,
        pooled=[metric.name for metric in pooled],
    )
    return replace(plan, impossible=check_estimators(plan))


def _target_name(card: Card, table: Table) -> str:
    name = card.features.target or table.target
    if name is None:
        raise errors.KeyMissing(
            "`features.target` is missing",
            where=card.where("features"),
            why=f"the dataset `{table.name}` does not say which column to predict",
            hint="add `target: <column>`",
        )
    return name


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


def _target(card: Card, table: Table, name: str, decided: Decided) -> Target:
    values = table.frame[name]
    check_target(values, decided.task, because=decided.because, where=table.source)
    return encode_target(values, task=decided.task, positive=card.features.positive, where=table.source)


def _metrics(card: Card, target: Target, task: Task, catalog: Catalog) -> tuple[Metric, ...]:
    names = card.evaluation.metrics or DEFAULT_METRICS[task]
    found, faults = [], []
    for index, name in enumerate(names):
        try:
            found.append(resolve_metric(name, task=task, n_classes=target.n_classes, catalog=catalog))
        except errors.RuncardError as error:
            error.where = card.where("evaluation", "metrics", index)
            faults.append(error)
    errors.raise_all(faults)
    return tuple(found)


def _pooled(metrics: Sequence[Metric], split: Split) -> tuple[Metric, ...]:
    """Find metrics that must not be averaged over folds of a single row, where they would mean something else."""
    if all(len(score) > 1 for _, score in split.folds):
        return ()
    return tuple(metric for metric in metrics if not metric.decomposes)


def _check_pooled(card: Card, pooled: Sequence[Metric], primary: Metric) -> None:
    asked = {
        ("selection", "rule"): card.selection.rule == "one_standard_error",
        ("search", "early_terminate"): card.search.early_terminate is not None,
    }
    faults = [
        errors.MetricImpossible(
            f"`{'.'.join(path)}` needs `{primary.name}` on every fold",
            where=card.where(*path),
            why="a fold scores a single row here, and it is no mean over rows: it is computed once, on all of them",
            hint=f"use {errors.listing(_ON_ONE_ROW[primary.task or 'regression'])}, or fewer `cv_folds`",
        )
        for path, is_asked in asked.items()
        if is_asked and primary in pooled
    ]
    errors.raise_all(faults)


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
