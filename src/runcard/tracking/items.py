"""Plain types for what is written to and read from a tracking backend.

    RunLog (name, status, items) ──► Tracker ──► RunRow
                          RunScope ──► RunReader ──► RunRanking

A `RunLog` is one run as it shall stand in the backend; its items say what it holds.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from math import isfinite, isnan
from pathlib import Path
from typing import Literal, Protocol, Self

from runcard.tags import (
    NON_FINITE_TAG,
    OUR_TAGS,
)

PARAM_LIMIT = 6000
"""Longest parameter value MLflow keeps, in characters."""
TAG_LIMIT = 8000
"""Longest tag value MLflow keeps, in characters."""
NAME_LIMIT = 250
"""Longest name of a run that every database of MLflow's keeps, in characters."""
SCHEMA_LIMIT = 1_000_000
"""Longest schema of a dataset, in characters; MLflow takes some more."""
MISSING_FILE = "missing_metrics.json"
TEST_MISSING_FILE = "test_missing_metrics.json"
PARAMS_FILE = "params.json"
METRICS_FILE = "non_finite_metrics.json"
EXACT_PARAMS_FILE = "exact_params.json"
OUTPUTS_FILE = "outputs.json"
DECISION_FILE = "decision.json"
PARENT_TAG = "mlflow.parentRunId"
"""MLflow's own tag for the run that a run belongs to."""
MOST_STRAYS = 100
RunKind = Literal["card", "trial", "replay"]
RunStatus = Literal["RUNNING", "FINISHED", "FAILED", "KILLED"]
SealName = Literal["runcard.seal", "runcard.seal_end", "runcard.seal_decision"]
"""Tags that say again, under a digest, what was written: at first, later, and of a decision; see `seal.py`."""


@dataclass(frozen=True, slots=True)
class Param:
    """A hyperparameter or setting; a run cannot change it later."""

    name: str
    value: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "value", storable(self.value))
        if len(self.value) > PARAM_LIMIT:
            raise ValueError(f"parameter {self.name} is too long to be kept: see safe_params")


@dataclass(frozen=True, slots=True)
class MetricValue:
    """A number measured at a step; only finite ones can be logged."""

    name: str
    value: float
    step: int
    timestamp_ms: int


@dataclass(frozen=True, slots=True)
class Tag:
    """A note on a run; logging it again replaces it, and a shortened one shows that it is."""

    name: str
    value: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "value", storable(self.value))


@dataclass(frozen=True, slots=True)
class Artifact:
    """A local file or folder to be stored under `folder` of the run's artifacts."""

    path: Path
    folder: str = ""


@dataclass(frozen=True, slots=True)
class TextArtifact:
    """A text to be stored as the file `name` (with slashes: in a folder) of the run's artifacts."""

    text: str
    name: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "text", storable(self.text))


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """A model folder written by `save_model`, to become the run's logged model `name`.

    The metrics are those of exactly this model: they stand on the model and on the run, so a run does not
    list them a second time among its own items.
    """

    path: Path
    name: str
    params: tuple[Param, ...] = ()
    metrics: tuple[MetricValue, ...] = ()


@dataclass(frozen=True, slots=True)
class DatasetInput:
    """The data that a run read; `context` says what for, such as `training`."""

    name: str
    digest: str
    source: str
    source_type: str
    schema_json: str
    profile_json: str
    context: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", shorten(storable(self.name), 2 * NAME_LIMIT, see="its source"))


@dataclass(frozen=True, slots=True)
class Distinction:
    """Tags that only one run of an experiment has at a time: setting them removes them from any other run."""

    tags: tuple[Tag, ...]
    run_id: str | None
    """None takes them from whoever has them; so does a run that was deleted."""
    protocol: str | None = None
    """Runs of other protocols keep theirs; None for all runs of the experiment."""


LogItem = Param | MetricValue | Tag | Artifact | TextArtifact | ModelFiles | DatasetInput | Distinction


