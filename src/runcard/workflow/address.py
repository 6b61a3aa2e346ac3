"""Whether records can ever arrive at the project's tracking address, asked before anything is trained."""

from __future__ import annotations

from contextlib import suppress

from runcard import errors
from runcard.project import Project
from runcard.tracking import reach
from runcard.tracking.judged import ask_plainly, judge_server
from runcard.tracking.revision import newest_revision
from runcard.tracking.tables import open_tables


def heed_address(project: Project, experiment: str) -> None:
    """Refuse an address that can never work; one that does not answer is waited for.

    Raises
    ------
    TrackingError
    """
    uri = project.tracking_uri
    with suppress(errors.TrackingAway):
        reach.check_kind(uri)
        if not _is_fine(uri, experiment):
            _ask_mlflow(uri, experiment)


def _is_fine(uri: str, experiment: str) -> bool:
    """Judge without MLflow, whose import takes seconds; False leaves it to MLflow."""
    if reach.is_server(uri):
        return _answers_well(uri, experiment)
    if not (reach.is_sqlite(uri) or reach.is_postgres(uri)):
        return False
    reach.probe_store(uri)
    if (file := reach.sqlite_file(uri)) and not file.exists():
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
        reach.within(reach.PROBE_SECONDS, lambda: judge_server(uri, ask_plainly(uri), experiment), uri=uri)
    except errors.TrackingAway:
        raise
    except (errors.TrackingError, requests.RequestException):
        return False
    return True


def _ask_mlflow(uri: str, experiment: str) -> None:
    from runcard.tracking.mlflow import MlflowReader

    with MlflowReader(uri) as reader:
        reader.judge(experiment)
