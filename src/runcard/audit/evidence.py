"""The evidence of an audit: what was recorded of a run; None or empty where nothing was."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from runcard.tags import CARD_PATH_TAG


@dataclass(frozen=True, slots=True)
class Finding:
    """A verdict with its evidence; a failed one names the command that fixes it."""

    verdict: Literal["passed", "failed", "not applicable"]
    evidence: str
    """What was looked at, and what was seen."""
    mend: str = ""
    """A command, or a line for the card and a command."""


def passed(evidence: str) -> Finding:
    """Make the finding that an item holds."""
    return Finding("passed", evidence)


def failed(evidence: str, mend: str) -> Finding:
    """Make the finding that an item does not hold."""
    return Finding("failed", evidence, mend)


def not_applicable(evidence: str) -> Finding:
    """Make the finding that an item does not apply to the run."""
    return Finding("not applicable", evidence)


def unrecorded(what: str, evidence: Evidence) -> Finding:
    """Make the finding that nothing was recorded to judge an item by."""
    whose = "the run of its card" if evidence.card_run_id else "this run, which runcard did not make,"
    return failed(f"{whose} has no {what}", evidence.rerun)


def several(words: Sequence[str], limit: int = 5) -> str:
    """Join words with commas; where some are left out, the text says so."""
    rest = len(words) - limit
    return ", ".join(words[:limit]) + (f" and {rest} more" if rest > 0 else "")


def first_line(text: str, longest: int = 100) -> str:
    """Give the first line of a text; where it is shortened, the text shows it."""
    line = text.strip().partition("\n")[0]
    return line if line == text.strip() and len(line) <= longest else f"{line[:longest]}…"


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
    """Whether and where the content of a run's data is stored, looked up by its fingerprint."""

    place: str | None
    """In words; None if it is nowhere."""
    reason: str = ""
    """Why it is nowhere, or cannot be looked for."""


@dataclass(frozen=True, slots=True)
class RecordedReplay:
    """A replay of the audited run, as the replay's own MLflow run describes it."""

    run_id: str
    verdict: str
    is_deterministic: bool | None
    """Whether it came out the same each time; None where it was run once."""
    date: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Everything that an audit judges a run by."""

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
        """Give one of the recorded parts; empty where it was not recorded."""
        found = self.parts.get(name)
        return found if isinstance(found, Mapping) else {}

    def section(self, name: str) -> Mapping[str, Any]:
        """Give a section of the card; empty where the card has none."""
        found = (self.card or {}).get(name)
        return found if isinstance(found, Mapping) else {}

    @property
    def rerun(self) -> str:
        """The command that runs the card again and so records what is missing."""
        path = self.tags.get(CARD_PATH_TAG, "CARD")
        return f"runcard run {shlex.quote(path)}" + (" --fresh" if self.card_run_id else "")
