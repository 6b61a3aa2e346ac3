"""Reading the present content of a name: a file, the result of a project's function, a bundled dataset."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from pathlib import Path

from runcard import errors
from runcard.card import Card
from runcard.catalog.datasets import bundled_names, load_bundled
from runcard.catalog.registered import Catalog
from runcard.data.locked import DATASET, Locked
from runcard.data.lockfile import read_lock
from runcard.data.source import SourceStamp, Table, check_unchanged, read_table, stat_source, to_table
from runcard.project import Project
from runcard.redact import redact


def load_table(card: Card, project: Project, catalog: Catalog) -> tuple[Table, SourceStamp | None]:
    """Read the card's table from the work tree, whatever its content."""
    if card.data.raw_path is None:
        return load_dataset(str(card.data.dataset), catalog, where=card.where("data", "dataset")), None
    return load_file(project, card.data.raw_path, card.data.na_values)


def card_source(card: Card, project: Project) -> str:
    """Name the source that the card reads, as tables name theirs."""
    if card.data.raw_path is None:
        return f"{DATASET}{card.data.dataset}"
    return Path(project.shown(project.root / card.data.raw_path)).as_posix()


def load_file(project: Project, source: str, na_values: Sequence[str]) -> tuple[Table, SourceStamp | None]:
    """Read a file below the root or at an absolute path, with its size and time before reading.

    Raises
    ------
    FileMissing
        With the way to bring it back, where it is locked.
    FileUnreadable, EncodingInvalid, TableEmpty, ColumnsDuplicate, DataChanged
    """
    path = project.root / source
    stamp = stat_source(path) if path.is_file() else None
    try:
        table = read_table(path, na_values=na_values, root=project.root)
    except errors.FileMissing as error:
        known = [found.name for found in read_lock(project.root).values() if project.root / found.source == path]
        if known:
            error.hint = f"`runcard data restore {known[0]}` brings back what was locked, if it is kept"
        raise
    if stamp is not None:
        check_unchanged(stamp)
    return table, stamp


def load_dataset(name: str, catalog: Catalog, *, where: str) -> Table:
    """Call the function of a registered dataset, or load a bundled one.

    Raises
    ------
    DatasetUnknown
    RegistrationInvalid
        Its function fails, or returns no table.
    """
    if name in catalog.datasets:
        try:
            value = catalog.datasets[name].function()
        except errors.RuncardError:
            raise
        except Exception as error:  # whatever the project's function raises
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
        where=where,
        why="names come from registries",
        hint="`runcard list datasets` shows all",
    )


def load_locked(locked: Locked, project: Project, catalog: Catalog) -> Table:
    """Read the present content of a locked name."""
    if locked.is_file:
        return load_file(project, locked.source, locked.na_values)[0]
    return load_dataset(locked.source.removeprefix(DATASET), catalog, where=locked.name)


def function_of(name: str, catalog: Catalog) -> str:
    """Name the function that makes a dataset."""
    if name not in catalog.datasets:
        return f"sklearn.datasets.load_{name}"
    function = inspect.unwrap(catalog.datasets[name].function)
    return f"{function.__module__}.{getattr(function, '__qualname__', name)}"