@dataclass(frozen=True, slots=True)
class RunLog:
    """The content that one run is to have in the backend.

    The same run may be told in several logs, one after the other: the first opens it, each adds its
    items, and the status and end of the last one stand. Times are milliseconds since 1970, UTC.
    """

    record_id: str
    kind: RunKind
    name: str
    experiment: str
    started_ms: int
    status: RunStatus
    ended_ms: int | None = None
    parent_run_id: str | None = None
    items: tuple[LogItem, ...] = ()
    seal: SealName = "runcard.seal"
    """Under which name the tracker seals it."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", shorten(storable(self.name), NAME_LIMIT, see="its tags"))
        models = (model.metrics for model in self.items if isinstance(model, ModelFiles))
        for metric in chain(self.items, *models):
            if isinstance(metric, MetricValue) and not isfinite(metric.value):
                raise ValueError(f"metric {metric.name} is not finite and would be changed: see safe_metrics")


@dataclass(frozen=True, slots=True)
class RunRow:
    """One run as the backend lists it, with the last value of each metric, NaN included."""

    run_id: str
    name: str
    status: str
    started_ms: int
    ended_ms: int | None
    params: Mapping[str, str]
    metrics: Mapping[str, float]
    tags: Mapping[str, str]
    experiment: str = ""
    """The experiment's name, where it was read."""

    def value(self, metric: str) -> float | None:
        """Give a metric's value; None where it is missing or NaN."""
        value = self.metrics.get(metric)
        return None if value is None or isnan(value) else value


@dataclass(frozen=True, slots=True)
class RunScope:
    """A selection of runs; deleted runs are never in it, replays only if they are named."""

    experiments: tuple[str, ...]
    """Names of experiments."""
    run_ids: tuple[str, ...] = ()
    """These runs only; empty for all."""
    protocol: str | None = None
    """Only trials of this protocol, and of a trial that was run several times only the latest run."""
    where: str = ""
    """A condition in MLflow's filter language."""


@dataclass(frozen=True, slots=True)
class RunRanking:
    """Runs ranked by a metric, best first; runs without it come last, earlier before later."""

    rows: tuple[RunRow, ...]
    n_runs: int | None
    """How many there are, whether listed or not; None where the backend cannot count them."""
    n_ranked: int | None
    """How many of them have the metric."""


class RunReader(Protocol):
    """Reads a tracking backend from one thread; leaving the context closes it.

    The rows it gives carry no tags but runcard's and the parent's. Every method raises TrackingAway when the
    backend does not answer and TrackingError when it refuses.
    """

    def __enter__(self) -> Self: ...

    def __exit__(self, *exc: object) -> None: ...

    def probe(self) -> None:
        """Check within five seconds whether the backend answers."""

    def has_experiment(self, name: str) -> bool:
        """Tell whether an experiment of that name exists.

        Raises
        ------
        ExperimentDeleted
            There was.
        """

    def experiment_names(self) -> list[str]:
        """List the experiments, a thousand at most."""

    def read_cards(self, experiment: str) -> list[RunRow]:
        """List the runs of cards in an experiment, newest first, a thousand at most."""

    def find_runs(self, name: str) -> list[RunRow]:
        """Find runs by their id, four digits or more of its beginning, or their name; newest first, ten at most."""

    def read_replays(self, run_id: str) -> list[RunRow]:
        """List the replays of a run, newest first, a hundred at most."""

    def is_deleted(self, run_id: str) -> bool:
        """Tell whether a run existed and was deleted."""

    def files_of(self, run_id: str) -> str:
        """Give the address of a run's files; empty if it is not known."""

    def metric_names(self, scope: RunScope) -> list[str]:
        """Name the metrics of the runs; of many runs in a server, those of the newest thousand."""

    def rank_runs(self, scope: RunScope, metric: str, *, greater_is_better: bool, limit: int | None) -> RunRanking:
        """Rank the runs by a metric's last value and read the first `limit` of them.

        Raises
        ------
        UsageError
            The scope's condition is not in MLflow's filter language.
        """

    def read_strays(self, scope: RunScope) -> list[RunRow]:
        """List sealed runs of the scope's experiments that lack a tag by which its trials are found; a hundred at most.

        Where a database is read, also trials of its cards that have another protocol.
        """

    def read_folds(self, run_ids: Sequence[str], metric: str) -> dict[str, tuple[float, ...]]:
        """Read the scores of `cv_<metric>` in step order, (n_folds,) a run; runs without them are left out."""


