"""Executions whose process was killed: whoever comes next ends them, in the journal and so in MLflow."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from runcard import errors
from runcard.execution import Execution
from runcard.journal import Journal, hold_card


def end_abandoned(journal: Journal, home: Path, *, held: str | None = None, resumed: str | None = None) -> None:
    """Mark executions that began, have not ended and have no process any more as interrupted.

    Parameters
    ----------
    held
        The plan that this process holds: no other can be carrying it out.
    resumed
        The execution that this process goes on with.
    """
    for execution in journal.running():
        if execution.execution_id == resumed:
            continue
        if execution.plan_hash == held:
            _end(execution.execution_id, journal)
            continue
        with suppress(errors.CardBusy), hold_card(home, execution.plan_hash, patience=0):
            _end(execution.execution_id, journal)


def _end(execution_id: str, journal: Journal) -> None:
    execution = journal.execution(execution_id)
    if execution.status == "running":  # it may have ended while its lock was waited for
        journal.end(_interrupted(execution, journal), *journal.addresses_of(execution_id))


def _interrupted(execution: Execution, journal: Journal) -> Execution:
    """Let it end with the last thing that it wrote down."""
    ended = max(execution.started, journal.last_sign_of(execution.execution_id) or 0.0)
    return replace(execution, status="interrupted", ended=ended)
