"""Options of running a run again, none of which changes a number."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass

MODE_VARIABLE = "RUNCARD_REPLAY_MODE"
"""Set to `isolated` for the process that runs a replay in a rebuilt environment, so that the replay says so."""


TRUSTED_VARIABLE = "RUNCARD_REPLAY_TRUSTED"
"""Set for that process to the reason why the code may run."""
OWN_CODE = "it is this project's own code"


def present_trust() -> str:
    """Say why the code that this process runs is trusted."""
    return os.environ.get(TRUSTED_VARIABLE, OWN_CODE) if present_mode() == "isolated" else OWN_CODE


def present_mode() -> str:
    """Tell where this process runs a replay: `here`, or `isolated`."""
    return "isolated" if os.environ.get(MODE_VARIABLE) == "isolated" else "here"


@dataclass(frozen=True, slots=True)
class Options:
    """What a user may ask of a replay."""

    repeat: int = 1
    """How many times it is run."""
    workers: int | None = None
    """How many processes train; None for the setting, else one for each core."""
    note: Callable[[str], None] = lambda line: None
    """Told, in a line, what is being done."""
    allow_code: bool = False
    """Whether code of the run may run that nobody is known to answer for."""
    sandbox: bool = False
    """Whether it runs without network, home and anything to write to but its own folder."""
    ask: Callable[[str], bool] | None = None
    """Asked whether such code may run, told what it is; None where nobody can be asked."""
