"""One training on one fold, and the results of every trial that it serves."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runcard.catalog.limits import reached
from runcard.catalog.metrics import Metric
from runcard.catalog.staging import stage_parameter, truncate
from runcard.data.target import Target
from runcard.plan import Stage
from runcard.record import JobResult, UnitResult
from runcard.tabular.conditions import last_line, quiet, trace_of
from runcard.tabular.curve import cut_curves, learning_curves
from runcard.tabular.latency import pickled_bytes, time_calls
from runcard.tabular.matrices import MatrixPart, load_part, load_raw, load_transformer
from runcard.tabular.outputs import compute_outputs, digest_outputs, score_all
from runcard.tabular.training import Trained, train_estimator

if TYPE_CHECKING:
    pass

_LATENCY_CALLS = 20
_LATENCY_SECONDS = 0.02


@dataclass(frozen=True, slots=True, eq=False)
class FitTask:
    """The task of training once on one fold and reading off every stage."""

    folder: Path
    fold: int
    estimator: Any
    stages: tuple[Stage, ...]
    metrics: tuple[Metric, ...]
    """Computed on the fold's score rows."""
    primary: str
    """The metric that must be defined."""
    target: Target
    seed: int
    is_measured: bool = False
    """Whether to measure latency and size; some raw rows are kept beside the fold's matrices then."""
    curve: Metric | None = None
    """Given on the fold where the learning curve is taken."""
    marks: tuple[int, ...] = ()
    """Further steps that its curve must show."""
    pooled: tuple[Metric, ...] = ()
    """Metrics that are computed later, on what is said of all folds' rows together."""

    @property
    def reads(self) -> tuple[Path, ...]:
        """The folders that a worker needs for it."""
        return (self.folder,)


def run_fit(task: FitTask) -> JobResult:
    """Train once and score every stage on the fold's score rows."""
    started, cpu = time.time(), time.process_time()
    noted: list[str] = []
    stages: tuple[UnitResult, ...] = ()
    error, trace, depth = None, "", None
    try:
        with quiet(task.seed, noted):
            stages, depth = _fit_and_score(task)
    except Exception as raised:
        error, trace = last_line(raised), trace_of(raised)
    cpu_seconds = time.process_time() - cpu
    kinds = tuple(dict.fromkeys(noted))
    return JobResult(task.fold, stages, cpu_seconds, started, time.time(), kinds, error, trace, depth)


def _fit_and_score(task: FitTask) -> tuple[tuple[UnitResult, ...], int | None]:
    matrix, target = load_part(task.folder, "fit")
    start = time.perf_counter()
    trained = train_estimator(task.estimator, matrix, target, task.target)
    fit_seconds = time.perf_counter() - start
    part = load_part(task.folder, "score")
    measure = _Measure(task) if task.is_measured else None
    stages = [_score_stage(trained, stage, fit_seconds, part, task, measure) for stage in task.stages]
    if task.curve is not None:
        last = stages[-1].scores.get(task.curve.name)  # of the longest
        curves = learning_curves(trained, part, task.curve, task.target, marks=task.marks, last=last)
        stages = [
            replace(scored, curves=cut_curves(curves, stage.n_stages))
            for stage, scored in zip(task.stages, stages, strict=True)
        ]
    return tuple(stages), reached(trained.estimator)


class _Measure:
    """Measures a whole pipeline: the time for single raw rows, and its size when pickled."""

    def __init__(self, task: FitTask) -> None:
        self._transformer, self._rows = load_transformer(task.folder), load_raw(task.folder)

    def __call__(self, model: Any) -> tuple[tuple[float, ...], int]:
        from sklearn.pipeline import Pipeline

        pipeline = Pipeline([("features", self._transformer), ("model", model)])
        calls = time_calls(pipeline.predict, self._rows, n_calls=_LATENCY_CALLS, seconds=_LATENCY_SECONDS)
        return tuple(calls), pickled_bytes(pipeline)


def _score_stage(
    trained: Trained, stage: Stage, fit_seconds: float, part: MatrixPart, task: FitTask, measure: _Measure | None
) -> UnitResult:
    import numpy as np

    matrix, target = part
    fitted = trained.estimator
    model = trained.labelled(fitted if stage.n_stages is None else truncate(fitted, stage.n_stages))
    start = time.perf_counter()
    outputs = compute_outputs(model, matrix, (*task.metrics, *task.pooled), task.target)
    scored = score_all(task.metrics, target, outputs, task.target)
    score_seconds = time.perf_counter() - start
    predict_ms, model_bytes = measure(model) if measure else ((), None)
    return UnitResult(
        stage.key,
        scored.scores,
        fit_seconds * _share(fitted, stage),
        score_seconds,
        predict_ms,
        model_bytes,
        error=scored.why_not(task.primary),
        outputs=digest_outputs(outputs),
        missing=scored.missing,
        to_pool=(np.array(target), outputs) if task.pooled else None,
    )


def _share(estimator: Any, stage: Stage) -> float:
    parameter = stage_parameter(estimator)
    if stage.n_stages is None or parameter is None:
        return 1.0
    return stage.n_stages / float(estimator.get_params(deep=False)[parameter])
