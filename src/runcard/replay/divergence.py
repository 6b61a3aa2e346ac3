"""The divergence: the first thing that came out otherwise."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Divergence:
    """The first thing that came out otherwise."""

    what: str
    """`outputs`, the name of a metric, or a column of the predictions."""
    fold: int | None = None
    """From 1; None for the test rows."""
    row: int | None = None
    """The row's number in the table, from 0."""
    id: str | None = None
    """What the card's id column calls the row."""
    recorded: str = ""
    now: str = ""
    by: float | None = None
    """How much the two differ, where they are numbers."""

    def __str__(self) -> str:
        """Say it in a line."""
        place = "on the test rows" if self.fold is None else f"on fold {self.fold}"
        named = f", id {self.id}" if self.id is not None else ""
        row = "" if self.row is None else f", row {self.row}{named}"
        much = "" if self.by is None else f", {self.by:.3g} apart"
        return f"{self.what} {place}{row}: {self.recorded}, now {self.now}{much}"
