"""Serving predictions of a registered model over HTTP."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from runcard.project import Project, find_project
from runcard.tracking.mlflow.page import HOST, listening
from runcard.tracking.versions import ModelVersion
from runcard.workflow.models.load import LoadedModel, open_model

PORT = 5001
_EVERYWHERE = {"": HOST, "0.0.0.0": HOST, "::": "::1"}


@dataclass(frozen=True, slots=True)
class ServedModel:
    """A model that is served at an address."""

    version: ModelVersion
    address: str
    request: dict[str, Any] | None
    """One row of the model's input example, as it is asked with; None if it has none."""
    warnings: tuple[str, ...]
    signed: str = ""
    """Who signed the model, in words; empty where nobody did."""

    @property
    def curl(self) -> str:
        """A shell command that requests the prediction of the example row."""
        body = shlex.quote(json.dumps(self.request or {}, ensure_ascii=False))
        return f"curl {self.address}/invocations -H 'Content-Type: application/json' -d {body}"


def serve_model(
    model: str,
    *,
    project: Project | None = None,
    host: str = HOST,
    port: int = PORT,
    allow_code: bool = False,
    on_ready: Callable[[ServedModel], None] = lambda served: None,
) -> None:
    """Run MLflow's scoring server for a registered model, in this process, until Ctrl-C.

    It serves the model that was fetched and checked; see `open_model`, also for what is raised.

    Raises
    ------
    TrackingError
        The port is taken.
    """
    from runcard.tracking.mlflow import serve_pipeline

    with (
        listening(host, port, command=f"runcard serve {model}") as listener,
        open_model(model, project or find_project(), allow_code=allow_code) as loaded,
    ):
        served = _served(loaded, host, port)
        serve_pipeline(loaded.pipeline, loaded.description.folder, listener, lambda: on_ready(served))


def _served(loaded: LoadedModel, host: str, port: int) -> ServedModel:
    host = _EVERYWHERE.get(host, host)
    shown = f"[{host}]" if ":" in host else host
    example = loaded.description.example_row()
    request = {"dataframe_split": example} if example else None
    return ServedModel(loaded.version, f"http://{shown}:{port}", request, loaded.warnings, loaded.signed)
