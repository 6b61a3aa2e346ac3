"""Who wants to hear how a run goes: a progress bar, plain lines, or nobody."""

from __future__ import annotations

from dataclasses import dataclass

from runcard.comparison import Comparison
from runcard.decision import Decision
from runcard.plan import Plan
from runcard.record import Record


@dataclass(frozen=True, slots=True)
class Counts:
    """How far the trials are."""

    done: int
    failed: int
    left: int
    stopped: int = 0
    """How many fell behind others and were stopped early."""
    interrupted: int = 0
    """How many of those left an earlier execution had begun."""
    impossible: int = 0
    """How many have hyperparameters that do not go together."""

    @property
    def known(self) -> int:
        """How many have their record."""
        return self.done + self.failed + self.stopped + self.impossible


class Listener:
    """Hears everything and says nothing; others override what they want to show."""

    def note(self, text: str) -> None:
        """Hear one sentence for the user."""

    def warn(self, text: str) -> None:
        """Hear one sentence that the user should not miss."""

    def planned(self, plan: Plan, counts: Counts) -> None:
        """Hear that trials are about to begin."""

    def recorded(self, record: Record, counts: Counts, best: Record | None) -> None:
        """Hear that a trial is done or failed, and which is the best so far."""

    def ranked(self, comparison: Comparison, plan: Plan, decision: Decision | None) -> None:
        """Hear that all trials are done, and which is chosen."""

    def step(self, text: str) -> None:
        """Hear what is going on now that no trial runs."""

    def finished(self) -> None:
        """Hear that nothing more is going on, however it ended."""
