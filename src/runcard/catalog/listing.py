"""The rows of `runcard list`, made without importing the packages that are listed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from runcard.catalog.datasets import bundled_names, describe_bundled
from runcard.catalog.metrics import Metric, find_metric, metric_names
from runcard.catalog.models import PROJECT, ModelSpec, find_model, model_names, parameters_of
from runcard.catalog.registered import Catalog, Registered


@dataclass(frozen=True, slots=True)
class Row:
    """One name that a card can use.

    Parameters
    ----------
    tasks
        What it is for; empty where that does not apply.
    package
        Where it comes from; `project` for what the project registers.
    parameters
        Names of its hyperparameters; for a metric its direction, the output it needs, and whether it `decomposes`:
        it is the mean of its values on single rows.
    """

    name: str
    tasks: tuple[str, ...]
    package: str
    parameters: tuple[str, ...]
    description: str


def list_models(catalog: Catalog) -> list[Row]:
    """Return a row for each model, in order of names."""
    specs = (find_model(name, catalog) for name in model_names(catalog))
    return [_model_row(spec) for spec in specs if spec is not None]


def list_metrics(catalog: Catalog) -> list[Row]:
    """Return a row for each metric, in order of names."""
    return [_metric_row(find_metric(name, catalog)) for name in metric_names(catalog)]


def list_datasets(catalog: Catalog) -> list[Row]:
    """Return a row for each registered and each bundled dataset, in order of names."""
    bundled = [Row(name, (), "scikit-learn", (), describe_bundled(name)) for name in bundled_names()]
    return _sorted([*bundled, *map(_project_row, catalog.datasets.values())])


def list_features(catalog: Catalog) -> list[Row]:
    """Return a row for each registered feature set, in order of names."""
    return _sorted(map(_project_row, catalog.features.values()))


def _model_row(spec: ModelSpec) -> Row:
    parameters = sorted({name for task in spec.tasks for name in parameters_of(spec, task) or ("**",)})
    return Row(spec.name, spec.tasks, spec.package, tuple(parameters), spec.description)


def _metric_row(metric: Metric) -> Row:
    tasks = () if metric.task is None else (metric.task,)
    direction = "greater is better" if metric.greater_is_better else "less is better"
    package = "scikit-learn" if metric.registered is None else PROJECT
    kind = ("decomposes",) if metric.decomposes else ()
    return Row(metric.name, tasks, package, (direction, metric.needs, *kind), metric.description)


def _project_row(registered: Registered) -> Row:
    kind = ("rowwise",) if registered.rowwise else ()
    return Row(registered.name, (), PROJECT, kind, registered.description)


def _sorted(rows: Iterable[Row]) -> list[Row]:
    return sorted(rows, key=lambda row: row.name)
