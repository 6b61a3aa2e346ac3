"""The record: what one trial measured and under what circumstances, as plain JSON plus files."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from statistics import fmean
from typing import Any, Literal

Status = Literal["done", "stopped", "impossible", "failed", "lost"]
"""`stopped`: it fell behind others, and has no scores; `impossible`: its hyperparameters do not go together, and it
was not trained; `lost`: its worker died, and the next run tries again."""


Curves = Mapping[str, Mapping[int, float]]
"""Name of a metric -> number of steps -> its value then."""


@dataclass(frozen=True, slots=True)
class Record:
    """The measurements of one trial: everything that a comparison may use."""

    record_id: str
    trial_key: str
    protocol: str
    """Hash of data, folds, features and metrics; records compare only if it is equal."""
    model: str
    params: Mapping[str, Any]
    features: str
    index: int
    """The trial's place in its plan."""
    status: Status
    started: float
    """Seconds since 1970, UTC."""
    ended: float
    scores: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    """Metric name -> one score per fold, in fold order, in the metric's own unit; never negated. One alone is of a
    metric that was computed once, on what was said of all folds' rows together."""
    missing: Mapping[str, str] = field(default_factory=dict)
    """Metrics without scores, for they are not defined on every fold -> why."""
    fit_seconds: tuple[float, ...] = ()
    """One per fold; of a fit that several trials share, this trial's part of it."""
    score_seconds: tuple[float, ...] = ()
    cpu_seconds: float = 0.0
    """Spent on training and scoring it on all folds; a fit that several trials share counts for the longest of them."""
    predict_ms_p95: float | None = None
    """95th percentile of the milliseconds to predict one raw row, one thread."""
    model_mb: float | None = None
    warnings: tuple[str, ...] = ()
    """Each once."""
    n_fits: int = 0
    """On how many folds it was trained; a fit that several trials share counts for the longest of them."""
    n_warned: int = 0
    """On how many of them it, or a metric, warned."""
    error: str | None = None
    trace: str = ""
    stopped_at: int | None = None
    """After how many boosting rounds, epochs or folds it was stopped."""
    curves: Curves = field(default_factory=dict)
    """Name of a metric -> boosting rounds, epochs or folds -> its value after them."""
    outputs: tuple[str, ...] = ()
    """One digest per fold of what the model said of its rows: equal only if that is, byte by byte."""

    def mean(self, metric: str) -> float | None:
        """Average a metric over the folds; None where there are no folds, or it is missing."""
        scores = self.scores.get(metric, ())
        return fmean(scores) if scores else None


@dataclass(frozen=True, slots=True)
class FinalRecord:
    """The scores on the test rows of a finalist, refitted on all training rows."""

    record_id: str
    of: str
    """The record of its trial."""
    trial_key: str
    protocol: str
    scores: Mapping[str, float]
    started: float
    ended: float
    fit_seconds: float = 0.0
    cpu_seconds: float = 0.0
    """Spent on training and scoring it."""
    predict_ms_p95: float | None = None
    model_mb: float | None = None
    warnings: tuple[str, ...] = ()
    error: str | None = None
    trace: str = ""
    may_pass: bool = True
    """Whether another try may come out otherwise, if it failed."""
    unsaved: str | None = None
    """Why its model is not kept, though its scores are."""
    outputs: str = ""
    """Digest of what the model said of the test rows."""
    missing: Mapping[str, str] = field(default_factory=dict)
    """Metrics without a score, for they are not defined on the test rows -> why."""


def record_json(record: Record | FinalRecord) -> str:
    """Write a record as JSON, with every digit of its floats."""
    return json.dumps(asdict(record), default=str)


def read_record(text: str) -> Record:
    """Read a trial's record from JSON, equal to the one that was written."""
    fields = json.loads(text)
    fields["scores"] = {name: tuple(scores) for name, scores in fields["scores"].items()}
    for name in ("fit_seconds", "score_seconds", "warnings", "outputs"):
        fields[name] = tuple(fields.get(name, ()))  # the outputs of what an older runcard wrote are not known
    fields["curves"] = {
        name: {int(step): value for step, value in points.items()} for name, points in fields["curves"].items()
    }
    return Record(**fields)


def read_final(text: str) -> FinalRecord:
    """Read a finalist's record from JSON, equal to the one that was written."""
    fields = json.loads(text)
    return FinalRecord(**fields | {"warnings": tuple(fields["warnings"])})


@dataclass(frozen=True, slots=True)
class UnitResult:
    """The result of one trial on one unit, such as a fold."""

    key: str
    scores: Mapping[str, float]
    fit_seconds: float
    """Of a shared fit, this trial's part by its number of stages."""
    score_seconds: float
    predict_ms: tuple[float, ...] = ()
    """Milliseconds from one raw row to its prediction, call by call."""
    model_bytes: int | None = None
    """Of the pickled model."""
    error: str | None = None
    curves: Curves = field(default_factory=dict)
    outputs: str = ""
    """Digest of what the model said of the unit, byte by byte."""
    missing: Mapping[str, str] = field(default_factory=dict)
    """Metrics that are not defined on this unit -> why."""
    to_pool: Any = None
    """What `Work.pool` computes metrics of, for all units together."""


@dataclass(frozen=True, slots=True)
class JobResult:
    """The results of a fit on one unit; `error` is set when the fit itself failed."""

    unit: int
    stages: tuple[UnitResult, ...]
    cpu_seconds: float
    started: float
    """Seconds since 1970, UTC."""
    ended: float
    warnings: tuple[str, ...] = ()
    error: str | None = None
    trace: str = ""
    reached: int | None = None
    """How deep its trees grew, where `catalog.limits` knows what that means."""
