"""Which trials of a plan were begun: a plain file of keys, for telling after a kill what it interrupted.

It is a convenience, not a record: it survives a kill, not a power cut, and nothing but a message depends on it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Self


class BegunTrials:
    """The trials of a plan whose training has begun, noted as it happens."""

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
        """Forget all: the plan is done."""
        self._path.unlink(missing_ok=True)
