"""The tracking backend of a project's address, opened for writing or for reading."""

from __future__ import annotations

from contextlib import suppress
from importlib import import_module

from runcard.project import Project
from runcard.tracking.items import RunReader, Tracker
from runcard.tracking.moved import ARTIFACTS


def import_polars_first() -> None:
    """Import polars, where it is installed, before MLflow does so in a thread: scikit-learn fails on half of it."""
    with suppress(ImportError):
        import_module("polars")


def connect(project: Project, *, makes: bool = True) -> Tracker:
    """Make the project's tracker (importing MLflow takes seconds); unless `makes`, no database is created."""
    from runcard.tracking.mlflow import MlflowTracker

    return MlflowTracker(project.tracking_uri, artifact_root=project.root / ARTIFACTS, makes=makes)


def open_reader(project: Project, where: str = "") -> RunReader:
    """Open the reader of the project's tracking address: of its tables if it is a database, else MLflow's client.

    A condition on datasets is left to the client, which knows the tables that these are in.
    """
    from runcard.tracking.mlflow.tables import open_tables

    reader = None if "dataset" in where else open_tables(project.tracking_uri)
    if reader is not None:
        return reader
    from runcard.tracking.mlflow import MlflowReader

    return MlflowReader(project.tracking_uri)
