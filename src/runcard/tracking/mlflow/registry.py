"""MLflow's registry of models."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from runcard import errors
from runcard.redact import redact
from runcard.tracking.mlflow.connection import PAGE, Connection
from runcard.tracking.versions import ModelRef, ModelVersion

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion as Version
    from mlflow.entities.model_registry import RegisteredModel


class MlflowRegistry(Connection):
    """The registered models at one address."""

    def find(self, ref: ModelRef) -> ModelVersion:
        """Find the version that a name stands for; a name alone stands for the latest.

        Raises
        ------
        ModelVersionUnknown
            There is no such model, alias or version.
        """
        with self.translated("the model registry could not be read"):
            model = self._model(ref)
            numbers = [version.version for version in self.versions(ref.name)]
            number = ref.version or (model.aliases.get(ref.alias) if ref.alias else max(numbers, default=None))
            if number is None or int(number) not in numbers:
                raise errors.ModelVersionUnknown(
                    f"there is no `{ref}`" if ref.alias or ref.version else f"the model `{ref.name}` has no version",
                    where=redact(self.uri),
                    why=_what_there_is(ref.name, numbers, model),
                    hint=f"`runcard history {ref.name}` shows what happened to it",
                )
            return _version(self.client.get_model_version(ref.name, str(number)), model)

    def versions(self, name: str) -> list[ModelVersion]:
        """List the versions of a model, the newest first."""
        with self.translated("the model registry could not be read"):
            model = self._model(ModelRef(name))
            quoted = name.replace("'", "''")
            found: list[ModelVersion] = []
            token: str | None = None
            while True:
                page = self.client.search_model_versions(f"name = '{quoted}'", max_results=PAGE, page_token=token)
                found += [_version(version, model) for version in page]
                token = page.token
                if not token:
                    return sorted(found, key=lambda version: version.version, reverse=True)

    def fetch(self, version: ModelVersion, folder: Path) -> Path:
        """Copy the files of a version into a folder; give the folder that they lie in."""
        from mlflow.artifacts import download_artifacts

        with self.translated(f"the files of `{version}` could not be fetched"):
            # Given `models:/name/version`, MLflow asks the registry of its global address, whatever it is told.
            uri = self.client.get_model_version_download_uri(version.name, str(version.version))
            if logged := re.fullmatch("models:/(m-[^/]+)", uri):
                uri = self.client.get_logged_model(logged[1]).artifact_location
            return Path(
                download_artifacts(artifact_uri=uri, dst_path=str(folder), tracking_uri=self.uri, registry_uri=self.uri)
            )

    def _model(self, ref: ModelRef) -> RegisteredModel:
        from mlflow.exceptions import MlflowException

        try:
            return self.client.get_registered_model(ref.name)
        except MlflowException as error:
            if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                raise
        names = [model.name for model in self.client.search_registered_models(max_results=PAGE)]
        near = errors.nearest(ref.name, names)
        raise errors.ModelVersionUnknown(
            f"no model is registered as `{ref.name}`",
            where=redact(self.uri),
            why=f"there are {errors.listing(names)}" if names else "nothing was registered there yet",
            hint=f"did you mean `{near}`?" if near else "register one first: `runcard register CARD`",
        )


def _version(version: Version, model: RegisteredModel) -> ModelVersion:
    number = int(version.version)
    return ModelVersion(
        name=version.name,
        version=number,
        run_id=version.run_id or None,
        source=str(version.source),
        created_ms=int(version.creation_timestamp or 0),
        aliases=tuple(sorted(alias for alias, held in model.aliases.items() if int(held) == number)),
        tags=dict(version.tags),
    )


def _what_there_is(name: str, numbers: list[int], model: RegisteredModel) -> str:
    if not numbers:
        return "all of its versions were deleted, or none was made"
    aliases = [f"{name}@{alias}" for alias in sorted(model.aliases)]
    shown = errors.listing([f"{name}/{number}" for number in numbers])
    return f"there are {shown}" + (f", and {errors.listing(aliases)}" if aliases else ", and no aliases")
