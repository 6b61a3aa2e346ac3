"""MLflow's registry of models."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from runcard import errors
from runcard.names import VersionRef
from runcard.redact import redact
from runcard.tags import MODEL_UNSAVED_TAG
from runcard.tracking import addresses
from runcard.tracking.items import storable
from runcard.tracking.mlflow.answers import pages_of
from runcard.tracking.mlflow.connection import PAGE, Connection
from runcard.tracking.mlflow.downloads import download
from runcard.tracking.versions import ModelVersion

if TYPE_CHECKING:
    from mlflow.entities import LoggedModel
    from mlflow.entities.model_registry import ModelVersion as Version
    from mlflow.entities.model_registry import RegisteredModel


class MlflowRegistry(Connection):
    """The registered models at one address."""

    def find(self, ref: VersionRef) -> ModelVersion:
        """Find the version that a name refers to; without an alias or number, the latest.

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
            model = self._model(VersionRef(name))
            quoted = name.replace("'", "''")
            wanted = f"name = '{quoted}'"
            pages = pages_of(
                lambda token: self.client.search_model_versions(wanted, max_results=PAGE, page_token=token)
            )
            found = [_version(version, model) for page in pages for version in page]
            return sorted(found, key=lambda version: version.version, reverse=True)

    def fetch(self, version: ModelVersion, folder: Path) -> Path:
        """Copy the files of a version to a folder, and return the folder they are in."""
        with self.translated(f"the files of `{version}` could not be fetched"):
            # Given `models:/name/version`, MLflow asks the registry of its global address, whatever it is told.
            uri = self.client.get_model_version_download_uri(version.name, str(version.version))
            if logged := re.fullmatch("models:/(m-[^/]+)", uri):
                uri = self.client.get_logged_model(logged[1]).artifact_location
            return download(uri, folder, self.client.tracking_uri)

    # Making and marking versions

    def make_version(
        self, name: str, run_id: str, *, model: str, tags: Mapping[str, str], description: str
    ) -> ModelVersion:
        """Register the logged model `model` of a run, unless it is registered already.

        Raises
        ------
        ModelMissing
            The run has no such model.
        """
        from mlflow.exceptions import MlflowException

        with self.translated(f"no version of `{name}` could be made"):
            logged = self._logged_model(run_id, model)
            try:
                self.client.create_registered_model(name)
            except MlflowException as error:
                if error.error_code != "RESOURCE_ALREADY_EXISTS":
                    raise
            if found := self.version_of(name, run_id):
                return found
            # A database that is written directly would look the model's id up wherever MLflow's global address points.
            source = f"models:/{logged.model_id}" if addresses.is_server(self.uri) else logged.artifact_location
            words = storable(description)[:5000]
            made = self.client.create_model_version(
                name, source, run_id, tags=dict(tags), description=words, model_id=logged.model_id
            )
            return self.find(VersionRef(name, version=int(made.version)))

    def version_of(self, name: str, run_id: str) -> ModelVersion | None:
        """Find the version whose model came from a run; the first if there are several, made by hand."""
        from mlflow.exceptions import MlflowException

        with self.translated("the model registry could not be read"):
            try:
                self.client.get_registered_model(name)
            except MlflowException as error:
                if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                    raise
                return None
            return next((found for found in reversed(self.versions(name)) if found.run_id == run_id), None)

    def holder(self, name: str, alias: str) -> ModelVersion | None:
        """Find the version that an alias points to; None if there is none."""
        return next((found for found in self.versions(name) if alias in found.aliases), None)

    def move_alias(self, name: str, alias: str, version: int) -> None:
        """Point an alias to a version."""
        with self.translated(f"the alias `{alias}` could not be moved"):
            self.client.set_registered_model_alias(name, alias, str(version))

    def mark(self, name: str, version: int, tag: str, value: str | None) -> None:
        """Set or remove a tag of a version; nothing is done for a deleted version."""
        from mlflow.exceptions import MlflowException

        with self.translated(f"`{name}/{version}` could not be tagged"):
            try:
                if value is None:
                    self.client.delete_model_version_tag(name, str(version), tag)
                else:
                    self.client.set_model_version_tag(name, str(version), tag, value)
            except MlflowException as error:
                if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                    raise

    # The runs that models come from

    def require_model(self, run_id: str, model: str) -> None:
        """Check that a run has the logged model `model`.

        Raises
        ------
        ModelMissing
        """
        with self.translated("MLflow could not be read"):
            self._logged_model(run_id, model)

    def _logged_model(self, run_id: str, name: str) -> LoggedModel:
        run = self.client.get_run(run_id)
        found = self.client.search_logged_models(
            [run.info.experiment_id], filter_string=f"source_run_id = '{run_id}' AND name = '{name}'"
        )
        ready = [model for model in found if str(model.status) == "READY"]
        if ready:
            return ready[0]
        unsaved = run.data.tags.get(MODEL_UNSAVED_TAG)
        raise errors.ModelMissing(
            f"the run {run_id} has no model that could be registered",
            where=redact(self.uri),
            why=unsaved or "only finalists, the best trial of each model, are refitted and kept",
            hint="name the run of a finalist, or the card: `runcard register CARD`",
        )

    def _model(self, ref: VersionRef) -> RegisteredModel:
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
