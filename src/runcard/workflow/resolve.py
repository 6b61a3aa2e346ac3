"""From a card's name to its plan: the project, its own code, the table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runcard.card import Card, load_card
from runcard.catalog.registered import Catalog, load_catalog
from runcard.data.dvc import bring_missing_file
from runcard.data.fingerprint import fingerprint
from runcard.data.source import SourceStamp, Table
from runcard.plan import Plan, make_plan
from runcard.project import Project, find_project
from runcard.workflow.datasets.check import check_locked
from runcard.workflow.datasets.read import load_table

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
    """Load a card, its project's code and its table, and make the plan.

    Raises
    ------
    CardErrors, DataError, ModelError
    DataNotAsLocked
        The name stands for other content than before.
    """
    card = open_card(source, project)
    project = project or find_project(card.path)
    catalog = load_catalog(project)
    if card.data.raw_path is not None:
        bring_missing_file(project.root / card.data.raw_path)
    table, stamp = load_table(card, project, catalog)
    content = fingerprint(table.frame)
    check_locked(project, table, content, card.data.na_values)
    return Resolved(project, card, catalog, table, stamp, make_plan(card, table, catalog, content))


def open_card(source: CardSource, project: Project | None = None) -> Card:
    """Load a card, unless it is one already."""
    return source if isinstance(source, Card) else load_card(source, project=project)
