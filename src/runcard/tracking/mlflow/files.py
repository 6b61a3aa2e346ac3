"""Files of runs, fetched with MLflow's client."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from runcard.tracking.mlflow.connection import Connection


class MlflowFiles(Connection):
    """The files of runs at one tracking address."""

    def fetch(self, run_id: str, name: str, folder: Path) -> bool:
        """Copy a file or a folder of a run to its place below a folder; tell whether it is there."""
        with self.translated(f"`{name}` of the run {run_id} could not be fetched"):
            above = str(PurePosixPath(name).parent)
            there = {file.path for file in self.client.list_artifacts(run_id, None if above == "." else above)}
            if name not in there:
                return False
            self.client.download_artifacts(run_id, name, str(folder))
            return True
