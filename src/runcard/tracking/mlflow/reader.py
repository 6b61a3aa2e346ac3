"""Runs found, listed and ranked by MLflow's client, for servers and whatever else is no accessible database."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from runcard.bounds import MOST_RECORD_BYTES
from runcard.names import begins_an_id
from runcard.tags import KIND_TAG, OUR_TAGS, PROTOCOL_TAG, REPLAY_OF_TAG
from runcard.tracking import addresses
from runcard.tracking.items import MOST_STRAYS, RunKind, RunRanking, RunRow, RunScope, ours
from runcard.tracking.judged import judge_server
from runcard.tracking.mlflow import tables
from runcard.tracking.mlflow.answers import pages_of
from runcard.tracking.mlflow.connection import PAGE, Connection
from runcard.tracking.mlflow.downloads import download
from runcard.tracking.mlflow.filters import parse_filter

if TYPE_CHECKING:
    from mlflow.entities import Experiment, LoggedModel, Run

_NOT_READ = "MLflow could not be read"


class MlflowReader(Connection):
    """Reads the runs at one tracking address: see `RunReader`."""

    def __init__(self, uri: str) -> None:
        super().__init__(uri)
        self._experiments: dict[str, Experiment] = {}

    def judge(self, experiment: str) -> None:
        """Check that the address can work, and that the experiment was not deleted there.

        Raises
        ------
        TrackingError, ExperimentDeleted
        """
        if addresses.is_server(self.uri):
            addresses.within(
                addresses.PROBE_SECONDS, lambda: judge_server(self.uri, self._ask, experiment), uri=self.uri
            )
        else:
            self.probe()
            self.has_experiment(experiment)

    def read_runs(self, experiment: str, *, kind: RunKind | None = None, limit: int | None = None) -> list[RunRow]:
        """List the runs of an experiment, newest first."""
        with self.translated(_NOT_READ):
            found = self.client.get_experiment_by_name(experiment)
            if found is None:
                raise self.unknown(experiment)
            wanted = f"tags.`{KIND_TAG}` = '{kind}'" if kind else ""
            runs = self._search([self.live(found).experiment_id], wanted)
            return [run_row(run, experiment) for run in islice(runs, limit)]

    def has_experiment(self, name: str) -> bool:
        """Tell whether an experiment of that name exists."""
        with self.translated(_NOT_READ):
            found = self.client.get_experiment_by_name(name)
            return found is not None and self.live(found) is not None

    def experiment_names(self) -> list[str]:
        """List the experiments, a thousand at most."""
        with self.translated(_NOT_READ):
            return [found.name for found in self.client.search_experiments(max_results=PAGE)]

    def read_cards(self, experiment: str) -> list[RunRow]:
        """List the runs of cards in an experiment, newest first, a thousand at most."""
        return [_ours(row) for row in self.read_runs(experiment, kind="card", limit=PAGE)]

    def find_runs(self, name: str) -> list[RunRow]:
        """Find runs by their id, the beginning of it, or their name; newest first, ten at most."""
        with self.translated(_NOT_READ):
            where = [f"attributes.run_name = {_quoted(name)}"]
            if begins_an_id(name):
                where.append(f"attributes.run_id LIKE '{name}%'")
            ids = self._all_experiments()
            if not ids:
                self.probe()  # nothing is what another server has, too
            found = {run.info.run_id: run for each in where for run in islice(self._search(ids, each, size=10), 10)}
            newest = sorted(found.values(), key=lambda run: (-run.info.start_time, run.info.run_id))
            return [_ours(run_row(run, self._name_of(run))) for run in newest[:10]]

    def read_whole(self, run_id: str) -> RunRow:
        """Read a run with all of its tags, whoever set them; its data inputs are among them as `data NAME`."""
        with self.translated(_NOT_READ):
            run = self.client.get_run(run_id)
            row = run_row(run, self._name_of(run))
        inputs = run.inputs.dataset_inputs if run.inputs else []
        data = {f"data {each.dataset.name}": each.dataset.digest for each in inputs}
        return replace(row, tags={**row.tags, **data})

    def read_replays(self, run_id: str) -> list[RunRow]:
        """List the replays of a run, newest first, a hundred at most."""
        wanted = f"tags.`{KIND_TAG}` = 'replay' and tags.`{REPLAY_OF_TAG}` = {_quoted(run_id)}"
        with self.translated(_NOT_READ):
            found = islice(self._search(self._all_experiments(), wanted, size=100), 100)
            return [_ours(run_row(run, self._name_of(run))) for run in found]

    def is_deleted(self, run_id: str) -> bool:
        """Tell whether a run existed and was deleted."""
        return self._info(run_id, "lifecycle_stage") == "deleted"

    def files_of(self, run_id: str) -> str:
        """Say where the files of a run are: an address, or nothing if that is not known."""
        return self._info(run_id, "artifact_uri")

    def _info(self, run_id: str, name: str) -> str:
        from mlflow.exceptions import MlflowException

        with self.translated(_NOT_READ):
            try:
                return str(getattr(self.client.get_run(run_id).info, name))
            except MlflowException as error:
                if error.error_code not in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
                    raise
        return ""

    def metric_names(self, scope: RunScope) -> list[str]:
        """Name the metrics of the runs; of many, those of the newest thousand."""
        with self.translated(_NOT_READ):
            runs = self._search(self._ids_of(scope), _filter(scope))
            return sorted({name for run in islice(runs, PAGE) for name in run.data.metrics})

    def rank_runs(self, scope: RunScope, metric: str, *, greater_is_better: bool, limit: int | None) -> RunRanking:
        """Rank the runs by a metric's last value and read the first `limit` of them."""
        order = [f"metrics.`{metric}` {'DESC' if greater_is_better else 'ASC'}", "attributes.start_time ASC"]
        if scope.where:
            parse_filter(scope.where)
        with self.translated(_NOT_READ):
            ids = self._ids_of(scope)
            size = PAGE if limit is None else min(PAGE, limit + 1)
            runs = self._search(ids, _filter(scope), order, size)
            if not scope.run_ids:  # the filter language cannot say "without that tag, or with another value"
                runs = (run for run in runs if run.data.tags.get(KIND_TAG) != "replay")
            if scope.protocol is not None:
                runs = (run for run in runs if self._is_latest(run, scope, ids))
            read = list(islice(runs, None if limit is None else limit + 1))
            rows = tuple(_ours(run_row(run, self._name_of(run))) for run in read[:limit])
        is_whole = limit is None or len(read) <= limit
        n_ranked = sum(row.value(metric) is not None for row in rows)
        is_ranked = is_whole or n_ranked < len(rows)
        return RunRanking(rows, len(rows) if is_whole else None, n_ranked if is_ranked else None)

    def read_strays(self, scope: RunScope) -> list[RunRow]:
        """List sealed runs that lack a tag by which the scope's trials are found, or are of another kind.

        An older server cannot tell what is lacking.
        """
        from mlflow.exceptions import MlflowException

        kind, protocol = f"tags.`{KIND_TAG}`", f"tags.`{PROTOCOL_TAG}`"
        renamed = f"{protocol} = '{scope.protocol}' and {kind} != 'trial' and {kind} != 'card'"
        asked = (renamed, f"{kind} IS NULL", f"{protocol} IS NULL and {kind} != 'replay'")
        found: dict[str, Run] = {}
        with self.translated(_NOT_READ):
            for each in asked:
                try:
                    runs = self._search(self._ids_of(scope), f"tags.`runcard.seal` != '' and {each}")
                    found |= {run.info.run_id: run for run in islice(runs, MOST_STRAYS)}
                except MlflowException as error:
                    if error.error_code != "INVALID_PARAMETER_VALUE":  # an older server has no IS NULL
                        raise
            return [_ours(run_row(run, self._name_of(run))) for run in found.values()]

    def read_folds(self, run_ids: Sequence[str], metric: str) -> dict[str, tuple[float, ...]]:
        """Read the scores of `cv_<metric>` in step order, (n_folds,) a run; runs without them are left out."""
        reader = tables.open_tables(self.uri)
        if reader is not None:
            with reader:
                return reader.read_folds(run_ids, metric)
        with self.translated(_NOT_READ):
            found = {run_id: self._folds(run_id, f"cv_{metric}") for run_id in run_ids}
        return {run_id: folds for run_id, folds in found.items() if folds}

    def _folds(self, run_id: str, key: str) -> tuple[float, ...]:
        points = sorted(self.client.get_metric_history(run_id, key), key=lambda point: point.timestamp)
        last = {point.step: point.value for point in points}  # what was logged last counts
        return tuple(last[step] for step in sorted(last))

    def _is_latest(self, run: Run, scope: RunScope, ids: list[str]) -> bool:
        """Tell whether a trial's run is the latest of that trial."""
        key = run.data.tags.get(f"{OUR_TAGS}trial_key")
        if key is None:
            return True
        same = f"{_filter(scope)} and tags.`{OUR_TAGS}trial_key` = {_quoted(key)}"
        return bool(next(self._search(ids, same, size=1)).info.run_id == run.info.run_id)

    def _search(self, experiment_ids: list[str], where: str, order: Sequence[str] = (), size: int = 0) -> Iterator[Run]:
        for page in pages_of(
            lambda token: self.client.search_runs(
                experiment_ids, where, max_results=size or PAGE, order_by=list(order) or None, page_token=token
            )
        ):
            yield from page

    def _ids_of(self, scope: RunScope) -> list[str]:
        found = [self.client.get_experiment_by_name(name) for name in scope.experiments]
        return [experiment.experiment_id for experiment in found if experiment is not None]

    def _all_experiments(self) -> list[str]:
        for page in pages_of(lambda token: self.client.search_experiments(max_results=PAGE, page_token=token)):
            self._experiments |= {experiment.experiment_id: experiment for experiment in page}
        return list(self._experiments)

    def _name_of(self, run: Run) -> str:
        experiment_id = run.info.experiment_id
        if experiment_id not in self._experiments:
            self._experiments[experiment_id] = self.client.get_experiment(experiment_id)
        return str(self._experiments[experiment_id].name)


