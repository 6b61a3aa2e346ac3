"""Obtaining a table by its fingerprint: from the work tree, else the data store, else DVC."""

from __future__ import annotations

from collections.abc import Callable

from runcard import errors
from runcard.card import Card
from runcard.catalog.registered import Catalog
from runcard.data.dvc import find_tracked, open_version
from runcard.data.fingerprint import fingerprint
from runcard.data.locked import DATASET, DvcVersion, Locked, locked_name
from runcard.data.lockfile import read_lock
from runcard.data.source import Table, read_table
from runcard.data.store import open_data_store
from runcard.project import Project
from runcard.workflow.datasets.check import explain_change
from runcard.workflow.datasets.read import card_source, load_table


class _Elsewhere(Exception):
    """Raised when a place lacks the content; the message says what it has instead."""


def obtain_table(card: Card, project: Project, catalog: Catalog, digest: str) -> Table:
    """Find the table with a fingerprint, changing nothing in the work tree.

    Parameters
    ----------
    digest
        The whole fingerprint, 64 hexadecimal digits.

    Raises
    ------
    DataGone
        No place has it; the error says what each has instead.
    """
    ways: dict[str, Callable[[], Table]] = {
        "the tree": lambda: _from_tree(card, project, catalog, digest),
        "the data store": lambda: _from_store(card, project, digest),
        "DVC": lambda: _from_dvc(card, project, digest),
    }
    answers = []
    for place, look in ways.items():
        try:
            return look()
        except _Elsewhere as answer:
            answers.append(f"{place}: {answer}")
        except errors.RuncardError as error:
            answers.append(f"{place}: {error.what}" + (f", {error.why.splitlines()[0]}" if error.why else ""))
    raise errors.DataGone(
        f"the data of fingerprint {digest[:12]} are not to be had",
        where=card_source(card, project),
        why="\n".join(answers),
        hint="bring the file back as it was, or name the data store that keeps it: `data_store` under "
        "`[tool.runcard]`,\nor RUNCARD_DATA_STORE",
    )


def _from_tree(card: Card, project: Project, catalog: Catalog, digest: str) -> Table:
    table, _ = load_table(card, project, catalog)
    content = fingerprint(table.frame)
    if content.digest == digest:
        return table
    locked = _locked_as(card, project, digest)
    if locked is None:
        raise _Elsewhere(f"it has fingerprint {content.digest[:12]}, {content.n_rows:,} rows")
    raise _Elsewhere("; ".join(explain_change(project, locked, table, content)))


def _from_store(card: Card, project: Project, digest: str) -> Table:
    store = open_data_store(project)
    kept = store.find(digest)
    if kept is None:
        raise _Elsewhere(f"it is not kept at {store.where}")
    source = card_source(card, project)
    return store.read(kept, name=source.removeprefix(DATASET).rpartition("/")[2], source=source)


def _from_dvc(card: Card, project: Project, digest: str) -> Table:
    tracked = find_tracked(project.root / card.data.raw_path) if card.data.raw_path else None
    if tracked is None:
        raise _Elsewhere("it does not track them")
    locked = _locked_as(card, project, digest)
    version = locked.dvc if locked and locked.dvc else DvcVersion(tracked.md5)
    with open_version(tracked, version) as path:
        table = read_table(path, na_values=card.data.na_values)
    if (found := fingerprint(table.frame).digest) != digest:
        raise _Elsewhere(f"it has fingerprint {found[:12]}")
    return Table(table.name, card_source(card, project), table.frame)


def _locked_as(card: Card, project: Project, digest: str) -> Locked | None:
    locked = read_lock(project.root).get(locked_name(card_source(card, project), card.data.na_values))
    return locked if locked is not None and locked.content.digest == digest else None
