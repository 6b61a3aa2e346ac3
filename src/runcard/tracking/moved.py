"""Repair of the absolute file paths in MLflow's database after a project was moved or copied.

Whoever opens the database brings its paths up to date, in one transaction. A folder is an old place of the project if
files that the database has there lie here now; or if nothing is there any more; or if the database that is there
began as the same one, this being a copy of it, or that of this. A folder of another project, which only keeps its
runs in this database, is none of these.

Why: docs/adr/0031-a-project-is-not-bound-to-its-folder.md
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from runcard import errors
from runcard.project import find_root

ARTIFACTS = "mlartifacts"
"""The folder, at the project's root, that the files of runs are kept in."""

_MLFLOWS = "mlruns"
"""The folder that MLflow itself chooses, for the experiment that every database begins with."""

_EXPERIMENTS = ("experiments", "artifact_location")
_USED = f"""SELECT DISTINCT artifact_location FROM experiments WHERE artifact_location LIKE '%{ARTIFACTS}%'
    OR EXISTS (SELECT 1 FROM runs WHERE runs.experiment_id = experiments.experiment_id)"""
"""Where files are, or will be: MLflow's first experiment has a place before anything is written to it."""
_FILES = (
    ("runs", "artifact_uri"),
    ("logged_models", "artifact_location"),
    ("model_versions", "source"),
    ("model_versions", "storage_location"),
)
_PATIENCE_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class _Move:
    """A move from a project's old folder to its present one."""

    old: Path
    new: Path

    def of(self, location: str) -> str | None:
        """Give the new path of a file or folder, spelled as the old one was; None if it was not in the project."""
        path = local_path(location)
        if path is None or not path.is_relative_to(self.old):
            return None
        moved = self.new / path.relative_to(self.old)
        return moved.as_uri() if location.startswith("file:") else str(moved)


def local_path(location: str) -> Path | None:
    """Give the local path that a location of files means; None if it is not on this machine."""
    parts = urlsplit(location)
    if parts.scheme == "file" and parts.netloc in ("", "localhost"):
        return Path(unquote(parts.path))
    return Path(location) if location.startswith("/") else None


def bring_up_to_date(database: Path) -> None:
    """Correct a database's file paths if its project was elsewhere when they were written.

    Raises
    ------
    TrackingError
        The project was moved, and the database cannot be written to.
    """
    root = find_root(database.parent)
    try:
        with closing(_open(database)) as connection:
            for old in _old_places(connection, database, root):
                _move(connection, _Move(old, root))
    except sqlite3.Error as error:
        raise errors.TrackingError(
            "MLflow's database cannot be told that the project was moved",
            where=str(database),
            why=str(error),
            hint="see that no other program holds it and that it can be written to",
        ) from None


def _open(database: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{database.absolute().as_uri()}?mode=rw", uri=True, timeout=_PATIENCE_SECONDS)


def _old_places(connection: sqlite3.Connection, database: Path, root: Path) -> Iterator[Path]:
    locations = [location for (location,) in connection.execute(_USED) if location]
    for place in sorted({place for place in map(_place_of, locations) if place}):
        if place == root or (place.exists() and place.samefile(root)):
            continue
        if _is_old(connection, _Move(place, root), database):
            yield place


def _place_of(location: str) -> Path | None:
    """Give the root of the project in which an experiment's files were put."""
    path = local_path(location)
    if path is None:
        return None
    return next((each.parent for each in (path, *path.parents) if each.name in (ARTIFACTS, _MLFLOWS)), None)


def _is_old(connection: sqlite3.Connection, move: _Move, database: Path) -> bool:
    there = False
    for table, column in _FILES:
        for location in _all(connection, table, column):
            if (found := move.of(location)) is None:
                continue
            if _exists(found):
                return True
            there = there or _exists(location)
    return not there or _began_as_one(connection, move.old / database.relative_to(move.new))


def _began_as_one(connection: sqlite3.Connection, other: Path) -> bool:
    """Tell whether two databases have an experiment created at the same moment, as copies have."""
    if not other.is_file():
        return False
    try:
        # Immutable: a log of what is to be written would be left there.
        with closing(sqlite3.connect(f"{other.as_uri()}?mode=ro&immutable=1", uri=True)) as there:
            return bool(_births(connection) & _births(there))
    except sqlite3.Error:
        return False


def _births(connection: sqlite3.Connection) -> set[tuple[object, ...]]:
    query = "SELECT experiment_id, name, creation_time FROM experiments WHERE creation_time IS NOT NULL"
    return set(connection.execute(query))


def _all(connection: sqlite3.Connection, table: str, column: str) -> list[str]:
    """List the distinct values of a column; none if an older MLflow has no such column."""
    if column not in {row[1] for row in connection.execute(f"PRAGMA table_info({table})")}:
        return []
    return [value for (value,) in connection.execute(f"SELECT DISTINCT {column} FROM {table}") if value]


def _exists(location: str) -> bool:
    path = local_path(location)
    return path is not None and path.exists()


def _move(connection: sqlite3.Connection, move: _Move) -> None:
    """Update the paths of files; a file that stayed behind, in a partial copy, keeps its path."""
    connection.execute("BEGIN IMMEDIATE")
    with connection:
        for table, column in (_EXPERIMENTS, *_FILES):
            for location in _all(connection, table, column):
                found = move.of(location)
                stayed = (table, column) != _EXPERIMENTS and found and not _exists(found) and _exists(location)
                if found and not stayed:
                    connection.execute(f"UPDATE {table} SET {column} = ? WHERE {column} = ?", (found, location))
