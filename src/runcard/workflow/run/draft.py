"""Drafts of trial records, completed by results that arrive unit by unit in any order."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from runcard.plan import Plan, Trial
from runcard.record import JobResult, Record, UnitResult
from runcard.stats import percentile_95


@dataclass(slots=True)
class PartialRecord:
    """A trial's results so far, arriving by unit in any order."""

    trial: Trial
    units: tuple[str, ...]
    """The names of what it is measured on."""
    results: dict[int, UnitResult] = field(default_factory=dict)
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

    def add(self, result: JobResult) -> None:
        """Add one unit's result."""
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
            self.error, self.trace = f"{self.units[result.unit]}: {problem}", result.trace
        if stage:
            self.results[result.unit] = stage
            for name, points in stage.curves.items():
                self.curves.setdefault(name, {}).update(points)

    def add_point(self, metric: str, step: int, value: float, result: JobResult) -> None:
        """Add the scores after some of the trial's steps."""
        self.started = min(self.started or result.started, result.started)
        self.ended = max(self.ended, result.ended)
        self.curves.setdefault(metric, {})[step] = value
        self.cpu_seconds += result.cpu_seconds

    def lose(self, unit: int, reason: str) -> None:
        """Note that the worker died on a unit."""
        self.is_lost = True
        self.error = self.error or f"{self.units[unit]}: {reason}"
        self.ended = self.ended or time.time()
        self.started = self.started or self.ended

    @property
    def is_begun(self) -> bool:
        """Whether any result has arrived."""
        return self.started > 0

    @property
    def is_complete(self) -> bool:
        """Whether no more results are to come: all units are in, one failed, or the trial was stopped."""
        return self.error is not None or self.stopped_at is not None or len(self.results) == len(self.units)


def make_record(draft: PartialRecord, plan: Plan) -> Record:
    """Make the record of a trial whose units are all in, or one of whose units failed."""
    trial, units = draft.trial, [draft.results[index] for index in sorted(draft.results)]
    measured = next((stage for stage in units if stage.model_bytes is not None), None)
    scored = _scored(plan, units) if draft.error is None and draft.stopped_at is None and units else _Scored({}, {})
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
        fit_seconds=tuple(stage.fit_seconds for stage in units),
        score_seconds=tuple(stage.score_seconds for stage in units),
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
        outputs=tuple(stage.outputs for stage in units) if done else (),
    )


def impossible_record(trial: Trial, plan: Plan, reason: str) -> Record:
    """Make the record of a trial whose hyperparameters do not go together; it is never trained."""
    now = time.time()
    return replace(
        make_record(PartialRecord(trial, plan.work.units, started=now, ended=now, error=reason), plan),
        status="impossible",
    )


def renumber(records: Iterable[Record], trials: Iterable[Trial]) -> list[Record]:
    """Give records of earlier executions their index and names in the present plan."""
    by_key = {trial.key: trial for trial in trials}
    return sorted((_place(record, by_key[record.trial_key]) for record in records), key=lambda record: record.index)


def _place(record: Record, trial: Trial) -> Record:
    if (record.index, record.features) == (trial.index, trial.features):
        return record
    return replace(record, index=trial.index, features=trial.features)


@dataclass(frozen=True, slots=True)
class _Scored:
    """A trial's scores by metric, and the reasons for missing ones."""

    scores: Mapping[str, tuple[float, ...]]
    missing: Mapping[str, str]


def _scored(plan: Plan, units: Sequence[UnitResult]) -> _Scored:
    scores: dict[str, tuple[float, ...]] = {}
    missing: dict[str, str] = {}
    together, undefined = plan.work.pool([unit.to_pool for unit in units if unit.to_pool is not None])
    for name in (metric.name for metric in plan.metrics):
        gaps = [(index, unit.missing[name]) for index, unit in enumerate(units) if name in unit.missing]
        if name in together:
            scores[name] = (together[name],)
        elif name in undefined:
            missing[name] = undefined[name]
        elif gaps:
            missing[name] = f"{plan.work.units[gaps[0][0]]}: {gaps[0][1]}" + _and_others(len(gaps) - 1)
        else:
            scores[name] = tuple(unit.scores[name] for unit in units)
    return _Scored(scores, missing)


def _and_others(n: int) -> str:
    return f" (and on {n} other{'s' * (n > 1)})" if n else ""
