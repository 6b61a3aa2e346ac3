"""MLflow's scoring server for a model that is already loaded, in this process."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from runcard import errors
from runcard.tracking.mlflow.connection import quiet_mlflow


class _Predictor:
    """A pipeline behind the interface that MLflow's server calls."""

    def __init__(self, pipeline: Any) -> None:
        self._pipeline = pipeline

    def predict(self, rows: Any, params: Any = None) -> Any:
        return self._pipeline.predict(rows)


def serve_pipeline(pipeline: Any, folder: Path, listener: socket.socket, on_ready: Callable[[], None]) -> None:
    """Serve a model folder's pipeline on a bound socket until Ctrl-C or SIGTERM, then finish pending requests.

    The folder gives the signature, by which MLflow checks requests.
    """
    with quiet_mlflow(), _environment_kept():
        import uvicorn
        from mlflow.models import Model
        from mlflow.pyfunc import PyFuncModel, scoring_server

        class Server(uvicorn.Server):
            async def startup(self, sockets: list[socket.socket] | None = None) -> None:
                await super().startup(sockets)
                if self.started:
                    on_ready()

        try:
            described = Model.load(str(folder / "MLmodel"))
        except Exception as error:  # a damaged description may make its reader raise anything
            raise errors.ModelDamaged(
                "the model's signature cannot be read",
                where="MLmodel",
                why=f"{type(error).__name__}: {error}",
                hint="register a model that `runcard run` made",
            ) from None
        app = scoring_server.init(PyFuncModel(described, _Predictor(pipeline)))
        server = Server(uvicorn.Config(app, log_level="warning", lifespan="off"))
        with suppress(KeyboardInterrupt):
            server.run(sockets=[listener])


@contextmanager
def _environment_kept() -> Iterator[None]:
    """Restore the environment variables that MLflow's server changes."""
    before = dict(os.environ)
    try:
        yield
    finally:
        for name in os.environ.keys() - before.keys():
            del os.environ[name]
