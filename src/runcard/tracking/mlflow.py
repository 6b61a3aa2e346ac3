"""MLflow, written to with its client API: the only module that knows it.

Nothing of MLflow crosses this module's border: items of `base.py` come in, plain values go out, and every
exception of MLflow, its server or its database becomes a TrackingError.
"""

from __future__ import annotations

import logging
import os
import tempfile
import threading
import warnings
import zipfile
from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import cached_property
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self, TypeVar

from runcard import errors
from runcard.redact import redact
from runcard.tracking import base, reach, trust

if TYPE_CHECKING:
    import pandas as pd
    from mlflow import MlflowClient
    from mlflow.entities import Experiment, Run
    from mlflow.models import ModelSignature

ItemT = TypeVar("ItemT", bound=base.Item)

PROBE_SECONDS = 4.9
"""How long a probe may take, whatever hangs: a name server, a proxy, a database's handshake."""

PAGE = 1000
"""Runs asked for at once."""

DIGEST_LIMIT = 36
"""Longest digest of a dataset that MLflow keeps; enough of a hash to identify it."""

# No retry below ours: a request to create a run, sent twice, makes two runs. No question asked of the user's
# network, no bars and addresses printed between the lines of a progress bar.
ENVIRONMENT = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "30",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
}
LOGGERS = ("mlflow", "alembic", "sqlalchemy.engine")


@contextmanager
def quiet_mlflow() -> Iterator[None]:
    """Import MLflow and keep it, in this thread, from printing, asking home and retrying for minutes.

    Variables that the user has set stay as they are; the others are removed at the end. What MLflow logs on
    behalf of other threads is still printed.
    """
    ours = {name: value for name, value in ENVIRONMENT.items() if name not in os.environ}
    os.environ.update(ours)
    # Python hides these by default, but not where warnings are errors; the user cannot act on them.
    warnings.filterwarnings("ignore", category=DeprecationWarning, module=r"(mlflow|sqlalchemy|alembic)\b")
    thread = threading.get_ident()

    def from_elsewhere(record: logging.LogRecord) -> bool:
        return record.thread != thread

    try:
        import mlflow.tracking  # noqa: F401  (its import sets up the handlers)

        handlers = {handler for name in LOGGERS for handler in logging.getLogger(name).handlers}
        for handler in handlers:
            handler.addFilter(from_elsewhere)
        try:
            yield
        finally:
            for handler in handlers:
                handler.removeFilter(from_elsewhere)
    finally:
        for name in ours:
            os.environ.pop(name, None)


