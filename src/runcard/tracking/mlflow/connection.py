"""A connection to MLflow at one address, opened quietly, with its exceptions translated."""

from __future__ import annotations

import logging
import os
import threading
import warnings
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Self

from runcard import errors
from runcard.tracking import addresses
from runcard.tracking.judged import judge_server
from runcard.tracking.mlflow.answers import bounded_answers
from runcard.tracking.mlflow.opening import let_go, open_client

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Experiment

PAGE = 1000
"""Runs asked for at once."""

# No retry below ours: a request to create a run, sent twice, makes two runs. No question asked of the user's
# network, no bars and addresses printed between the lines of a progress bar.
ENVIRONMENT = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "30",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
}
LOGGERS = ("mlflow", "alembic", "sqlalchemy.engine")


@contextmanager
def quiet_mlflow() -> Iterator[None]:
    """Import MLflow and, in this thread, stop it from printing, sending telemetry and retrying for minutes.

    Variables that the user has set stay as they are; the others are removed at the end. What MLflow logs on
    behalf of other threads is still printed.
    """
    ours = {name: value for name, value in ENVIRONMENT.items() if name not in os.environ}
    os.environ.update(ours)
    # Nothing that the user could act on. They are not caught and let go again: that is for one thread only.
    warnings.filterwarnings("ignore", category=DeprecationWarning, module=r"(mlflow|sqlalchemy|alembic)\b")
    warnings.filterwarnings("ignore", message="Hint: Inferred schema contains integer", module=r"mlflow\b")
    thread = threading.get_ident()

    def from_elsewhere(record: logging.LogRecord) -> bool:
        return record.thread != thread

    try:
        import mlflow.tracking  # noqa: F401  (its import sets up the handlers)

        handlers = {handler for name in LOGGERS for handler in logging.getLogger(name).handlers}
        for handler in handlers:
            handler.addFilter(from_elsewhere)
        try:
            with bounded_answers():
                yield
        finally:
            for handler in handlers:
                handler.removeFilter(from_elsewhere)
    finally:
        for name in ours:
            os.environ.pop(name, None)


class Connection:
    """MLflow at one tracking address.

    Parameters
    ----------
    uri
        `sqlite:///file.db`, another database, or the address of a server.
    """

    makes = False
    """Whether a database is made where there is none."""

    def __init__(self, uri: str) -> None:
        self.uri = uri
        self._exits = ExitStack()

    def __enter__(self) -> Self:
        self._exits.enter_context(quiet_mlflow())
        return self

    def __exit__(self, *exc: object) -> None:
        self._exits.close()
        self.__dict__.pop("client", None)
        if (file := addresses.sqlite_file(self.uri)) and file.exists():
            addresses.settle_sqlite(file)

    def probe(self) -> None:
        """Check within five seconds whether the backend answers."""
        if addresses.is_server(self.uri):
            addresses.within(addresses.PROBE_SECONDS, lambda: judge_server(self.uri, self._ask), uri=self.uri)
        elif addresses.is_database(self.uri) or addresses.is_sqlite(self.uri):
            addresses.probe_store(self.uri)
        else:
            self.client  # noqa: B018  (MLflow judges the address)

    @cached_property
    def client(self) -> MlflowClient:
        """Connect to MLflow."""
        with self.translated("MLflow's store could not be opened"):
            client = open_client(self.uri, self._exits, makes=self.makes)
        self._exits.callback(let_go, client.tracking_uri)
        return client

    def _ask(self, path: str) -> tuple[int, bytes]:
        from mlflow.utils.credentials import get_default_host_creds
        from mlflow.utils.rest_utils import http_request

        credentials = get_default_host_creds(self.uri)  # type: ignore[no-untyped-call]
        answer = http_request(  # type: ignore[no-untyped-call]
            credentials, path, "GET", max_retries=0, timeout=addresses.PROBE_SECONDS, raise_on_status=False
        )
        return answer.status_code, answer.content

    def live(self, experiment: Experiment) -> Experiment:
        """Return an experiment unless it was deleted.

        Raises
        ------
        ExperimentDeleted
        """
        if experiment.lifecycle_stage == "active":
            return experiment
        raise addresses.deleted_experiment(self.uri, experiment.name, experiment.experiment_id)

    def unknown(self, name: str) -> errors.ExperimentUnknown:
        """Make the error for an experiment that does not exist."""
        names = [experiment.name for experiment in self.client.search_experiments(max_results=PAGE)]
        return addresses.unknown_experiment(self.uri, name, names)

    def translated(self, what: str) -> AbstractContextManager[None]:
        """Convert MLflow's exceptions into our errors, without credentials and traceback."""
        return addresses.translated(self.uri, what)
