"""What one item of an audit came to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from runcard.audit.evidence import Evidence


@dataclass(frozen=True, slots=True)
class Finding:
    """A verdict with its evidence; one that failed comes with the command that mends it."""

    verdict: Literal["passed", "failed", "not applicable"]
    evidence: str
    """What was looked at, and what was seen."""
    mend: str = ""
    """A command, or a line for the card and a command."""


def passed(evidence: str) -> Finding:
    """Find that an item holds."""
    return Finding("passed", evidence)


def failed(evidence: str, mend: str) -> Finding:
    """Find that an item does not hold."""
    return Finding("failed", evidence, mend)


def not_applicable(evidence: str) -> Finding:
    """Find that there is nothing that an item could be about."""
    return Finding("not applicable", evidence)


def unrecorded(what: str, evidence: Evidence) -> Finding:
    """Find that nothing was recorded that an item could be judged by."""
    whose = "the run of its card" if evidence.card_run_id else "this run, which runcard did not make,"
    return failed(f"{whose} has no {what}", evidence.rerun)


def several(words: Sequence[str], limit: int = 5) -> str:
    """Join words, shortened openly."""
    rest = len(words) - limit
    return ", ".join(words[:limit]) + (f" and {rest} more" if rest > 0 else "")


def first_line(text: str, longest: int = 100) -> str:
    """Give the first line of a text, shortened openly."""
    line = text.strip().partition("\n")[0]
    return line if line == text.strip() and len(line) <= longest else f"{line[:longest]}…"
