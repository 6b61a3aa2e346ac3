"""Errors about a card's data, gathered so that all of them are raised at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final, TypeVar

from runcard import errors
from runcard.card.sections import Card, Features, ModelFeatures
from runcard.data.source import Table
from runcard.yaml import Path as KeyPath

T = TypeVar("T")
_FAILED: Final[Any] = object()


class Gathered:
    """Calls one step after another and keeps the errors; a step that depends on a failed one is skipped."""

    def __init__(self, faults: list[errors.RuncardError]) -> None:
        self.faults = faults

    def __call__(self, step: Callable[[], T], *needs: object) -> T:
        """Call a step and return its result, or a placeholder that makes the steps depending on it be skipped."""
        failed: T = _FAILED
        if any(need is _FAILED for need in needs):
            return failed
        try:
            return step()
        except errors.CardErrors as several:
            self._keep(*several.errors)
        except errors.RuncardError as error:
            self._keep(error)
        return failed

    def _keep(self, *found: errors.RuncardError) -> None:
        known = {fault.what for fault in self.faults}
        self.faults += [fault for fault in found if fault.what not in known]


def unknown_columns(card: Card, table: Table) -> Iterator[errors.ColumnUnknown]:
    """Find every column that the card names and the table lacks, with its place in the card."""
    seen: set[str] = set()
    for path, name in _named_columns(card):
        if name not in table.frame.columns and name not in seen:
            seen.add(name)
            yield unknown_column(card, table, path, name)


def unknown_column(card: Card, table: Table, path: KeyPath, name: str) -> errors.ColumnUnknown:
    """Make the error for a column that is not in the table."""
    columns = list(table.frame.columns)
    near = errors.nearest(name, columns)
    return errors.ColumnUnknown(
        f"unknown column `{name}`",
        where=card.where(*path, key=path[:2] == ("data", "test_where")),
        why=f"{table.source} has {errors.listing(columns)}",
        hint=f"use `{near}`" if near else "name one of them",
    )


def _named_columns(card: Card) -> Iterator[tuple[KeyPath, str]]:
    single = {("features", "target"): card.features.target}
    single |= {("data", role): getattr(card.data, role) for role in ("id", "group", "time")}
    yield from ((path, name) for path, name in single.items() if name is not None)
    for name in card.data.test_where or ():
        yield ("data", "test_where", name), name
    yield from _listed(card.features, ("features",))
    for index, model in enumerate(card.models):
        if model.features is not None:
            yield from _listed(model.features, ("models", index, "features"))


def _listed(features: Features | ModelFeatures, path: KeyPath) -> Iterator[tuple[KeyPath, str]]:
    for key in ("numerical", "categorical"):
        for index, name in enumerate(getattr(features, key) or ()):
            yield (*path, key, index), name
