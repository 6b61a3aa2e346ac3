"""The origin of a registered model: its trial's run, and the run of the card."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from runcard.bounds import MOST_TEXT_BYTES
from runcard.tags import MODEL_DIGEST_TAG
from runcard.tracking import seal
from runcard.tracking.items import PARENT_TAG
from runcard.tracking.mlflow.downloads import download
from runcard.tracking.mlflow.reader import run_row
from runcard.tracking.mlflow.registry import MlflowRegistry
from runcard.tracking.versions import ModelOrigin, ModelVersion

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

_CARD = "card.yaml"


def read_origin(registry: MlflowRegistry, version: ModelVersion) -> ModelOrigin:
    """Read what a version's runs tell of its origin; nothing for deleted runs."""
    with registry.translated(f"the run of `{version}` could not be read"):
        run = _run(registry.client, version.run_id)
        tags = run.data.tags if run else {}
        parent = _run(registry.client, tags.get(PARENT_TAG))
        card = _card(registry.client, parent) if parent else None
        return ModelOrigin(
            digest=version.digest or tags.get(MODEL_DIGEST_TAG),
            card=card,
            altered=(*_altered(run, {}), *_altered(parent, {_CARD: None if card is None else card.encode()})),
        )


def _altered(run: Run | None, files: Mapping[str, bytes | None]) -> list[str]:
    if run is None or not seal.is_ours(row := run_row(run)):
        return []
    return [f"{row.name}: {said}" for said in (*seal.unlike(row), *seal.unlike_files(row, files))]


def _run(client: MlflowClient, run_id: str | None) -> Run | None:
    from mlflow.exceptions import MlflowException

    if not run_id:
        return None
    try:
        return client.get_run(run_id)
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
    return None


def _card(client: MlflowClient, run: Run) -> str | None:
    if not any(file.path == _CARD for file in client.list_artifacts(run.info.run_id)):
        return None
    with tempfile.TemporaryDirectory(prefix="runcard-") as folder:
        address = f"{run.info.artifact_uri}/{_CARD}"
        file = download(address, Path(folder), client.tracking_uri, most=MOST_TEXT_BYTES)
        return file.read_bytes().decode("utf-8", "replace")