class Tracker(Protocol):
    """A tracking backend at one address, used from one thread; leaving the context closes it.

    Every method raises TrackingAway when the backend does not answer and TrackingError when it refuses.
    """

    def __enter__(self) -> Self: ...

    def __exit__(self, *exc: object) -> None: ...

    def probe(self) -> None:
        """Check within five seconds whether the backend answers."""

    def ensure_experiment(self, name: str) -> str:
        """Return the experiment's id, creating the experiment if there is none."""

    def find_run(self, experiment: str, record_id: str) -> str | None:
        """Look up the run written from a record, when a crash left its id unknown."""

    def open_run(self, run: RunLog) -> str:
        """Create the run, with its tags, and return its id. Not idempotent: see `find_run`."""

    def fill_run(self, run_id: str, run: RunLog) -> None:
        """Log all items, then set the status; doing so again leaves the same content.

        Raises
        ------
        RunDeleted
            The run was deleted since it was opened.
        """

    def end_killed(self, experiment: str, record_id: str) -> None:
        """End the run of a record whose process was killed while writing it; an ended run stays unchanged."""

    def add_items(self, run_id: str, experiment: str, items: tuple[LogItem, ...]) -> None:
        """Log items to a run made by anyone, without changing its status."""

    def distinguish(self, experiment: str, distinction: Distinction) -> None:
        """Set tags on one run of an experiment and remove them from the others."""

    def read_runs(self, experiment: str, *, kind: RunKind | None = None, limit: int | None = None) -> list[RunRow]:
        """List the runs of an experiment, newest first."""

    def read_folds(self, run_ids: Sequence[str], metric: str) -> dict[str, tuple[float, ...]]:
        """Read the scores of `cv_<metric>` in step order, (n_folds,) a run; runs without them are left out."""


def safe_params(params: Mapping[str, object]) -> tuple[tuple[Param | TextArtifact, ...], dict[str, str]]:
    """Convert hyperparameters into items that a backend stores unchanged.

    Returns the items and the values that are too long for a parameter. Those are shortened openly, and the
    exact values of all parameters stand in `params.json`.
    """
    texts = {name: storable(value if isinstance(value, str) else _text(value)) for name, value in params.items()}
    overflow = {name: text for name, text in texts.items() if len(text) > PARAM_LIMIT}
    items: list[Param | TextArtifact] = [
        Param(name, shorten(text, PARAM_LIMIT, see=PARAMS_FILE)) for name, text in texts.items()
    ]
    if overflow:
        items.append(TextArtifact(json.dumps(texts, indent=2, ensure_ascii=False), PARAMS_FILE))
    return tuple(items), overflow


def safe_json(tag: str, value: object, *, file: str) -> Tag | TextArtifact:
    """Store a value as JSON: in a tag, or in a file where it is too long for one."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    return Tag(tag, text) if len(text) <= TAG_LIMIT else TextArtifact(text, file)


def safe_metrics(metrics: Iterable[MetricValue]) -> tuple[MetricValue | Tag | TextArtifact, ...]:
    """Separate metrics that are not finite: MLflow would turn infinity into 1.8e308 and NaN into 0.

    They are named by the tag `runcard.non_finite`, and stand exactly in `non_finite_metrics.json`.
    """
    rows = tuple(metrics)
    finite = tuple(metric for metric in rows if isfinite(metric.value))
    others = [{"name": m.name, "step": m.step, "value": str(m.value)} for m in rows if not isfinite(m.value)]
    if not others:
        return finite
    names = dict.fromkeys(str(other["name"]) for other in others)
    return (
        *finite,
        Tag(NON_FINITE_TAG, shorten(", ".join(names), TAG_LIMIT, see=METRICS_FILE)),
        TextArtifact(json.dumps(others, indent=2), METRICS_FILE),
    )


def ours(tags: Mapping[str, str]) -> dict[str, str]:
    """Keep runcard's own tags and the parent's: other tags hold whole diffs and notebooks."""
    return {name: value for name, value in tags.items() if name == PARENT_TAG or name.startswith(OUR_TAGS)}


def shorten(text: str, limit: int, *, see: str) -> str:
    """Cut a text to `limit` characters, with a note of the cut and of where the whole text is."""
    mark = f"… (see {see})"
    return text if len(text) <= limit else text[: limit - len(mark)] + mark


def storable(text: str) -> str:
    """Escape characters that a database or UTF-8 does not accept: NUL and lone surrogates."""
    return text.replace("\x00", "\\x00").encode("utf-8", "backslashreplace").decode("utf-8")


def safe_schema(columns: Sequence[Mapping[str, str]], *, see: str) -> str:
    """Write a dataset's columns as JSON, shortened to what MLflow accepts with a note of where the rest is."""
    whole = json.dumps({"columns": columns})
    if len(whole) <= SCHEMA_LIMIT:
        return whole
    n_kept = len(columns) * (SCHEMA_LIMIT - 200) // (len(whole) + 1)
    while len(kept := json.dumps({"columns": columns[:n_kept]})) > SCHEMA_LIMIT - 200:
        n_kept = n_kept * 9 // 10
    left_out = {"n_columns": len(columns), "left_out": len(columns) - n_kept, "see": see}
    return kept[:-1] + ", " + json.dumps(left_out)[1:]


def _text(value: object) -> str:
    """Write a value as a card would (`null`, `true`, lists in brackets), others by their repr."""
    try:
        return json.dumps(value, ensure_ascii=False)
    except (TypeError, ValueError):
        return repr(value)
