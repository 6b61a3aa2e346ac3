"""Delivering to MLflow what it has not been told yet."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from importlib import import_module

from runcard.journal import is_begun, open_journal
from runcard.project import Project
from runcard.tracking.delivery import DeliveryReport, deliver
from runcard.tracking.items import RunReader, Tracker
from runcard.tracking.moved import ARTIFACTS
from runcard.workflow.run.abandoned import end_abandoned
from runcard.workflow.run.outbox import JournalOutbox, name_of


def import_polars_first() -> None:
    """Import polars, where it is installed, before MLflow does so in a thread: scikit-learn trips over half of it."""
    with suppress(ImportError):
        import_module("polars")


def connect(project: Project, *, makes: bool = True) -> Tracker:
    """Make the project's tracker; importing MLflow takes seconds. Who only adds to what is there makes no database."""
    from runcard.tracking.mlflow import MlflowTracker

    return MlflowTracker(project.tracking_uri, artifact_root=project.root / ARTIFACTS, makes=makes)


def open_reader(project: Project, where: str = "") -> RunReader:
    """Choose who reads the project's tracking address: its tables if they are at hand, else MLflow's client.

    A condition on datasets is left to the client, which knows the tables that these are in.
    """
    from runcard.tracking.mlflow.tables import open_tables

    reader = None if "dataset" in where else open_tables(project.tracking_uri)
    if reader is not None:
        return reader
    from runcard.tracking.mlflow import MlflowReader

    return MlflowReader(project.tracking_uri)


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
