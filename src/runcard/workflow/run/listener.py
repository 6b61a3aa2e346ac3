"""Listeners to the progress of a run, such as a progress bar or plain lines; the base class shows nothing."""

from __future__ import annotations

from dataclasses import dataclass

from runcard.comparison import Comparison
from runcard.decision import Decision
from runcard.plan import Plan
from runcard.record import Record


@dataclass(frozen=True, slots=True)
class Counts:
    """The progress of the trials, as counts."""

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
        """The number of trials that have a record."""
        return self.done + self.failed + self.stopped + self.impossible


class Listener:
    """Receives all events of a run and shows nothing; subclasses override what they show."""

    def note(self, text: str) -> None:
        """Receive a sentence for the user."""

    def warn(self, text: str) -> None:
        """Receive a warning for the user."""

    def planned(self, plan: Plan, counts: Counts) -> None:
        """Receive that trials are about to begin."""

    def recorded(self, record: Record, counts: Counts, best: Record | None) -> None:
        """Receive that a trial is done or failed, and which is the best so far."""

    def ranked(self, comparison: Comparison, plan: Plan, decision: Decision | None) -> None:
        """Receive that all trials are done, and which one is chosen."""

    def step(self, text: str) -> None:
        """Receive what is going on while no trial runs."""

    def finished(self) -> None:
        """Receive that the run is over, however it ended."""
