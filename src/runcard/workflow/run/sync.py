"""Delivering to MLflow what it has not been told yet."""

from __future__ import annotations

from dataclasses import replace

from runcard.journal import is_begun, open_journal
from runcard.project import Project
from runcard.tracking.backends import connect
from runcard.tracking.delivery import DeliveryReport, deliver
from runcard.workflow.run.abandoned import end_abandoned
from runcard.workflow.run.outbox import JournalOutbox, name_of


def sync(project: Project) -> DeliveryReport:
    """Deliver all that the journal still has to tell the project's tracking address; count what waits for others."""
    if not is_begun(project.home):
        return DeliveryReport()
    with open_journal(project.home) as journal:
        end_abandoned(journal, project.home)
        waiting = journal.waiting_by_uri()
    elsewhere = {uri: n for uri, n in waiting.items() if uri != name_of(project.tracking_uri, project.root)}
    with JournalOutbox(project.home) as outbox:
        if not outbox.pending(project.tracking_uri):
            return DeliveryReport(elsewhere=elsewhere)
        with connect(project) as tracker:
            return replace(deliver(outbox, tracker, project.tracking_uri), elsewhere=elsewhere)
