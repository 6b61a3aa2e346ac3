"""The file `runcard.lock`: the content that each dataset name and path stands for; committed with the project.

It is TOML with one table a name, sorted, and one fact a line, so that git merges what two branches locked. A column's
line holds its type and the first digits of its digest: a change is told by column even when the old content is gone.
"""

from __future__ import annotations

import json
import os
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from runcard import errors
from runcard.bounds import read_bounded
from runcard.data.fingerprint import ColumnFingerprint, Fingerprint
from runcard.data.locked import DvcVersion, FileContent, Locked
from runcard.durable import write_whole

NAME = "runcard.lock"
VERSION = 1
PATIENCE_SECONDS = 30.0

_HEAD = f"""\
# What content each dataset stands for. Commit this file; `runcard lock` and the first `runcard run` write it.
version = {VERSION}
"""
_BARE = re.compile(r"[A-Za-z0-9_-]+")
_MARKER = re.compile(r"^(<{7}|={7}|>{7}|\|{7})( |$)", re.MULTILINE)

Lock = Mapping[str, Locked]
"""What is locked, by name."""


def read_lock(root: Path) -> Lock:
    """Read a project's lock file; empty where there is none.

    Raises
    ------
    LockUnreadable
        It is not what runcard writes, or a merge left both sides in it.
    """
    path = root / NAME
    try:
        text = read_bounded(path).decode()
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise _unreadable(path, str(getattr(error, "strerror", None) or error)) from None
    if marker := _MARKER.search(text):
        raise _conflict(path, text.count("\n", 0, marker.start()) + 1)
    try:
        tables = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise _unreadable(path, str(error)) from None
    _check_version(path, tables.pop("version", None))
    return {name: _read_entry(path, name, table) for name, table in sorted(tables.items())}


@contextmanager
def lock_for_writing(root: Path, home: Path) -> Iterator[dict[str, Locked]]:
    """Give the locked entries for changing; on exit changes are written atomically.

    Other processes that want to write wait.

    Raises
    ------
    LockUnreadable, FileUnwritable
    """
    from filelock import FileLock, Timeout

    try:
        (home / "locks").mkdir(parents=True, exist_ok=True)
        with FileLock(home / "locks" / NAME, timeout=PATIENCE_SECONDS):
            found = dict(read_lock(root))
            before = dict(found)
            yield found
            if found != before:
                draft = root / f".{NAME}.{os.getpid()}.tmp"
                write_whole(root / NAME, write_text(found).encode(), draft=draft)
    except (OSError, Timeout) as error:
        raise errors.FileUnwritable(
            f"{NAME} cannot be written",
            where=str(root / NAME),
            why=str(getattr(error, "strerror", None) or error),
            hint="make the project's folder writable; what content a name stands for must be kept with it",
        ) from None


def write_text(lock: Lock) -> str:
    """Write locked entries as TOML text."""
    return _HEAD + "".join(f"\n[{_key(name)}]\n{_entry(found)}" for name, found in sorted(lock.items()))


def _entry(found: Locked) -> str:
    facts: dict[str, object] = {
        "fingerprint": found.content.digest,
        "rows": found.content.n_rows,
        "source": found.source,
        "function": found.function or None,
        "na_values": list(found.na_values) or None,
        "bytes": found.file and found.file.n_bytes,
        "sha256": found.file and found.file.sha256,
        "dvc_md5": found.dvc and found.dvc.md5,
        "git_revision": (found.dvc and found.dvc.revision) or None,
        "locked": found.locked,
        "reason": found.reason or None,
    }
    lines = [f"{key} = {_value(value)}\n" for key, value in facts.items() if value is not None]
    lines.append(f"\n[{_key(found.name)}.columns]\n")
    columns = (f'{{type = {_value(column.type)}, digest = "{column.digest}"}}' for column in found.content.columns)
    names = (_key(column.name) for column in found.content.columns)
    return "".join([*lines, *(f"{name} = {text}\n" for name, text in zip(names, columns, strict=True))])


def _key(name: str) -> str:
    return name if _BARE.fullmatch(name) else _value(name)


def _value(value: object) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    # JSON's texts, numbers and lists are TOML's, but for this one character.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _read_entry(path: Path, name: str, table: Any) -> Locked:
    def fact(key: str, kind: type, default: Any = None) -> Any:
        value = table.get(key, default)
        if not isinstance(value, kind) or isinstance(value, bool):
            raise ValueError(f"`{key}` is {'missing' if key not in table else 'not what it should be'}")
        return value

    try:
        if not isinstance(table, dict):
            raise ValueError("it is no table")
        return _locked(name, table, fact)
    except ValueError as error:
        raise _unreadable(path, f"{error} in `[{_key(name)}]`") from None


def _locked(name: str, table: Mapping[str, Any], fact: Callable[..., Any]) -> Locked:
    columns = tuple(_read_column(*item) for item in fact("columns", dict).items())
    return Locked(
        name=name,
        source=fact("source", str),
        content=Fingerprint(fact("fingerprint", str), fact("rows", int), columns),
        locked=fact("locked", datetime),
        na_values=tuple(str(value) for value in fact("na_values", list, [])),
        function=fact("function", str, ""),
        file=FileContent(fact("bytes", int), fact("sha256", str)) if "sha256" in table else None,
        dvc=DvcVersion(fact("dvc_md5", str), fact("git_revision", str, "")) if "dvc_md5" in table else None,
        reason=fact("reason", str, ""),
    )


def _read_column(name: str, value: Any) -> ColumnFingerprint:
    if not (isinstance(value, dict) and all(isinstance(value.get(key), str) for key in ("type", "digest"))):
        raise ValueError(f"column `{name}` is not what it should be")
    return ColumnFingerprint(name, value["type"], value["digest"])


def _check_version(path: Path, found: object) -> None:
    if found != VERSION:
        raise errors.LockUnreadable(
            f"{NAME} is of version {found}",
            where=str(path),
            why=f"this runcard reads version {VERSION}",
            hint="install the runcard that the project is worked on with",
        )


def _conflict(path: Path, line: int) -> errors.LockUnreadable:
    return errors.LockUnreadable(
        f"{NAME} holds both sides of a merge",
        where=f"{path}:{line}",
        why="two branches locked the same name, or names that are neighbours, and git did not know which to take",
        hint="keep both tables where they are of different names, else the one whose content is to stand; "
        "then take\nthe lines that git put in out and ask `runcard data verify`",
    )


def _unreadable(path: Path, why: str) -> errors.LockUnreadable:
    return errors.LockUnreadable(
        f"{NAME} cannot be read",
        where=str(path),
        why=why,
        hint=f"bring it back with `git checkout {NAME}`; it is written by runcard and not by hand",
    )