class MlflowTracker:
    """MLflow at one tracking address.

    Parameters
    ----------
    uri
        `sqlite:///file.db`, another database, or the address of a server.
    artifact_root
        Folder for the artifacts of experiments made in a database that is written directly; a server decides
        that for itself.
    """

    def __init__(self, uri: str, *, artifact_root: Path) -> None:
        self.uri = uri
        self._artifact_root = artifact_root
        self._exits = ExitStack()
        self._experiment_ids: dict[str, str] = {}
        self._just_opened: tuple[str, frozenset[base.Tag]] = ("", frozenset())

    def __enter__(self) -> Self:
        self._exits.enter_context(quiet_mlflow())
        return self

    def __exit__(self, *exc: object) -> None:
        self._exits.close()
        if (file := reach.sqlite_file(self.uri)) and file.exists():
            reach.settle_sqlite(file)

    def probe(self) -> None:
        """Find out within five seconds whether the backend answers."""
        if reach.is_server(self.uri):
            reach.within(PROBE_SECONDS, self._ask_server, uri=self.uri)
        elif reach.is_database(self.uri):
            reach.within(PROBE_SECONDS, lambda: reach.check_database(self.uri), uri=self.uri)
        elif reach.is_sqlite(self.uri):
            reach.check_sqlite(self.uri)
        else:
            self._client  # noqa: B018  (MLflow judges the address)

    def ensure_experiment(self, name: str) -> str:
        """Return the experiment's id; it is made if there is none."""
        if name not in self._experiment_ids:
            with self._translated(f"experiment `{name}` could not be made"):
                found = self._client.get_experiment_by_name(name) or self._create_experiment(name)
                self._experiment_ids[name] = self._live(found).experiment_id
        return self._experiment_ids[name]

    def find_run(self, experiment: str, record_id: str) -> str | None:
        """Look up the run written from a record, for when a crash left it unknown."""
        with self._translated("MLflow could not be searched"):
            runs = self._client.search_runs(
                [self.ensure_experiment(experiment)],
                filter_string=f"tags.`{base.RECORD_TAG}` = '{record_id}'",
                max_results=1,
            )
        return str(runs[0].info.run_id) if runs else None

    def open_run(self, run: base.RunLog) -> str:
        """Create the run, with its tags, and return its id. Not idempotent: see `find_run`."""
        tags = tuple(_of(base.Tag, run.items))
        named = {tag.name: _kept(tag) for tag in tags}
        named |= {base.RECORD_TAG: run.record_id, base.KIND_TAG: run.kind}
        if run.parent_run_id is not None:
            named["mlflow.parentRunId"] = run.parent_run_id
        with self._translated(f"run `{run.name}` could not be created"):
            created = self._client.create_run(
                self.ensure_experiment(run.experiment),
                start_time=run.started_ms,
                tags=named,
                run_name=run.name,
            )
        self._just_opened = (created.info.run_id, frozenset(tags))
        return str(created.info.run_id)

    def fill_run(self, run_id: str, run: base.RunLog) -> None:
        """Log all items, then set the status. Repeating it leaves the same content."""
        try:
            with self._translated(f"run `{run.name}` could not be filled"):
                self._log_values(run_id, run)
                self._log_datasets(run_id, run)
                self._upload(run_id, run)
                for model in _of(base.ModelFiles, run.items):
                    self._log_model(run_id, model, self.ensure_experiment(run.experiment))
                if run.status == "RUNNING":
                    self._client.update_run(run_id, status="RUNNING")  # it may have been ended before
                else:
                    self._client.set_terminated(run_id, run.status, end_time=run.ended_ms)
        except errors.TrackingAway:
            raise
        except errors.TrackingError:
            self._refuse_deleted(run_id, run)
            raise

    def read_runs(
        self, experiment: str, *, kind: base.RunKind | None = None, limit: int | None = None
    ) -> list[base.RunRow]:
        """List the runs of an experiment, newest first."""
        with self._translated("MLflow could not be read"):
            found = self._client.get_experiment_by_name(experiment)
            if found is None:
                raise self._unknown(experiment)
            runs = self._runs(self._live(found).experiment_id, kind)
            return [_row(run) for run in islice(runs, limit)]

    # What the address is

    @cached_property
    def _client(self) -> MlflowClient:
        """Connect to MLflow; in a database, make or check its tables, one process at a time."""
        from filelock import FileLock
        from mlflow import MlflowClient

        name = f"runcard-{sha256(f'{Path.home()} {self.uri}'.encode()).hexdigest()[:16]}.lock"
        with (
            self._translated("MLflow's store could not be opened"),
            FileLock(Path(tempfile.gettempdir(), name)),
        ):
            if file := reach.sqlite_file(self.uri):
                reach.begin_sqlite(file)
            return MlflowClient(tracking_uri=self.uri, registry_uri=self.uri)

    def _ask_server(self) -> None:
        from mlflow.utils.credentials import get_default_host_creds
        from mlflow.utils.rest_utils import http_request

        credentials = get_default_host_creds(self.uri)  # type: ignore[no-untyped-call]
        answer = http_request(  # type: ignore[no-untyped-call]
            credentials, "/health", "GET", max_retries=0, timeout=PROBE_SECONDS
        )
        if answer.status_code in (401, 403):
            raise errors.TrackingError(
                f"the tracking server refuses the credentials (HTTP {answer.status_code})",
                where=redact(self.uri),
                hint="set `MLFLOW_TRACKING_USERNAME` and `MLFLOW_TRACKING_PASSWORD`,\nor `MLFLOW_TRACKING_TOKEN`",
            )

    # Experiments

    def _create_experiment(self, name: str) -> Experiment:
        from mlflow.exceptions import MlflowException

        location = None if reach.is_server(self.uri) else self._artifact_root.absolute().as_uri()
        try:
            experiment_id = self._client.create_experiment(name, artifact_location=location)
        except MlflowException as error:
            other = self._client.get_experiment_by_name(name)  # another process may have been first
            if other is None or error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
            return other
        return self._client.get_experiment(experiment_id)

    def _live(self, experiment: Experiment) -> Experiment:
        if experiment.lifecycle_stage == "active":
            return experiment
        raise errors.ExperimentDeleted(
            f"the experiment `{experiment.name}` was deleted in MLflow",
            where=redact(self.uri),
            why="its name stays taken until it is restored or removed for good",
            hint=f"bring it back with `mlflow experiments restore -x {experiment.experiment_id}`, or give "
            "`experiment: name` in the card another value",
        )

    def _unknown(self, name: str) -> errors.ExperimentUnknown:
        names = [experiment.name for experiment in self._client.search_experiments(max_results=PAGE)]
        near = errors.nearest(name, names)
        return errors.ExperimentUnknown(
            f"MLflow has no experiment `{name}`",
            where=redact(self.uri),
            why=f"it has {errors.listing(names)}" if names else "nothing was recorded there yet",
            hint=f"did you mean `{near}`?" if near else "run a card first: `runcard run CARD`",
        )

    # Runs

    def _runs(self, experiment_id: str, kind: base.RunKind | None) -> Iterator[Run]:
        wanted = f"tags.`{base.KIND_TAG}` = '{kind}'" if kind else ""
        token: str | None = None
        while True:
            page = self._client.search_runs([experiment_id], filter_string=wanted, max_results=PAGE, page_token=token)
            yield from page
            token = page.token
            if not token:
                return

    def _log_values(self, run_id: str, run: base.RunLog) -> None:
        """Send parameters, metrics and tags in one call, or in few when they are many."""
        from mlflow.entities import Param, RunTag

        opened, sent = self._just_opened
        tags = [tag for tag in _of(base.Tag, run.items) if run_id != opened or tag not in sent]
        self._client.log_batch(
            run_id,
            metrics=_metrics(_of(base.Metric, run.items), model_id=None),
            params=[Param(param.name, param.value) for param in _of(base.Param, run.items)],
            tags=[RunTag(tag.name, _kept(tag)) for tag in tags],
            synchronous=True,
        )

    def _log_datasets(self, run_id: str, run: base.RunLog) -> None:
        from mlflow.entities import Dataset, DatasetInput, InputTag

        inputs = [
            DatasetInput(
                Dataset(
                    name=data.name,
                    digest=data.digest[:DIGEST_LIMIT],
                    source_type=data.source_type,
                    source=data.source,
                    schema=data.schema_json,
                    profile=data.profile_json,
                ),
                tags=[InputTag("mlflow.data.context", data.context)],
            )
            for data in _of(base.DatasetInput, run.items)
        ]
        if inputs:
            self._client.log_inputs(run_id, datasets=inputs)

    def _upload(self, run_id: str, run: base.RunLog) -> None:
        for artifact in _of(base.Artifact, run.items):
            self._client.log_artifact(run_id, str(artifact.path), artifact.folder or None)
        texts = _of(base.TextArtifact, run.items)
        if not texts:
            return
        with tempfile.TemporaryDirectory(prefix="runcard-") as folder:
            for text in texts:
                file = Path(folder, text.name)
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(text.text, encoding="utf-8")
            self._client.log_artifacts(run_id, folder)

    def _log_model(self, run_id: str, model: base.ModelFiles, experiment_id: str) -> None:
        """Make the run's logged model of that name, or complete the one that an earlier attempt began."""
        from mlflow.entities import LoggedModelOutput, LoggedModelStatus

        begun = self._client.search_logged_models(
            [experiment_id], filter_string=f"source_run_id = '{run_id}' AND name = '{model.name}'"
        )
        logged = (
            begun[0]
            if begun
            else self._client.create_logged_model(
                experiment_id,
                name=model.name,
                source_run_id=run_id,
                params={param.name: param.value for param in model.params},
            )
        )
        if logged.status == LoggedModelStatus.READY:
            return
        model_id = logged.model_id
        self._client.log_model_artifacts(model_id, str(model.path))
        with tempfile.TemporaryDirectory(prefix="runcard-") as folder:
            label = _labelled(model.path, Path(folder), run_id, model_id)
            self._client.log_model_artifact(model_id, str(label))
        outputs = self._client.get_run(run_id).outputs
        if model_id not in {output.model_id for output in (outputs.model_outputs if outputs else [])}:
            self._client.log_outputs(run_id, [LoggedModelOutput(model_id, step=0)])
        self._client.log_batch(run_id, metrics=_metrics(model.metrics, model_id=model_id), synchronous=True)
        self._client.finalize_logged_model(model_id, LoggedModelStatus.READY)

    # What may go wrong

    def _refuse_deleted(self, run_id: str, run: base.RunLog) -> None:
        """Raise RunDeleted if that is why the run could not be filled."""
        from mlflow.exceptions import MlflowException

        try:
            deleted = self._client.get_run(run_id).info.lifecycle_stage != "active"
        except MlflowException as error:
            deleted = error.error_code == "RESOURCE_DOES_NOT_EXIST"
        if deleted:
            raise errors.RunDeleted(
                f"run `{run.name}` was deleted in MLflow before all of it had arrived there",
                where=redact(self.uri),
                why="nothing more can be written to it",
                hint="its record stays in the journal; in MLflow it is left out",
            )

    @contextmanager
    def _translated(self, what: str) -> Iterator[None]:
        """Turn whatever MLflow raises into an error of ours, without credentials and without its trace."""
        try:
            yield
        except errors.RuncardError:
            raise
        except Exception as error:
            if reach.is_away(error):
                raise reach.away(self.uri, reach.reason(error)) from None
            hint = ""
            if "mlflow db upgrade" in str(error):
                hint = f"back up the database, then run `mlflow db upgrade {redact(self.uri)}`"
            raise errors.TrackingError(what, where=redact(self.uri), why=reach.reason(error), hint=hint) from None


