"""Tracking addresses: whether one can be reached and, if not, the reason in a line without credentials."""

from __future__ import annotations

import os
import re
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from urllib.parse import unquote, urlsplit

from runcard import errors
from runcard.redact import redact

_SQLITE = re.compile(r"sqlite(?:\+\w+)?:///(?P<path>[^?]*)(?:\?(?P<query>.*))?", re.DOTALL)
_PLACES = "`sqlite:///mlflow.db`, `postgresql+psycopg2://...` or the `http://...` of an MLflow server"
_PAGE = re.compile(r"error code (?P<status>\d+).{0,40}?Response body: '?\s*<", re.DOTALL)
_AT_WORK = ("starting up", "shutting down", "too many", "recovery", "remaining connection", "terminating")
_REFUSALS = ("FATAL:", "(1044", "(1045", "(1049", "Login failed", "Cannot open database")
PROBE_SECONDS = 4.9
"""How long a probe may take, whatever hangs: a name server, a proxy, a database's handshake."""


def is_server(uri: str) -> bool:
    """Tell whether an address is a tracking server, not a database that is accessed directly."""
    return urlsplit(uri).scheme in ("http", "https")


def is_database(uri: str) -> bool:
    """Tell whether an address is a database on a server of its own."""
    return urlsplit(uri).scheme.partition("+")[0] in ("postgresql", "mysql", "mssql")


def is_postgres(uri: str) -> bool:
    """Tell whether an address is a PostgreSQL database that is accessed directly."""
    return urlsplit(uri).scheme.partition("+")[0] == "postgresql"


def is_sqlite(uri: str) -> bool:
    """Tell whether an address is a SQLite database file."""
    return urlsplit(uri).scheme.partition("+")[0] == "sqlite"


def probe_store(uri: str) -> None:
    """Check within five seconds whether a database answers."""
    if is_database(uri):
        within(PROBE_SECONDS, lambda: check_database(uri), uri=uri)
    elif is_sqlite(uri):
        check_sqlite(uri)


def check_kind(uri: str) -> None:
    """Refuse addresses that MLflow accepts but under which nothing could be found again.

    Raises
    ------
    TrackingError
        It names no host or no file.
    """
    if is_server(uri) and not urlsplit(uri).hostname:
        raise _refusal(uri, "it names no host")
    if is_sqlite(uri):
        found = _SQLITE.fullmatch(uri)
        if found is None:
            raise _refusal(uri, "it names no file")
        if found["path"] in ("", ":memory:"):
            raise _refusal(uri, "a database in memory is gone when the command ends")


def remedy(uri: str) -> str:
    """Suggest an address to use instead of one that cannot work."""
    scheme, _, rest = uri.partition(":")
    if scheme in ("postgres", "pg"):
        return "begin the address with `postgresql+psycopg2://`"
    if scheme.partition("+")[0] == "sqlite":
        return "three slashes come before a file at the project's root, four before an absolute path:\n`sqlite:///mlflow.db`"
    if rest.partition("/")[0].isdigit():
        return f"write `http://{redact(uri)}`"
    if is_server(uri):
        return "write `http://HOST:PORT`"
    if scheme == "file" or "://" not in uri:
        return f"use {_PLACES};\n`mlflow migrate-filestore` brings old runs into a database"
    return f"use {_PLACES}"


def _refusal(uri: str, why: str) -> errors.TrackingError:
    return errors.TrackingError(
        "nothing can be kept at this tracking address", where=redact(uri), why=why, hint=remedy(uri)
    )


def within(seconds: float, check: Callable[[], None], *, uri: str) -> None:
    """Run a check in a thread of its own, since no library's timeout covers everything that may hang.

    Raises
    ------
    TrackingAway
        The check raised, or did not end in time.
    """
    failures: list[Exception] = []

    def run() -> None:
        try:
            check()
        except Exception as error:  # raised again by whoever waits
            failures.append(error)

    thread = threading.Thread(target=run, name="runcard-probe", daemon=True)
    thread.start()
    thread.join(seconds)
    if thread.is_alive():
        raise away(uri, f"no answer within {seconds:.0f} seconds")
    if failures:
        if isinstance(failures[0], errors.RuncardError):
            raise failures[0]
        if is_refusal(failures[0]):
            raise errors.TrackingError(
                "the tracking database refuses",
                where=redact(uri),
                why=reason(failures[0]),
                hint="correct the user, the password or the database's name in the address",
            ) from None
        raise away(uri, reason(failures[0])) from None