def _filter(scope: RunScope) -> str:
    """Write a scope in MLflow's filter language."""
    parts = [scope.where] if scope.where else []
    if scope.run_ids:
        parts.append(f"attributes.run_id IN ({', '.join(map(_quoted, scope.run_ids))})")
    if scope.protocol is not None:
        parts.append(f"tags.`{OUR_TAGS}protocol` = {_quoted(scope.protocol)}")
        parts.append(f"tags.`{KIND_TAG}` = 'trial'")
    return " and ".join(parts)


def _quoted(text: str) -> str:
    """Quote a text for MLflow's filter language, which has two kinds of quotes and no escapes."""
    return f'"{text}"' if "'" in text else f"'{text}'"


def run_row(run: Run, experiment: str = "") -> RunRow:
    """Convert a run to plain types."""
    return RunRow(
        run_id=run.info.run_id,
        name=run.info.run_name,
        status=run.info.status,
        started_ms=run.info.start_time,
        ended_ms=run.info.end_time,
        params=run.data.params,
        metrics=run.data.metrics,
        tags=run.data.tags,
        experiment=experiment,
    )


def _ours(row: RunRow) -> RunRow:
    return replace(row, tags=ours(row.tags))


class MlflowFiles(Connection):
    """The files of runs at one tracking address."""

    def fetch(self, run_id: str, name: str, folder: Path) -> bool:
        """Copy a file or folder of a run to its place below a folder; tell whether it exists."""
        with self.translated(f"`{name}` of the run {run_id} could not be fetched"):
            above = str(PurePosixPath(name).parent)
            listed = self.client.list_artifacts(run_id, None if above == "." else above)
            if name not in {file.path for file in listed}:
                return False
            address = f"{self.client.get_run(run_id).info.artifact_uri}/{name}"
            download(address, folder / above, self.client.tracking_uri, most=MOST_RECORD_BYTES)
            return True


class MlflowDetails(Connection):
    """Single runs at one tracking address, with all their details."""

    def tags_of(self, run_id: str) -> Mapping[str, str]:
        """Give all tags of a run, MLflow's own too."""
        with self.translated(f"the run {run_id} could not be read"):
            found: Mapping[str, str] = self.client.get_run(run_id).data.tags
            return found

    def has_model(self, run_id: str) -> bool:
        """Tell whether a run kept a model."""
        return self._model(run_id) is not None

    def fetch_model(self, run_id: str, folder: Path) -> Path | None:
        """Copy the files of a run's model to a folder and return the one they are in; None if they no longer exist."""
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
