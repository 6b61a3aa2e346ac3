"""The record: what one trial measured, and under what circumstances; plain JSON plus files."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from statistics import fmean
from typing import Any, Literal

from runcard.plan import Plan, Trial
from runcard.tabular import Curves, FinalResult, FitResult, Scored, StageResult, percentile_95, pool, score_all

Status = Literal["done", "stopped", "impossible", "failed", "lost"]
"""`stopped`: it fell behind others, and has no scores; `impossible`: its hyperparameters do not go together, and it
was not trained; `lost`: its worker died, and the next run tries again."""


@dataclass(frozen=True, slots=True)
class Record:
    """What one trial measured: all that a comparison may look at."""

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
    """What a finalist, refitted on all training rows, got on the test rows."""

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


@dataclass(slots=True)
class PartialRecord:
    """A trial's results as its folds come in, in whatever order."""

    trial: Trial
    n_folds: int
    folds: dict[int, StageResult] = field(default_factory=dict)
    warnings: dict[str, None] = field(default_factory=dict)
    n_fits: int = 0
    n_warned: int = 0
    started: float = 0.0
    ended: float = 0.0
    error: str | None = None
    trace: str = ""
    is_lost: bool = False
    stopped_at: int | None = None
    curves: dict[str, dict[int, float]] = field(default_factory=dict)
    cpu_seconds: float = 0.0

    def add(self, result: FitResult) -> None:
        """Take in one fold's result."""
        if not result.stages or result.stages[-1].key == self.trial.key:
            self.cpu_seconds += result.cpu_seconds
            self.n_fits += 1
            self.n_warned += bool(result.warnings)
        self.started = min(self.started or result.started, result.started)
        self.ended = max(self.ended, result.ended)
        self.warnings |= dict.fromkeys(result.warnings)
        stage = next((stage for stage in result.stages if stage.key == self.trial.key), None)
        problem = result.error or (stage.error if stage else None)
        if problem and self.error is None:
            self.error, self.trace = f"fold {result.fold + 1}: {problem}", result.trace
        if stage:
            self.folds[result.fold] = stage
            for name, points in stage.curves.items():
                self.curves.setdefault(name, {}).update(points)

    def add_point(self, metric: str, step: int, value: float, result: FitResult) -> None:
        """Take in what it had got after some of its steps."""
        self.started = min(self.started or result.started, result.started)
        self.ended = max(self.ended, result.ended)
        self.curves.setdefault(metric, {})[step] = value
        self.cpu_seconds += result.cpu_seconds

    def lose(self, fold: int, reason: str) -> None:
        """Note that the worker died on a fold."""
        self.is_lost = True
        self.error = self.error or f"fold {fold + 1}: {reason}"
        self.ended = self.ended or time.time()
        self.started = self.started or self.ended

    @property
    def is_begun(self) -> bool:
        """Whether anything has come in."""
        return self.started > 0

    @property
    def is_complete(self) -> bool:
        """Whether nothing more is to come: all folds are in, one of them failed, or it was stopped."""
        return self.error is not None or self.stopped_at is not None or len(self.folds) == self.n_folds


def make_record(draft: PartialRecord, plan: Plan) -> Record:
    """Make the record of a trial whose folds are all in, or one of whose folds failed."""
    trial, folds = draft.trial, [draft.folds[index] for index in sorted(draft.folds)]
    measured = next((stage for stage in folds if stage.model_bytes is not None), None)
    scored = _scored(plan, folds) if draft.error is None and draft.stopped_at is None and folds else _Scored({}, {})
    undefined = scored.missing.get(plan.primary.name)
    error = draft.error or (f"{plan.primary.name} is not defined: {undefined}" if undefined else None)
    done = error is None and draft.stopped_at is None
    return Record(
        record_id=uuid.uuid4().hex,
        trial_key=trial.key,
        protocol=plan.protocol,
        model=trial.model,
        params=dict(trial.params),
        features=trial.features,
        index=trial.index,
        status="done" if done else "stopped" if error is None else "lost" if draft.is_lost else "failed",
        started=draft.started,
        ended=draft.ended,
        scores=scored.scores if done else {},
        missing=scored.missing if done else {},
        fit_seconds=tuple(stage.fit_seconds for stage in folds),
        score_seconds=tuple(stage.score_seconds for stage in folds),
        cpu_seconds=draft.cpu_seconds,
        predict_ms_p95=percentile_95(measured.predict_ms) if measured else None,
        model_mb=measured.model_bytes / 1e6 if measured and measured.model_bytes is not None else None,
        warnings=tuple(draft.warnings),
        n_fits=draft.n_fits,
        n_warned=draft.n_warned,
        error=error,
        trace=draft.trace,
        stopped_at=draft.stopped_at,
        curves={name: dict(sorted(points.items())) for name, points in draft.curves.items()},
        outputs=tuple(stage.outputs for stage in folds) if done else (),
    )


