"""Resolving a card's name to its plan, with the project, its code and the table."""

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
from runcard.plan import Plan
from runcard.project import Project, find_project
from runcard.tabular.make import make_plan
from runcard.workflow.datasets.check import check_locked
from runcard.workflow.datasets.obtain import obtain_table
from runcard.workflow.datasets.read import load_table

CardSource = str | Path | Mapping[str, Any] | Card


@dataclass(frozen=True, slots=True, eq=False)
class Resolved:
    """A card, with everything it was resolved against."""

    project: Project
    card: Card
    catalog: Catalog
    table: Table
    stamp: SourceStamp | None
    """What the data file looked like when it was read; None for other data."""
    plan: Plan


def resolve(
    source: CardSource, *, project: Project | None = None, data: str | None = None, as_locked: bool = True
) -> Resolved:
    """Load a card, its project's code and its table, and make the plan.

    Parameters
    ----------
    data
        The fingerprint of the content that is wanted, from wherever it is to be had; None for what lies in the tree.
    as_locked
        Whether what lies in the tree must be what its name is locked as.

    Raises
    ------
    CardErrors, DataError, ModelError
    DataNotAsLocked
        The name stands for other content than before.
    DataGone
        No place has the content that is wanted.
    """
    card = open_card(source, project)
    project = project or find_project(card.path)
    catalog = load_catalog(project)
    is_checked = as_locked and data is None
    if is_checked and card.data.raw_path is not None:
        bring_missing_file(project.root / card.data.raw_path)
    table, stamp = read_table_of(card, project, catalog, data)
    content = fingerprint(table.frame)
    if is_checked:
        check_locked(project, table, content, card.data.na_values)
    return Resolved(project, card, catalog, table, stamp, make_plan(card, table, catalog, content))


def read_table_of(card: Card, project: Project, catalog: Catalog, data: str | None) -> tuple[Table, SourceStamp | None]:
    """Read a card's table from the work tree, or the content with a fingerprint from wherever it is available."""
    return load_table(card, project, catalog) if data is None else (obtain_table(card, project, catalog, data), None)


def open_card(source: CardSource, project: Project | None = None) -> Card:
    """Load a card, unless it is loaded already."""
    return source if isinstance(source, Card) else load_card(source, project=project)