def check_database(uri: str) -> None:
    """Connect to a database once.

    Raises
    ------
    PackageMissing
        Its driver is not installed.
    """
    import sqlalchemy

    try:
        engine = sqlalchemy.create_engine(uri, poolclass=sqlalchemy.NullPool)
    except ModuleNotFoundError as error:
        raise errors.PackageMissing(
            f"package `{error.name}` is needed to write to this database",
            where=redact(uri),
            hint="`pip install 'runcard[postgres]'` and begin the address with `postgresql+psycopg2://`"
            if is_postgres(uri)
            else f"install it with the other packages, such as `pip install {error.name}`",
        ) from None
    except (sqlalchemy.exc.ArgumentError, ValueError) as error:  # no such driver, no such port
        raise _refusal(uri, redact(str(error))) from None
    engine.connect().close()


def check_sqlite(uri: str) -> None:
    """Check that a database file is one, or can be created.

    Raises
    ------
    TrackingError
        It is not and cannot.
    TrackingAway
        Another program holds it.
    """
    path = sqlite_file(uri)
    if why := _sqlite_trouble(path) if path else "":
        if "locked" in why:
            raise away(uri, why)
        raise errors.TrackingError(
            "MLflow's database cannot be opened",
            where=str(path),
            why=why,
            hint="see that the folder can be written to, or name another one with `--tracking-uri sqlite:///path/to/mlflow.db`",
        )


def sqlite_file(uri: str) -> Path | None:
    """Return the file of a plain SQLite address; None for one in memory or written as `file:`."""
    found = _SQLITE.fullmatch(uri)
    name = unquote(found["path"]) if found else ""
    return None if name in ("", ":memory:") or name.startswith("file:") else Path(name)


def begin_sqlite(path: Path) -> None:
    """Create a database file with a write-ahead log, if there is none.

    It asks the disk to be sure once a transaction instead of four times: MLflow's tables are made in a third
    of the time, a trial's run in two thirds or less. An existing file stays as its owner made it.
    """
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("PRAGMA journal_mode=WAL")


def settle_sqlite(path: Path) -> None:
    """Checkpoint a write-ahead log, so that a copy of the database file is complete."""
    with suppress(sqlite3.Error), closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _sqlite_trouble(path: Path) -> str:
    if path.is_dir():
        return "it is a folder"
    if not path.exists():
        above = next(folder for folder in path.absolute().parents if folder.exists())
        if not above.is_dir():
            return f"{above} is not a folder"
        return "" if os.access(above, os.W_OK) else f"the folder {above} cannot be written"
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True)) as connection:
            connection.execute("PRAGMA schema_version")
            return _lock_on(connection)
    except sqlite3.Error as error:
        return str(error)


def _lock_on(connection: sqlite3.Connection) -> str:
    """Tell whether another program's lock prevents writing to a database; one that is read-only is fine."""
    try:
        connection.execute("BEGIN IMMEDIATE")
    except sqlite3.Error as error:
        return str(error) if "locked" in str(error) else ""
    connection.rollback()
    return ""


def away(uri: str, why: str) -> errors.TrackingAway:
    """Make the error for an address that does not answer."""
    thing = "server" if is_server(uri) else "database"
    return errors.TrackingAway(
        f"the tracking {thing} does not answer",
        where=redact(uri),
        why=why,
        hint=f"what was measured is kept: `runcard sync` delivers it when the {thing} is back",
    )