def _of(kind: type[ItemT], items: tuple[base.Item, ...]) -> list[ItemT]:
    return [item for item in items if isinstance(item, kind)]


def _kept(tag: base.Tag) -> str:
    return base.shorten(tag.value, base.TAG_LIMIT, see="runcard's journal")


def _metrics(metrics: Any, *, model_id: str | None) -> list[Any]:
    from mlflow.entities import Metric

    return [Metric(m.name, m.value, m.timestamp_ms, m.step, model_id=model_id) for m in metrics]


def _row(run: Run) -> base.RunRow:
    return base.RunRow(
        run_id=run.info.run_id,
        name=run.info.run_name,
        status=run.info.status,
        started_ms=run.info.start_time,
        ended_ms=run.info.end_time,
        params=run.data.params,
        metrics=run.data.metrics,
        tags=run.data.tags,
    )


def _labelled(model: Path, folder: Path, run_id: str, model_id: str) -> Path:
    """Write the model's description into `folder`, with the ids it has at this address."""
    from mlflow.models import Model

    description = Model.load(str(model / "MLmodel"))
    description.run_id = run_id
    description.model_id = description.model_uuid = model_id
    description.artifact_path = f"models:/{model_id}"
    description.save(str(folder / "MLmodel"))
    return folder / "MLmodel"


