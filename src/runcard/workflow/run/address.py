"""Checks before training whether records can be delivered to the project's tracking address.

Why: docs/adr/0030-an-address-is-judged-before-training.md
"""

from __future__ import annotations

from contextlib import suppress

from runcard import errors
from runcard.project import Project
from runcard.tracking import addresses
from runcard.tracking.judged import ask_plainly, judge_server
from runcard.tracking.mlflow.revision import newest_revision
from runcard.tracking.mlflow.tables import open_tables
from runcard.tracking.moved import ARTIFACTS

LONGEST_PLACE = 200 - len(f"/{'0' * 32}/artifacts")
"""Characters of the folder that runs are kept below, where a database keeps 200 of a run's own place."""


def heed_address(project: Project, experiment: str) -> None:
    """Refuse an address that can never work; one that does not answer now is accepted.

    Raises
    ------
    TrackingError
    """
    uri = project.tracking_uri
    with suppress(errors.TrackingAway):
        addresses.check_kind(uri)
        _check_length(project)
        if not _is_fine(uri, experiment):
            _ask_mlflow(uri, experiment)


def _check_length(project: Project) -> None:
    """Check that the paths of files fit into the database's columns."""
    place = (project.root / ARTIFACTS).as_uri()
    if addresses.is_database(project.tracking_uri) and len(place) > LONGEST_PLACE:
        raise errors.TrackingError(
            "the path of the project is too long for MLflow's database",
            where=str(project.root),
            why=f"runs are kept below {place}, {len(place)} characters; the database takes {LONGEST_PLACE}",
            hint="move the project to a shorter path, or record to a tracking server",
        )


def _is_fine(uri: str, experiment: str) -> bool:
    """Check without MLflow, whose import takes seconds; False leaves the check to MLflow."""
    if addresses.is_server(uri):
        return _answers_well(uri, experiment)
    if not (addresses.is_sqlite(uri) or addresses.is_postgres(uri)):
        return False
    addresses.probe_store(uri)
    if (file := addresses.sqlite_file(uri)) and not file.exists():
        return True
    tables = open_tables(uri)
    if tables is None:
        return False
    with tables:
        if tables.revision() != newest_revision():
            return False
        tables.has_experiment(experiment)
        return True


def _answers_well(uri: str, experiment: str) -> bool:
    import requests

    try:
        addresses.within(addresses.PROBE_SECONDS, lambda: judge_server(uri, ask_plainly(uri), experiment), uri=uri)
    except errors.TrackingAway:
        raise
    except (errors.TrackingError, requests.RequestException):
        return False
    return True


def _ask_mlflow(uri: str, experiment: str) -> None:
    from runcard.tracking.mlflow import MlflowReader

    with MlflowReader(uri) as reader:
        reader.judge(experiment)