def is_away(error: Exception) -> bool:
    """Tell whether an exception, or one of its causes, means that the address does not answer, not that it refuses."""
    import requests
    import sqlalchemy.exc as sql

    absent = (requests.ConnectionError, requests.Timeout, sql.OperationalError, sql.InterfaceError)
    if is_refusal(error):
        return False
    files = [cause for cause in _causes(error) if isinstance(cause, sqlite3.Error)]
    if files:
        return any(mark in str(cause) for cause in files for mark in ("locked", "busy"))
    for cause in _causes(error):
        if isinstance(cause, requests.exceptions.RetryError):
            return "too many 500 error" not in str(cause)  # a fault in the server's answer, not its absence
        if isinstance(cause, absent) or getattr(cause, "error_code", "") == "TEMPORARILY_UNAVAILABLE":
            return True
    return False


def unreadable_answer(error: Exception) -> str:
    """Explain why an answer could not be understood, if that is what caused an error."""
    import requests

    kinds = (requests.exceptions.InvalidJSONError, requests.exceptions.ContentDecodingError)
    return next((redact(str(cause)) for cause in _causes(error) if isinstance(cause, kinds)), "")


def is_refusal(error: Exception) -> bool:
    """Tell whether a database answers but refuses the credentials of this address, as opposed to being away."""
    import sqlalchemy.exc as sql

    texts = [str(cause) for cause in _causes(error) if isinstance(cause, sql.DBAPIError)]
    return any(mark in text for text in texts for mark in _REFUSALS) and not any(
        mark in text for text in texts for mark in _AT_WORK
    )


def reason(error: Exception) -> str:
    """Return the line of an exception that says why; that of its first cause if nothing answered."""
    if page := _PAGE.search(str(error)):
        return f"HTTP {page['status']}, a web page: what answered is no MLflow server"
    if is_refusal(error):
        return redact(next(line.strip() for line in str(error).splitlines() if any(m in line for m in _REFUSALS)))
    root = _causes(error)[-1] if is_away(error) else error
    lines = [line.strip() for line in str(root).splitlines() if line.strip()]
    if not lines:
        return type(root).__name__
    return redact(lines[0] if is_away(error) else lines[-1])


def _causes(error: BaseException) -> list[BaseException]:
    chain = [error]
    while (cause := chain[-1].__cause__ or chain[-1].__context__) and cause not in chain:
        chain.append(cause)
    return chain


@contextmanager
def translated(uri: str, what: str) -> Iterator[None]:
    """Convert exceptions of a client or a database into our errors, without credentials and traceback."""
    try:
        yield
    except errors.RuncardError:
        raise
    except Exception as error:
        if is_away(error):
            raise away(uri, reason(error)) from None
        if why := unreadable_answer(error):
            raise errors.TrackingError(
                "the answer of what should be MLflow's server cannot be read",
                where=redact(uri),
                why=why,
                hint="correct the address if it is another server's; look at what stands between, such as a proxy",
            ) from None
        hint = "" if is_server(uri) or is_database(uri) or is_sqlite(uri) else remedy(uri)
        if "mlflow db upgrade" in str(error):
            hint = f"back up the database, then run `mlflow db upgrade {redact(uri)}`"
        if "Can't locate revision" in str(error):
            hint = "a newer MLflow made the database: install that one here, or name another database"
        raise errors.TrackingError(what, where=redact(uri), why=reason(error), hint=hint) from None


def unknown_experiment(uri: str, name: str, names: Sequence[str]) -> errors.ExperimentUnknown:
    """Make the error for an experiment that does not exist."""
    near = errors.nearest(name, names)
    return errors.ExperimentUnknown(
        f"MLflow has no experiment `{name}`",
        where=redact(uri),
        why=f"it has {errors.listing(names)}" if names else "nothing was recorded there yet",
        hint=f"did you mean `{near}`?" if near else "run a card first: `runcard run CARD`",
    )


def deleted_experiment(uri: str, name: str, experiment_id: object) -> errors.ExperimentDeleted:
    """Make the error for an experiment that was deleted."""
    return errors.ExperimentDeleted(
        f"the experiment `{name}` was deleted in MLflow",
        where=redact(uri),
        why="its name stays taken until it is restored or removed for good",
        hint=f"bring it back with `mlflow experiments restore -x {experiment_id}`, or give "
        "`experiment: name` in the card another value",
    )
