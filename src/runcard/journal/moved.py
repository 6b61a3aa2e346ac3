"""Migration of format 1 journals, which name databases by absolute path, to paths relative to the project."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path, PurePosixPath

_SCHEME = "sqlite:///"


def name_by_place(connection: sqlite3.Connection, root: Path) -> None:
    """Make addresses relative for databases that lie in the project, or did before it was moved or copied."""
    query = "SELECT uri FROM parcels UNION SELECT uri FROM runs"
    for (uri,) in connection.execute(query).fetchall():
        place = _place(connection, uri, root) if uri.startswith(f"{_SCHEME}/") else None
        if place is not None:
            _rename(connection, uri, _SCHEME + place)


def _place(connection: sqlite3.Connection, uri: str, root: Path) -> str | None:
    """Find the path of a database within the project; None if it lies elsewhere."""
    path = PurePosixPath(uri.removeprefix(_SCHEME))
    if path.is_relative_to(root.as_posix()):
        return path.relative_to(root.as_posix()).as_posix()
    told = {run_id for (run_id,) in connection.execute("SELECT run_id FROM runs WHERE uri = ?", (uri,)) if run_id}
    places = ["/".join(path.parts[n:]) for n in range(1, len(path.parts))]
    if told:
        return next((place for place in places if told & _runs_in(root / place)), None)
    return None if Path(path).exists() else path.name


def _runs_in(file: Path) -> set[str]:
    if not file.is_file():
        return set()
    try:
        with closing(sqlite3.connect(f"{file.as_uri()}?mode=ro&immutable=1", uri=True)) as connection:
            return {run_id for (run_id,) in connection.execute("SELECT run_uuid FROM runs")}
    except sqlite3.Error:
        return set()


def _rename(connection: sqlite3.Connection, uri: str, place: str) -> None:
    if any(mark in uri for mark in "?#"):
        # It was read as another path, to where the database lies beside the project: this one has not been told.
        connection.execute("UPDATE parcels SET delivered = 0 WHERE uri = ?", (uri,))
        connection.execute("DELETE FROM runs WHERE uri = ?", (uri,))
    connection.execute("UPDATE parcels SET uri = ? WHERE uri = ?", (place, uri))
    connection.execute("UPDATE OR IGNORE runs SET uri = ? WHERE uri = ?", (place, uri))
    connection.execute("DELETE FROM runs WHERE uri = ?", (uri,))
