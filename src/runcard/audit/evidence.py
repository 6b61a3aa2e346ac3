"""What is known of a run from what was recorded of it; None and empty where nothing was."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

FileState = Literal["same", "changed", "gone"]
"""A file with a recorded digest: as it was, otherwise, or not there any more."""


@dataclass(frozen=True, slots=True)
class KeptModel:
    """The model that a run kept."""

    digest: str | None
    """What its files must hash to; None where nothing says it."""
    state: FileState | None
    """None where it was not looked at, for want of a digest."""


@dataclass(frozen=True, slots=True)
class StoredData:
    """Where the content of a run's data is, looked for by its fingerprint."""

    place: str | None
    """In words; None if it is nowhere."""
    reason: str = ""
    """Why it is nowhere, or cannot be looked for."""


@dataclass(frozen=True, slots=True)
class RecordedReplay:
    """A replay of the run, as its own run tells."""

    run_id: str
    verdict: str
    is_deterministic: bool | None
    """Whether it came out the same each time; None where it was run once."""
    date: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """All that an audit looks at."""

    run_id: str
    name: str
    experiment: str
    card_run_id: str | None = None
    """The run of its card; None for a run that runcard did not make."""
    tags: Mapping[str, str] = field(default_factory=dict)
    """Those of its card's run, and its own over them."""
    params: Mapping[str, str] = field(default_factory=dict)
    altered: tuple[str, ...] | None = None
    """What of its record is not as it was written, in words; None where nothing says what it was."""
    card: Mapping[str, Any] | None = None
    """The card that was run, parsed."""
    plan: Mapping[str, Any] | None = None
    parts: Mapping[str, Any] = field(default_factory=dict)
    """What surrounded it: `code`, `environment`, `hardware`, `container`, `notebooks`, `seeds`."""
    code_problem: str = ""
    """Why the uncommitted code cannot be taken out of the record any more, if so."""
    pushed_since: bool | None = None
    """Whether a remote branch has the commit by now, as far as this clone knows."""
    hyperparameters: Mapping[str, Any] | None = None
    """The exact ones."""
    feature_set: str | None = None
    split: FileState | None = None
    """The row numbers of train, test and folds; None where they were not kept."""
    data: StoredData | None = None
    model: KeptModel | None = None
    replays: tuple[RecordedReplay, ...] = ()
    """The newest first."""

    def part(self, name: str) -> Mapping[str, Any]:
        """Give one of the parts; empty where it was not recorded."""
        found = self.parts.get(name)
        return found if isinstance(found, Mapping) else {}

    def section(self, name: str) -> Mapping[str, Any]:
        """Give a section of the card; empty where it has none."""
        found = (self.card or {}).get(name)
        return found if isinstance(found, Mapping) else {}

    @property
    def rerun(self) -> str:
        """The command that records it anew."""
        path = self.tags.get("runcard.card_path", "CARD")
        return f"runcard run {shlex.quote(path)}" + (" --fresh" if self.card_run_id else "")
