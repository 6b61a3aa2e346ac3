"""Writing runs to MLflow."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from runcard import errors
from runcard.redact import redact
from runcard.tags import KIND_TAG, RECORD_TAG
from runcard.tracking import addresses, seal
from runcard.tracking.items import (
    Artifact,
    DatasetInput,
    Distinction,
    LogItem,
    MetricValue,
    ModelFiles,
    Param,
    RunLog,
    Tag,
    TextArtifact,
)
from runcard.tracking.mlflow.connection import PAGE
from runcard.tracking.mlflow.reader import MlflowReader, run_row

if TYPE_CHECKING:
    from mlflow.entities import Experiment, Run

ItemT = TypeVar("ItemT", bound=LogItem)

_REQUEST_BYTES = 350_000
"""Of params and of tags in one request: a server refuses a million in all."""
_REQUEST_ITEMS = 100

DIGEST_LIMIT = 36
"""Longest digest of a dataset that MLflow keeps; enough of a hash to identify it."""


class MlflowTracker(MlflowReader):
    """Writes to MLflow at one tracking address: see `Tracker`.

    Parameters
    ----------
    uri
        `sqlite:///file.db`, another database, or the address of a server.
    artifact_root
        Folder for the artifacts of experiments made in a database that is written directly; a server decides
        that for itself.
    makes
        Whether a database is made where there is none.
    """

    def __init__(self, uri: str, *, artifact_root: Path, makes: bool = True) -> None:
        super().__init__(uri)
        self.makes = makes
        self._artifact_root = artifact_root
        self._experiment_ids: dict[str, str] = {}
        self._just_opened: tuple[str, frozenset[Tag]] = ("", frozenset())

    def ensure_experiment(self, name: str) -> str:
        """Return the experiment's id, creating the experiment if there is none."""
        if name not in self._experiment_ids:
            with self.translated(f"experiment `{name}` could not be made"):
                found = self.client.get_experiment_by_name(name) or self._create_experiment(name)
                self._experiment_ids[name] = self.live(found).experiment_id
        return self._experiment_ids[name]

    def find_run(self, experiment: str, record_id: str) -> str | None:
        """Look up the run written from a record, when a crash left its id unknown."""
        with self.translated("MLflow could not be searched"):
            runs = self.client.search_runs(
                [self.ensure_experiment(experiment)],
                filter_string=f"tags.`{RECORD_TAG}` = '{record_id}'",
                max_results=1,
            )
        return str(runs[0].info.run_id) if runs else None

    def open_run(self, run: RunLog) -> str:
        """Create the run, with its tags, and return its id. Not idempotent: see `find_run`."""
        tags = tuple(_of(Tag, run.items))
        named = {tag.name: seal.kept(tag) for tag in tags}
        named |= {RECORD_TAG: run.record_id, KIND_TAG: run.kind}
        if run.parent_run_id is not None:
            named["mlflow.parentRunId"] = run.parent_run_id
        try:
            with self.translated(f"run `{run.name}` could not be created"):
                created = self.client.create_run(
                    self.ensure_experiment(run.experiment),
                    start_time=run.started_ms,
                    tags=named,
                    run_name=run.name,
                )
        except errors.TrackingAway:
            raise
        except errors.TrackingError:
            self._require_live(run.experiment)
            raise
        self._just_opened = (created.info.run_id, frozenset(tags))
        return str(created.info.run_id)

    def fill_run(self, run_id: str, run: RunLog) -> None:
        """Log all items, then set the status; doing so again leaves the same content."""
        try:
            with self.translated(f"run `{run.name}` could not be filled"):
                if run.seal == seal.BEGUN:  # until its status says otherwise, nobody takes it for complete
                    self._log(run_id, run.experiment, (*run.items, *seal.seal_items(run)))
                else:
                    self._open_seal(run_id, run)
                    self._log(run_id, run.experiment, run.items)
                    self._tag(run_id, seal.seal_items(run))
                if run.status == "RUNNING":
                    self.client.update_run(run_id, status="RUNNING")  # it may have been ended before
                else:
                    self.client.set_terminated(run_id, run.status, end_time=run.ended_ms)
        except errors.TrackingAway:
            raise
        except errors.TrackingError:
            self._refuse_deleted(run_id, run)
            raise

    def end_killed(self, experiment: str, record_id: str) -> None:
        """End the run of a record whose process was killed while writing it; an ended run stays unchanged."""
        with self.translated(f"the run of `{record_id}` could not be ended"):
            if self.client.get_experiment_by_name(experiment) is None:  # which looking for a run would make
                return
            run_id = self.find_run(experiment, record_id)
            if run_id is not None and self.client.get_run(run_id).info.status == "RUNNING":
                self.client.set_terminated(run_id, "KILLED")

    def add_items(self, run_id: str, experiment: str, items: tuple[LogItem, ...]) -> None:
        """Log items to a run made by anyone, without changing its status."""
        with self.translated(f"nothing could be added to run `{run_id}`"):
            self._log(run_id, experiment, items)

    def distinguish(self, experiment: str, distinction: Distinction) -> None:
        """Set tags on one run of an experiment and remove them from the others."""
        with self.translated("the chosen run could not be tagged"):
            self._distinguish(self.ensure_experiment(experiment), distinction)

    # Seals

    def _open_seal(self, run_id: str, run: RunLog) -> None:
        """Mark a run that had ended as being written to again, removing tags that an earlier attempt left."""
        row = run_row(self.client.get_run(run_id))
        self._tag(run_id, seal.open_seal(run))
        given = {tag.name for tag in _of(Tag, run.items)}
        for name in seal.tags_of_end(row) - given:
            self.client.delete_tag(run_id, name)

    def _tag(self, run_id: str, tags: list[Tag]) -> None:
        from mlflow.entities import RunTag

        self.client.log_batch(run_id, tags=[RunTag(tag.name, tag.value) for tag in tags], synchronous=True)

    # Experiments

    def _create_experiment(self, name: str) -> Experiment:
        from mlflow.exceptions import MlflowException

        location = None if addresses.is_server(self.uri) else self._artifact_root.absolute().as_uri()
        try:
            experiment_id = self.client.create_experiment(name, artifact_location=location)
        except MlflowException as error:
            other = self.client.get_experiment_by_name(name)  # another process may have been first
            if other is None or error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
            return other
        return self.client.get_experiment(experiment_id)

    # Runs

    def _log(self, run_id: str, experiment: str, items: tuple[LogItem, ...]) -> None:
        self._log_values(run_id, items)
        self._log_datasets(run_id, items)
        self._upload(run_id, items)
        for model in _of(ModelFiles, items):
            self._log_model(run_id, model, self.ensure_experiment(experiment))
        for distinction in _of(Distinction, items):
            self._distinguish(self.ensure_experiment(experiment), distinction)

    def _distinguish(self, experiment_id: str, distinction: Distinction) -> None:
        from mlflow.entities import RunTag

        names = [tag.name for tag in distinction.tags]
        for run in self._holders(experiment_id, distinction):
            if run.info.run_id != distinction.run_id:
                for name in reversed(names):  # the first, by which a holder is found, goes last
                    if name in run.data.tags:
                        self.client.delete_tag(run.info.run_id, name)
        if distinction.run_id is not None and self._is_there(distinction.run_id):
            tags = [RunTag(tag.name, seal.kept(tag)) for tag in distinction.tags]
            self.client.log_batch(distinction.run_id, tags=tags, synchronous=True)

    def _holders(self, experiment_id: str, distinction: Distinction) -> list[Run]:
        """Find the runs that have the first of these tags, except the card's own run."""
        wanted = f"tags.`{distinction.tags[0].name}` != ''"
        if distinction.protocol is not None:
            wanted += f" AND tags.`runcard.protocol` = '{distinction.protocol}'"
        found = self.client.search_runs([experiment_id], filter_string=wanted, max_results=PAGE)
        return [run for run in found if run.data.tags.get(KIND_TAG) != "card"]

    def _is_there(self, run_id: str) -> bool:
        from mlflow.exceptions import MlflowException

        try:
            return str(self.client.get_run(run_id).info.lifecycle_stage) == "active"
        except MlflowException as error:
            return str(error.error_code) != "RESOURCE_DOES_NOT_EXIST"

    def _log_values(self, run_id: str, items: tuple[LogItem, ...]) -> None:
        """Send parameters, metrics and tags in one request, or in a few when there are many."""
        from mlflow import entities

        opened, sent = self._just_opened
        tags = [tag for tag in _of(Tag, items) if run_id != opened or tag not in sent]
        params = [entities.Param(param.name, param.value) for param in _of(Param, items)]
        metrics = _metrics(_of(MetricValue, items), model_id=None)
        sent_tags = [entities.RunTag(tag.name, seal.kept(tag)) for tag in tags]
        few_params: list[entities.Param]
        few_tags: list[entities.RunTag]
        for few_params, few_tags in zip_longest(_portions(params), _portions(sent_tags), fillvalue=[]):
            self.client.log_batch(run_id, metrics=metrics, params=few_params, tags=few_tags, synchronous=True)
            metrics = []
        if metrics:
            self.client.log_batch(run_id, metrics=metrics, synchronous=True)

    def _log_datasets(self, run_id: str, items: tuple[LogItem, ...]) -> None:
        from mlflow import entities

        inputs = [
            entities.DatasetInput(
                entities.Dataset(
                    name=data.name,
                    digest=data.digest[:DIGEST_LIMIT],
                    source_type=data.source_type,
                    source=data.source,
                    schema=data.schema_json,
                    profile=data.profile_json,
                ),
                tags=[entities.InputTag("mlflow.data.context", data.context)],
            )
            for data in _of(DatasetInput, items)
        ]
        if inputs:
            self.client.log_inputs(run_id, datasets=inputs)

    def _upload(self, run_id: str, items: tuple[LogItem, ...]) -> None:
        for artifact in _of(Artifact, items):
            self.client.log_artifact(run_id, str(artifact.path), artifact.folder or None)
        texts = _of(TextArtifact, items)
        if not texts:
            return
        with tempfile.TemporaryDirectory(prefix="runcard-") as folder:
            for text in texts:
                file = Path(folder, text.name)
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(text.text, encoding="utf-8")
            self.client.log_artifacts(run_id, folder)

    def _log_model(self, run_id: str, model: ModelFiles, experiment_id: str) -> None:
        """Create the run's logged model of that name, or complete one that an earlier attempt began."""
        from mlflow.entities import LoggedModelOutput, LoggedModelStatus

        begun = self.client.search_logged_models(
            [experiment_id], filter_string=f"source_run_id = '{run_id}' AND name = '{model.name}'"
        )
        logged = (
            begun[0]
            if begun
            else self.client.create_logged_model(
                experiment_id,
                name=model.name,
                source_run_id=run_id,
                params={param.name: param.value for param in model.params},
            )
        )
        if logged.status == LoggedModelStatus.READY:
            return
        model_id = logged.model_id
        self.client.log_model_artifacts(model_id, str(model.path))
        with tempfile.TemporaryDirectory(prefix="runcard-") as folder:
            label = _labelled(model.path, Path(folder), run_id, model_id)
            self.client.log_model_artifact(model_id, str(label))
        outputs = self.client.get_run(run_id).outputs
        if model_id not in {output.model_id for output in (outputs.model_outputs if outputs else [])}:
            self.client.log_outputs(run_id, [LoggedModelOutput(model_id, step=0)])
        self.client.log_batch(run_id, metrics=_metrics(model.metrics, model_id=model_id), synchronous=True)
        self.client.finalize_logged_model(model_id, LoggedModelStatus.READY)

    # What may go wrong

    def _refuse_deleted(self, run_id: str, run: RunLog) -> None:
        """Raise RunDeleted, or ExperimentDeleted, if that is why the run could not be filled."""
        if not self._is_there(run_id):
            self._require_live(run.experiment)  # with which the run would come back
            raise errors.RunDeleted(
                f"run `{run.name}` was deleted in MLflow before all of it had arrived there",
                where=redact(self.uri),
                why="nothing more can be written to it",
                hint="its record stays in the journal; in MLflow it is left out",
            )

    def _require_live(self, experiment: str) -> None:
        with self.translated("MLflow could not be searched"):
            found = self.client.get_experiment_by_name(experiment)
            if found is not None:
                self.live(found)


