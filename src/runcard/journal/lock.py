"""Locks by which only one process at a time carries out a card."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from runcard import errors
from runcard.journal.trouble import unusable

PATIENCE_SECONDS = 1.0
"""Long enough for another process to look whether the one that held the card is gone."""


@contextmanager
def hold_card(home: Path, plan_hash: str, *, patience: float = PATIENCE_SECONDS) -> Iterator[None]:
    """Lock a plan for this process; the system releases the lock however the process ends.

    It waits for `patience` seconds if another holds it.

    Raises
    ------
    CardBusy
        Another process holds it.
    """
    from filelock import FileLock, Timeout

    folder = home / "locks"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / f"{plan_hash[:16]}.lock", timeout=patience)
        holder = folder / f"{plan_hash[:16]}.json"
        lock.acquire()
    except Timeout:
        raise _busy(holder) from None
    except OSError as error:
        raise unusable(folder, error) from error
    try:
        holder.write_text(json.dumps(_myself()))
        yield
    finally:
        holder.unlink(missing_ok=True)
        lock.release()


def _myself() -> dict[str, object]:
    now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    return {"pid": os.getpid(), "host": socket.gethostname(), "since": now}


def _busy(holder: Path) -> errors.CardBusy:
    try:
        found = json.loads(holder.read_text())
        who = f"process {found['pid']} on {found['host']}, since {found['since']}"
    except (OSError, ValueError, KeyError):
        who = "another process"
    return errors.CardBusy(
        "this card is being run already",
        where=who,
        why="two at once would do the same trials twice",
        hint="wait for it, or stop it; what it has done is kept",
    )


class BegunTrials:
    """A file that notes the trials of a plan whose training has begun."""

    def __init__(self, home: Path, plan_hash: str) -> None:
        self._path = home / "begun" / plan_hash
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._file = self._path.open("a+")
        self._file.seek(0)
        self.earlier = frozenset(self._file.read().split())
        """The keys noted by executions before this one that did not come to their end."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self._file.close()

    def note(self, trial_key: str) -> None:
        """Note that a trial has begun."""
        self._file.write(f"{trial_key}\n")
        self._file.flush()

    def forget(self) -> None:
        """Clear the file when the plan is done."""
        self._path.unlink(missing_ok=True)
