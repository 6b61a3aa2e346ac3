"""Files of runs, fetched with MLflow's client."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from runcard.bounds import MOST_RECORD_BYTES
from runcard.tracking.mlflow.connection import Connection


class MlflowFiles(Connection):
    """The files of runs at one tracking address."""

    def fetch(self, run_id: str, name: str, folder: Path) -> bool:
        """Copy a file or a folder of a run to its place below a folder; tell whether it is there."""
        with self.translated(f"`{name}` of the run {run_id} could not be fetched"):
            above = str(PurePosixPath(name).parent)
            listed = self.client.list_artifacts(run_id, None if above == "." else above)
            there = {file.path: file.file_size or 0 for file in listed}
            if name not in there:
                return False
            if there[name] > MOST_RECORD_BYTES:
                raise ValueError(f"it is larger than {MOST_RECORD_BYTES / 1e6:,.0f} MB")
            self.client.download_artifacts(run_id, name, str(folder))
            return True
