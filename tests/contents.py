"""All that MLflow has of an experiment and that two deliveries of the same records must have in common."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mlflow import MlflowClient

from runcard.tracking.mlflow import MlflowTracker, quiet_mlflow


def contents_of(uri: str, experiment: str, *, but: str = "") -> list[list[Any]]:
    """List an experiment's runs: what they are, their values with how often each was logged, files and models."""
    with MlflowTracker(uri, artifact_root=Path("unused")) as tracker:
        found = [row for row in tracker.read_runs(experiment) if row.tags["runcard.kind"] != but]
    cards = {row.run_id for row in found if row.tags["runcard.kind"] == "card"}
    with quiet_mlflow():
        client = MlflowClient(uri)
        rows = [
            [
                row.tags.get("runcard.trial_key", "card"),
                row.status,
                row.tags.get("mlflow.parentRunId") in cards,
                dict(row.params),
                {name: len(client.get_metric_history(row.run_id, name)) for name in sorted(row.metrics)},
                {name: value for name, value in row.metrics.items() if name.startswith(("cv_", "test_", "best_"))},
                sorted(entry.path for entry in client.list_artifacts(row.run_id)),
                _inputs_and_models(client, experiment, row.run_id),
            ]
            for row in found
        ]
    return sorted(rows, key=repr)


def _inputs_and_models(client: MlflowClient, experiment: str, run_id: str) -> list[str]:
    run = client.get_run(run_id)
    where = [client.get_experiment_by_name(experiment).experiment_id]
    models = client.search_logged_models(where, filter_string=f"source_run_id = '{run_id}'")
    outputs = run.outputs.model_outputs if run.outputs else []
    inputs = run.inputs.dataset_inputs if run.inputs else []
    return [f"{len(inputs)} inputs", f"{len(outputs)} outputs", *(str(model.status) for model in models)]