ModelFormat = Literal["skops", "cloudpickle"]


def save_model(
    pipeline: Any,
    path: Path,
    *,
    input_example: pd.DataFrame,
    predictions: Any,
    requirements: Sequence[str],
    model_format: ModelFormat = "skops",
    project_modules: Collection[str] = (),
    code_paths: Sequence[Path] = (),
) -> None:
    """Write a fitted pipeline as a complete MLflow model folder, without predicting or inferring anything.

    Parameters
    ----------
    path
        The folder to make.
    input_example, predictions
        Some raw rows and what the pipeline predicts for them; their types make the signature, so the rows
        have the types of the whole table (a column of integers anywhere missing is one of doubles).
    requirements
        The packages that loading it needs, with exact versions.
    project_modules, code_paths
        The project's own modules, whose types are trusted, and their files, which are kept with the model.

    Raises
    ------
    TypesUntrusted
        The pipeline holds types of other packages, or what skops cannot keep.
    """
    from sklearn.dummy import DummyClassifier

    with _without_advice(), tempfile.TemporaryDirectory(dir=path.parent, prefix=".model-") as folder:
        dumped = Path(folder, "model")
        trusted = _dump(pipeline, dumped, model_format, project_modules)
        # MLflow would write the file uncompressed (five times larger) and load it again to see that it can.
        # It is given a stand-in to build the folder around, whose file the dumped one then replaces.
        import mlflow.sklearn
        from mlflow.models import Model

        mlflow.sklearn.save_model(
            DummyClassifier(),
            str(path),
            serialization_format=model_format,
            signature=_signature(_as_read(input_example), predictions),
            input_example=_as_read(input_example),
            pip_requirements=list(requirements),
            skops_trusted_types=trusted,
            code_paths=[str(code) for code in code_paths] or None,
        )
        description = Model.load(str(path / "MLmodel"))
        dumped.replace(path / description.flavors["sklearn"]["pickled_model"])
    description.model_size_bytes = sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
    description.save(str(path / "MLmodel"))


