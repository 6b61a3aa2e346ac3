"""Registered models for tests, made through MLflow's own client."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import runcard


def register(result: runcard.Result, model: str, name: str, *, alias: str = "", tagged: bool = True) -> str:
    """Register the finalist of a model; give the id of its logged model."""
    from mlflow import MlflowClient

    final = next(s for s in result.comparison.standings if s.final is not None and s.record.model == model)
    client = MlflowClient(result.tracking_uri, registry_uri=result.tracking_uri)
    run = client.get_run(result.runs[final.record.trial_key])
    (logged,) = run.outputs.model_outputs
    if not [known for known in client.search_registered_models() if known.name == name]:
        client.create_registered_model(name)
    digest = {"runcard.model_digest": run.data.tags["runcard.model_digest"]} if tagged else {}
    source = client.get_logged_model(logged.model_id).artifact_location
    version = client.create_model_version(name, source, run_id=run.info.run_id, model_id=logged.model_id, tags=digest)
    if alias:
        client.set_registered_model_alias(name, alias, version.version)
    return str(logged.model_id)


def stored_model(result: runcard.Result, model_id: str) -> Path:
    """Find the folder that a logged model's files are kept in."""
    from mlflow import MlflowClient

    return Path(MlflowClient(result.tracking_uri).get_logged_model(model_id).artifact_location.removeprefix("file://"))


def load_pipeline(result: runcard.Result, model_id: str) -> Any:
    """Load the pipeline as plain MLflow does, its types trusted."""
    import mlflow.sklearn

    return mlflow.sklearn.load_model(str(stored_model(result, model_id)))
