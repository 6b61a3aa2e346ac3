"""From a card's name to its plan: the project, its own code, the table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runcard import errors
from runcard.card import Card, load_card
from runcard.catalog.datasets import bundled_names, load_bundled
from runcard.catalog.registered import Catalog, collect
from runcard.data.source import (
    SourceStamp,
    Table,
    check_unchanged,
    read_table,
    stat_source,
    to_table,
)
from runcard.plan import Plan, make_plan
from runcard.project import Project, find_project, import_modules
from runcard.redact import redact

CardSource = str | Path | Mapping[str, Any] | Card


@dataclass(frozen=True, slots=True, eq=False)
class Resolved:
    """A card and everything it was resolved against."""

    project: Project
    card: Card
    catalog: Catalog
    table: Table
    stamp: SourceStamp | None
    """What the data file looked like when it was read."""
    plan: Plan


def resolve(source: CardSource, *, project: Project | None = None) -> Resolved:
    """Load a card, its project's code and its table, and make the plan."""
    card = open_card(source, project)
    project = project or find_project(card.path)
    catalog = load_catalog(project)
    table, stamp = load_table(card, project, catalog)
    return Resolved(project, card, catalog, table, stamp, make_plan(card, table, catalog))


def open_card(source: CardSource, project: Project | None = None) -> Card:
    """Load a card, unless it is one already."""
    return source if isinstance(source, Card) else load_card(source, project=project)


def load_catalog(project: Project) -> Catalog:
    """Collect what the project's modules register."""
    return collect(import_modules(project))


def load_table(card: Card, project: Project, catalog: Catalog) -> tuple[Table, SourceStamp | None]:
    """Read the card's table."""
    stamp = None
    if card.data.raw_path is not None:
        path = project.root / card.data.raw_path
        stamp = stat_source(path) if path.is_file() else None
        table = read_table(path, na_values=card.data.na_values, root=project.root)
        if stamp is not None:
            check_unchanged(stamp)
    else:
        table = _dataset(str(card.data.dataset), card, catalog)
    return table, stamp


def _dataset(name: str, card: Card, catalog: Catalog) -> Table:
    if name in catalog.datasets:
        try:
            value = catalog.datasets[name].function()
        except errors.RuncardError:
            raise
        except Exception as error:
            raise errors.RegistrationInvalid(
                f"the dataset `{name}` cannot be made",
                where=catalog.datasets[name].place,
                why=redact(f"{type(error).__name__}: {error}"),
                hint="call the function by itself to see more",
            ) from error
        return to_table(value, name=name)
    if name in bundled_names():
        return to_table(load_bundled(name), name=name)
    raise errors.DatasetUnknown(
        f"unknown dataset `{name}`",
        where=card.where("data", "dataset"),
        why="names come from registries",
        hint="`runcard list datasets` shows all",
    )
