"""The task, from the card, else from its metrics and models, else from the target's values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from runcard import errors
from runcard.card.gather import unknown_column
from runcard.card.sections import Card
from runcard.catalog.metrics import find_metric
from runcard.catalog.models import ModelSpec
from runcard.catalog.registered import Catalog, Task
from runcard.data.columns import describe_target, task_of
from runcard.data.source import Table
from runcard.yaml import Path as KeyPath


@dataclass(frozen=True, slots=True)
class Decided:
    """A task, and what determined it."""

    task: Task
    because: str


@dataclass(frozen=True, slots=True)
class _Sign:
    """Something in a card that fits one task only."""

    task: Task
    said: str
    path: KeyPath


def decide_task(card: Card, specs: Mapping[str, ModelSpec], table: Table, target: str, catalog: Catalog) -> Decided:
    """Decide between classification and regression.

    The first of these that says it decides, and none of the others may say otherwise: the card's `task`, its metrics,
    its `positive`, its models. Where all of them are for either, the values of the target do.

    Raises
    ------
    ColumnUnknown
        There is no such target.
    TaskMismatch
        Two of them say different things.
    """
    if target not in table.frame.columns:
        raise unknown_column(card, table, ("features", "target"), target)
    signs = list(_signs(card, specs, catalog))
    if not signs:
        return Decided(task_of(table.frame, target), describe_target(table.frame[target]))
    first = signs[0]
    for other in signs:
        if other.task != first.task:
            raise _mismatch(card, first, other)
    return Decided(first.task, first.said)


def _signs(card: Card, specs: Mapping[str, ModelSpec], catalog: Catalog) -> Iterator[_Sign]:
    if card.task is not None:
        yield _Sign(card.task, f"the card says `task: {card.task}`", ("task",))
    for index, name in enumerate(card.evaluation.metrics or ()):
        task = find_metric(name, catalog).task
        if task is not None:
            yield _Sign(task, f"the metric `{name}` is for {task}", ("evaluation", "metrics", index))
    if card.features.positive is not None:
        yield _Sign("classification", "`positive` names a class", ("features", "positive"))
    for index, model in enumerate(card.models):
        tasks = specs[model.name].tasks
        if len(tasks) == 1:
            yield _Sign(tasks[0], f"the model `{model.name}` is for {tasks[0]}", ("models", index, "name"))


def _mismatch(card: Card, first: _Sign, other: _Sign) -> errors.TaskMismatch:
    ways = f"take it out, or write `task: {other.task}`" if first.path == ("task",) else "take one of the two out"
    return errors.TaskMismatch(
        f"{first.said}, and {other.said}",
        where=card.where(*other.path),
        why="a card has one task: either classes or numbers are predicted",
        hint=f"{ways}, or make two cards of it",
    )
