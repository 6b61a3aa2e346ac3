"""How a run is to be run again; nothing here changes a number."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Options:
    """What a user may ask of a replay."""

    repeat: int = 1
    """How many times it is run."""
    workers: int | None = None
    """How many processes train; None for the setting, else one for each core."""
    note: Callable[[str], None] = lambda line: None
    """Told, in a line, what is being done."""
