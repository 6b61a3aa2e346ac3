"""Delivery to MLflow of everything that it has not received yet."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from runcard import errors
from runcard.execution import Execution
from runcard.journal import Journal, hold_card, is_begun, open_journal
from runcard.project import Project
from runcard.tracking.backends import connect
from runcard.tracking.delivery import DeliveryReport, deliver
from runcard.workflow.run.outbox import JournalOutbox, address_name


def sync(project: Project) -> DeliveryReport:
    """Deliver what the journal still has for the project's tracking address; count what waits for others."""
    if not is_begun(project.home):
        return DeliveryReport()
    with open_journal(project.home) as journal:
        end_abandoned(journal, project.home)
        waiting = journal.waiting_by_uri()
    elsewhere = {uri: n for uri, n in waiting.items() if uri != address_name(project.tracking_uri, project.root)}
    with JournalOutbox(project.home) as outbox:
        if not outbox.pending(project.tracking_uri):
            return DeliveryReport(elsewhere=elsewhere)
        with connect(project) as tracker:
            return replace(deliver(outbox, tracker, project.tracking_uri), elsewhere=elsewhere)


def end_abandoned(journal: Journal, home: Path, *, held: str | None = None, resumed: str | None = None) -> None:
    """Mark executions that have begun and not ended, and whose process is gone, as interrupted.

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
    """Set the end of an execution to the time of its last write."""
    ended = max(execution.started, journal.last_sign_of(execution.execution_id) or 0.0)
    return replace(execution, status="interrupted", ended=ended)