def impossible_record(trial: Trial, plan: Plan, reason: str) -> Record:
    """Make the record of a trial whose hyperparameters do not go together: it is not trained, nor tried again."""
    now = time.time()
    return replace(
        make_record(PartialRecord(trial, plan.n_folds, started=now, ended=now, error=reason), plan), status="impossible"
    )


def make_final(result: FinalResult, record: Record) -> FinalRecord:
    """Make the record of a finalist."""
    return FinalRecord(
        record_id=uuid.uuid4().hex,
        of=record.record_id,
        trial_key=record.trial_key,
        protocol=record.protocol,
        scores=dict(result.scores) if result.error is None else {},
        missing=dict(result.missing) if result.error is None else {},
        started=result.started,
        ended=result.ended,
        fit_seconds=result.fit_seconds,
        cpu_seconds=result.cpu_seconds,
        predict_ms_p95=result.predict_ms_p95,
        model_mb=result.model_mb,
        warnings=result.warnings,
        error=result.error,
        trace=result.trace,
        may_pass=result.may_pass,
        outputs=result.digest if result.error is None else "",
    )


def record_json(record: Record | FinalRecord) -> str:
    """Write a record as JSON, floats to the last digit."""
    return json.dumps(asdict(record), default=str)


def read_record(text: str) -> Record:
    """Read a trial's record back, equal to what was written."""
    fields = json.loads(text)
    fields["scores"] = {name: tuple(scores) for name, scores in fields["scores"].items()}
    for name in ("fit_seconds", "score_seconds", "warnings", "outputs"):
        fields[name] = tuple(fields.get(name, ()))  # the outputs of what an older runcard wrote are not known
    fields["curves"] = {
        name: {int(step): value for step, value in points.items()} for name, points in fields["curves"].items()
    }
    return Record(**fields)


def read_final(text: str) -> FinalRecord:
    """Read a finalist's record back, equal to what was written."""
    fields = json.loads(text)
    return FinalRecord(**fields | {"warnings": tuple(fields["warnings"])})


def renumber(records: Iterable[Record], trials: Iterable[Trial]) -> list[Record]:
    """Give records of earlier executions their place among trials, and the names that these have."""
    by_key = {trial.key: trial for trial in trials}
    return sorted((_place(record, by_key[record.trial_key]) for record in records), key=lambda record: record.index)


def _place(record: Record, trial: Trial) -> Record:
    if (record.index, record.features) == (trial.index, trial.features):
        return record
    return replace(record, index=trial.index, features=trial.features)


@dataclass(frozen=True, slots=True)
class _Scored:
    """A trial's scores by metric, and why others have none."""

    scores: Mapping[str, tuple[float, ...]]
    missing: Mapping[str, str]


def _scored(plan: Plan, folds: Sequence[StageResult]) -> _Scored:
    scores: dict[str, tuple[float, ...]] = {}
    missing: dict[str, str] = {}
    together = _pooled(plan, folds)
    for name in (metric.name for metric in plan.metrics):
        gaps = [(fold, stage.missing[name]) for fold, stage in enumerate(folds, 1) if name in stage.missing]
        if name in together.scores:
            scores[name] = (together.scores[name],)
        elif name in together.missing:
            missing[name] = together.missing[name]
        elif gaps:
            missing[name] = f"fold {gaps[0][0]}: {gaps[0][1]}" + _and_others(len(gaps) - 1)
        else:
            scores[name] = tuple(stage.scores[name] for stage in folds)
    return _Scored(scores, missing)


def _and_others(n: int) -> str:
    return f" (and on {n} other{'s' * (n > 1)})" if n else ""


def _pooled(plan: Plan, folds: Sequence[StageResult]) -> Scored:
    parts = [stage.to_pool for stage in folds if stage.to_pool is not None]
    if not parts:
        return Scored({}, {})
    try:
        truth, outputs = pool(parts)
    except ValueError:
        reason = "the models of different folds tell different classes apart"
        return Scored({}, {metric.name: reason for metric in plan.pooled})
    return score_all(plan.pooled, truth, outputs, plan.target)
