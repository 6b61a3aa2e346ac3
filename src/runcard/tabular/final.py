"""The refit of a finalist: trained on all training rows as one Pipeline, scored once on the test rows."""

from __future__ import annotations

import pickle
import time
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runcard.catalog.metrics import Metric, Outputs
from runcard.data.target import Target
from runcard.stats import percentile_95
from runcard.tabular.conditions import last_line, quiet, trace_of
from runcard.tabular.latency import time_calls
from runcard.tabular.matrices import load_part, load_transformer, read_rows
from runcard.tabular.outputs import Scored, compute_outputs, digest_outputs, score_all
from runcard.tabular.training import Trained, train_estimator

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

_LATENCY_CALLS = 200
_LATENCY_SECONDS = 0.5
_EXAMPLE_ROWS = 5


@dataclass(frozen=True, slots=True, eq=False)
class FinalTask:
    """The task of training on all training rows and scoring on the test rows, both prepared in `folder`."""

    folder: Path
    table: Path
    columns: tuple[str, ...]
    test_rows: np.ndarray
    """Empty where the card keeps none: then nothing is scored."""
    estimator: Any
    metrics: tuple[Metric, ...]
    primary: str
    """The metric that must be defined."""
    target: Target
    seed: int
    is_timed: bool = True
    """Whether to take how long it predicts a row."""
    example_rows: np.ndarray | None = None
    """Rows to take times and an example from; None: the test rows."""

    @property
    def reads(self) -> tuple[Path, ...]:
        """The folders that a worker needs for it."""
        return (self.folder, self.table)


@dataclass(frozen=True, eq=False)
class FinalResult:
    """A refitted model and what it predicts on the test rows."""

    started: float
    """Seconds since 1970, UTC."""
    ended: float
    scores: Mapping[str, float] = field(default_factory=dict)
    missing: Mapping[str, str] = field(default_factory=dict)
    """Metrics that are not defined on the test rows -> why."""
    pickled: bytes = b""
    """The fitted Pipeline, for `pipeline` to load."""
    outputs: Outputs | None = None
    digest: str = ""
    """Of these outputs, byte by byte."""
    example: pd.DataFrame | None = None
    """A few raw rows: the first test rows, or training rows where there are none."""
    importances: tuple[tuple[str, float], ...] | None = None
    """Feature name and importance, the largest first; None where the estimator tells none."""
    fit_seconds: float = 0.0
    cpu_seconds: float = 0.0
    predict_ms_p95: float | None = None
    model_mb: float = 0.0
    warnings: tuple[str, ...] = ()
    error: str | None = None
    trace: str = ""
    may_pass: bool = False
    """Whether the same error need not come again: memory or the disk ran out, or a worker died."""

    @cached_property
    def pipeline(self) -> Any:
        """Load the fitted Pipeline: raw columns in, labels out.

        It comes as bytes because loading it runs code of the model's package, which may warn (that was heard
        when it was trained) or raise, and must not do so where the engine receives results.
        """
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return pickle.loads(self.pickled)


def refit(task: FinalTask) -> FinalResult:
    """Train the estimator on all training rows and score it on the test rows."""
    started, cpu = time.time(), time.process_time()
    noted: list[str] = []
    try:
        with quiet(task.seed, noted):
            trained, fit_seconds = _train(task)
            found = _score(trained, task)
    except Exception as error:
        may_pass = isinstance(error, MemoryError | OSError)
        found = {"error": last_line(error), "trace": trace_of(error), "may_pass": may_pass}
    else:
        found |= {"fit_seconds": fit_seconds, "warnings": tuple(dict.fromkeys(noted))}
    return FinalResult(started, time.time(), cpu_seconds=time.process_time() - cpu, **found)


def _train(task: FinalTask) -> tuple[Trained, float]:
    matrix, codes = load_part(task.folder, "fit")
    start = time.perf_counter()
    trained = train_estimator(task.estimator, matrix, codes, task.target)
    return trained, time.perf_counter() - start


def _score(trained: Trained, task: FinalTask) -> dict[str, Any]:
    import cloudpickle
    from sklearn.pipeline import Pipeline

    model = trained.model
    outputs, scored = _tested(model, task) if len(task.test_rows) else (None, Scored({}, {}))
    pipeline = Pipeline([("features", load_transformer(task.folder)), ("model", model)])
    shown = task.test_rows if task.example_rows is None else task.example_rows
    raw = read_rows(task.table, task.columns, shown[:_LATENCY_CALLS])
    pickled = cloudpickle.dumps(pipeline, protocol=5)
    n_calls = _LATENCY_CALLS if task.is_timed else 0
    calls = time_calls(pipeline.predict, raw, n_calls=n_calls, seconds=_LATENCY_SECONDS)
    return {
        "scores": scored.scores,
        "missing": scored.missing,
        "pickled": pickled,
        "outputs": outputs,
        "digest": digest_outputs(outputs) if outputs else "",
        "example": raw.head(_EXAMPLE_ROWS),
        "importances": importances_of(trained.estimator, _feature_names(pipeline)),
        "predict_ms_p95": percentile_95(calls),
        "model_mb": len(pickled) / 1e6,
        "error": scored.why_not(task.primary),
    }


def _tested(model: Any, task: FinalTask) -> tuple[Outputs, Scored]:
    matrix, truth = load_part(task.folder, "score")
    outputs = compute_outputs(model, matrix, task.metrics, task.target, every=True)
    return outputs, score_all(task.metrics, truth, outputs, task.target)


def _feature_names(pipeline: Any) -> tuple[str, ...]:
    try:
        return tuple(str(name) for name in pipeline[:-1].get_feature_names_out())
    except (AttributeError, ValueError, NotImplementedError):  # a transformer need not name its output
        return ()


def importances_of(estimator: object, feature_names: Sequence[str]) -> tuple[tuple[str, float], ...] | None:
    """Return name and importance of every feature as the fitted estimator sees it, the largest first.

    Trees and boosting give `feature_importances_`; of linear models it is the absolute coefficient,
    averaged over the classes. None for estimators that tell neither, and where names and values do not
    match one to one.
    """
    values = _values_of(estimator)
    if values is None or len(values) != len(feature_names):
        return None
    pairs = zip(map(str, feature_names), values, strict=True)
    return tuple(sorted(pairs, key=lambda pair: (-pair[1], pair[0])))


def _values_of(estimator: Any) -> list[float] | None:
    import numpy as np

    for name in ("feature_importances_", "coef_"):
        try:
            values = getattr(estimator, name)
        except Exception:  # a property may refuse: a kernel machine, a boosted linear model
            continue
        values = values.toarray() if hasattr(values, "toarray") else np.asarray(values)
        if values.dtype.kind in "fiu" and values.ndim in {1, 2} and np.isfinite(values).all():
            return [float(value) for value in np.abs(np.atleast_2d(values)).mean(axis=0)]
    return None
