"""What an audit wants of a run that the readers leave out: all tags, and the model that it kept."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from runcard.tracking.mlflow.connection import Connection
from runcard.tracking.mlflow.downloads import download

if TYPE_CHECKING:
    from mlflow.entities import LoggedModel


class MlflowDetails(Connection):
    """Single runs at one tracking address, in every detail."""

    def tags_of(self, run_id: str) -> Mapping[str, str]:
        """Give all tags of a run, MLflow's own too."""
        with self.translated(f"the run {run_id} could not be read"):
            found: Mapping[str, str] = self.client.get_run(run_id).data.tags
            return found

    def has_model(self, run_id: str) -> bool:
        """Tell whether a run kept a model."""
        return self._model(run_id) is not None

    def fetch_model(self, run_id: str, folder: Path) -> Path | None:
        """Copy the files of a run's model into a folder and give the one they lie in; None if they are gone."""
        from mlflow.exceptions import MlflowException

        model = self._model(run_id)
        if model is None:
            return None
        with self.translated(f"the model of the run {run_id} could not be fetched"):
            try:
                return download(model.artifact_location, folder, self.client.tracking_uri)
            except MlflowException as error:
                if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                    raise
                return None
            except OSError:  # deleted behind MLflow's back, where its files lie in a folder
                return None

    def _model(self, run_id: str) -> LoggedModel | None:
        with self.translated(f"the models of the run {run_id} could not be listed"):
            run = self.client.get_run(run_id)
            found = self.client.search_logged_models(
                [run.info.experiment_id], filter_string=f"source_run_id = '{run_id}'"
            )
            return next((model for model in found if str(model.status) == "READY"), None)
