"""Files of runs, fetched with MLflow's client."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from runcard.bounds import MOST_RECORD_BYTES
from runcard.tracking.mlflow.connection import Connection
from runcard.tracking.mlflow.downloads import download


class MlflowFiles(Connection):
    """The files of runs at one tracking address."""

    def fetch(self, run_id: str, name: str, folder: Path) -> bool:
        """Copy a file or a folder of a run to its place below a folder; tell whether it is there."""
        with self.translated(f"`{name}` of the run {run_id} could not be fetched"):
            above = str(PurePosixPath(name).parent)
            listed = self.client.list_artifacts(run_id, None if above == "." else above)
            if name not in {file.path for file in listed}:
                return False
            address = f"{self.client.get_run(run_id).info.artifact_uri}/{name}"
            download(address, folder / above, self.client.tracking_uri, most=MOST_RECORD_BYTES)
            return True