def _of(kind: type[ItemT], items: tuple[LogItem, ...]) -> list[ItemT]:
    return [item for item in items if isinstance(item, kind)]


def _portions(items: list[Any]) -> Iterator[list[Any]]:
    """Divide params or tags into requests that no server refuses as too large, however they are encoded."""
    portion: list[Any] = []
    size = 0
    for item in items:
        n_bytes = len(json.dumps([item.key, item.value])) + 30
        if portion and (size + n_bytes > _REQUEST_BYTES or len(portion) == _REQUEST_ITEMS):
            yield portion
            portion, size = [], 0
        portion.append(item)
        size += n_bytes
    if portion:
        yield portion


def _metrics(metrics: Any, *, model_id: str | None) -> list[Any]:
    from mlflow.entities import Metric

    return [Metric(m.name, m.value, m.timestamp_ms, m.step, model_id=model_id) for m in metrics]


def _labelled(model: Path, folder: Path, run_id: str, model_id: str) -> Path:
    """Write the model's description to `folder`, with the ids it has at this address."""
    from mlflow.models import Model

    description = Model.load(str(model / "MLmodel"))
    description.run_id = run_id
    description.model_id = description.model_uuid = model_id
    description.artifact_path = f"models:/{model_id}"
    description.save(str(folder / "MLmodel"))
    return folder / "MLmodel"
