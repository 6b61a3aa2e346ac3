"""Opening MLflow's store at an address: a database is created whole or not at all, and its files are located."""

from __future__ import annotations

import re
import sqlite3
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from runcard.tracking import addresses, moved
from runcard.tracking.mlflow.revision import newest_revision, revisions

if TYPE_CHECKING:
    from mlflow import MlflowClient

_PLAIN = re.compile(r"[\w/.\- @+=,()~]*")
"""Paths that MLflow's versions and SQLAlchemy's read alike in a URI."""
_PART = ".part"
_ABANDONED_SECONDS = 600.0
_KEPT_EMPTY = {"alembic_version", "experiments", "workspaces", "sqlite_sequence"}
"""Tables that have rows in a database in which nothing was recorded."""


def open_client(uri: str, exits: ExitStack, *, makes: bool) -> MlflowClient:
    """Connect MLflow's client to an address.

    Parameters
    ----------
    exits
        Closed when the client is not needed any more.
    makes
        Whether a database is made where there is none; otherwise what is read instead is empty, and gone afterwards.
    """
    from mlflow import MlflowClient

    file = addresses.sqlite_file(uri)
    if file is None:
        return MlflowClient(tracking_uri=uri, registry_uri=uri)
    if not (makes or file.exists()):
        file = Path(exits.enter_context(tempfile.TemporaryDirectory(prefix="runcard-")), "mlflow.db")
    with _alone(file):
        if not file.exists() or _is_half_made(file):
            _make(file)
    moved.bring_up_to_date(file)
    plain = exits.enter_context(plain_address(file, uri))
    return MlflowClient(tracking_uri=plain, registry_uri=plain)


@contextmanager
def plain_address(file: Path, uri: str) -> Iterator[str]:
    """Give an address of a database file that every library parses alike, whatever characters its folder has."""
    scheme, (_, mark, query) = uri.partition(":")[0], uri.partition("?")
    if _PLAIN.fullmatch(str(file)):
        yield f"{scheme}:///{file}{mark}{query}"
        return
    with tempfile.TemporaryDirectory(prefix="runcard-") as folder:
        link = Path(folder, "mlflow.db")
        link.symlink_to(file.absolute())  # SQLite follows it, and so its log lies beside the file
        yield f"{scheme}:///{link}{mark}{query}"


@contextmanager
def _alone(file: Path) -> Iterator[None]:
    """Hold the lock under which one process at a time creates or repairs a database."""
    from filelock import FileLock

    name = f"runcard-{sha256(f'{Path.home()} {file.absolute()}'.encode()).hexdigest()[:16]}.lock"
    with FileLock(Path(tempfile.gettempdir(), name)):
        yield


def _make(file: Path) -> None:
    """Create a database as a draft and move it into place: a kill leaves none, or a whole one."""
    file.parent.mkdir(parents=True, exist_ok=True)
    for old in file.parent.glob(f"{file.name}.*{_PART}*"):
        if time.time() - old.stat().st_mtime > _ABANDONED_SECONDS:
            old.unlink(missing_ok=True)
    part = file.with_name(f"{file.name}.{uuid.uuid4().hex[:8]}{_PART}")
    try:
        addresses.begin_sqlite(part)
        with plain_address(part, "sqlite:") as uri:
            _fill(uri)
        addresses.settle_sqlite(part)
        for log in ("-wal", "-shm", "-journal"):
            file.with_name(file.name + log).unlink(missing_ok=True)  # of a database that was removed
        part.replace(file)
    finally:
        for left in file.parent.glob(f"{part.name}*"):
            left.unlink(missing_ok=True)


def _fill(uri: str) -> None:
    """Have MLflow create its tables."""
    from mlflow import MlflowClient

    MlflowClient(tracking_uri=uri, registry_uri=uri)
    let_go(uri)


def let_go(uri: str) -> None:
    """Close the connections to a database that MLflow keeps until the process ends; it can open others."""
    import sys

    for name in ("mlflow.store.tracking.sqlalchemy_store", "mlflow.store.model_registry.sqlalchemy_store"):
        store = getattr(sys.modules.get(name), "SqlAlchemyStore", None)
        engine = getattr(store, "_engine_map", {}).get(uri)
        if engine is not None:
            engine.dispose()


def _is_half_made(file: Path) -> bool:
    """Tell whether a database was left unfinished by a kill, with nothing recorded and no process at work on it."""
    try:
        with closing(sqlite3.connect(file, timeout=1.0)) as connection:
            if _is_whole(connection):
                return False
            connection.execute("PRAGMA locking_mode = EXCLUSIVE")
            connection.execute("BEGIN EXCLUSIVE")
            return not _is_whole(connection) and _is_empty(connection)
    except sqlite3.Error:  # in use, or no database: MLflow says what it is
        return False


def _tables(connection: sqlite3.Connection) -> set[str]:
    return {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}


def _is_whole(connection: sqlite3.Connection) -> bool:
    """Tell whether MLflow would create no tables here; older layouts of all tables count, as it upgrades them."""
    tables = _tables(connection)
    if "alembic_version" in tables and _revision(connection) == newest_revision():
        return True
    import mlflow.store.db.utils  # noqa: F401  (it brings all tables along)
    from mlflow.store.db.base_sql_model import Base

    return set(Base.metadata.tables) <= tables


def _is_empty(connection: sqlite3.Connection) -> bool:
    tables = _tables(connection)
    if "alembic_version" in tables and (revision := _revision(connection)) and revision not in revisions():
        return False  # a newer MLflow made it
    if "experiments" in tables and _n_rows(connection, "experiments") > 1:
        return False
    return not any(_n_rows(connection, table) for table in tables - _KEPT_EMPTY)


def _revision(connection: sqlite3.Connection) -> str | None:
    row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    return row[0] if row else None


def _n_rows(connection: sqlite3.Connection, table: str) -> int:
    return len(connection.execute(f'SELECT 1 FROM "{table}" LIMIT 2').fetchall())