@contextmanager
def _without_advice() -> Iterator[None]:
    """Keep to ourselves what MLflow's writer and its imports warn of: nothing in it is the user's doing."""
    with quiet_mlflow(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _dump(pipeline: Any, file: Path, model_format: ModelFormat, modules: Collection[str]) -> list[str] | None:
    """Write the pipeline and return the types to be trusted, if the format asks for them."""
    if model_format == "cloudpickle":
        import cloudpickle  # type: ignore[import-untyped]

        file.write_bytes(cloudpickle.dumps(pipeline))
        return None
    import skops.io

    try:
        skops.io.dump(pipeline, file, compression=zipfile.ZIP_DEFLATED, compresslevel=1)
    except Exception as error:  # whatever the __getstate__ or __reduce__ of a part raises
        raise trust.refusal("the model cannot be kept in skops format", reach.reason(error)) from error
    return trust.trusted_types(file, modules)


def _signature(rows: pd.DataFrame, predictions: Any) -> ModelSignature:
    """Describe what goes in and comes out. The pipeline needs every column, whatever may be missing in it."""
    from mlflow.models import ModelSignature, infer_signature
    from mlflow.types import ColSpec, Schema

    inferred = infer_signature(rows, predictions)
    inputs = Schema([ColSpec(column.type, column.name) for column in inferred.inputs.inputs])
    return ModelSignature(inputs=inputs, outputs=inferred.outputs)


def _as_read(frame: pd.DataFrame) -> pd.DataFrame:
    """Give nullable integers with a gap the type they have when rows are read plainly: double.

    MLflow refuses doubles for a column declared integer, and integers for one declared double.
    """
    gaps = [name for name in frame if frame[name].dtype.kind in "iu" and frame[name].hasnans]
    return frame.astype(dict.fromkeys(gaps, "float64"))
