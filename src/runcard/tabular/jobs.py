"""The jobs that measure estimators on folds: preparing matrices, trying a few rows, fitting."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from runcard import errors
from runcard.engine.base import Lost
from runcard.plan import ALL, Bench, Fit, Trial
from runcard.record import JobResult
from runcard.tabular.featureset import set_path, why_failed
from runcard.tabular.fit import FitTask, run_fit
from runcard.tabular.matrices import Preparation, Prepared, prepare
from runcard.tabular.probe import Rehearsal, rehearse
from runcard.tabular.setting import Setting

TEST = -2
"""In place of a fold: all training rows to fit on, the test rows to score, if there are any."""
_WHOLE = (ALL, TEST)
_DISK_BYTES = 8_000_000_000
"""How much the matrices of all folds in work may take; more folds are worked through in blocks."""


def blocks_of(setting: Setting) -> Iterator[Sequence[int]]:
    """Divide the folds so that the matrices of one block fit on disk: leave-one-out has thousands of folds."""
    default: Any = next(iter(setting.feature_sets.values()))
    width = len(default.numerical) + 10 * (len(default.columns) - len(default.numerical))
    n_bytes = 8 * len(setting.split.train) * max(width, 1) * len(setting.feature_sets)
    size = max(1, _DISK_BYTES // n_bytes)
    folds = range(len(setting.split.folds))
    for start in range(0, len(folds), size):
        yield folds[start : start + size]


def prepare_folds(setting: Setting, features: Iterable[str], units: Sequence[int], bench: Bench) -> None:
    """Make the matrices of feature sets on folds, or for all training and test rows.

    Raises
    ------
    FeaturesInvalid
        A transformer fails.
    """
    places = [(name, fold) for name in dict.fromkeys(features) for fold in units]
    tasks = [_preparation(setting, name, fold, bench) for name, fold in places]
    for index, found in bench.engine.run(prepare, tasks):
        _require_made(setting, found, places[index][0])


def probe_job(setting: Setting, trial: Trial, unit: int, bench: Bench) -> Rehearsal:
    """Make the job of fitting a trial on a few rows."""
    return Rehearsal(
        matrices_folder(bench, trial.features, unit),
        setting.estimator(trial.model, trial.params),
        setting.metrics,
        setting.target.without_values(),
        setting.seed,
    )


def fit_job(
    setting: Setting, fit: Fit, unit: int, bench: Bench, *, marks: Sequence[int] = (), is_shortened: bool = False
) -> FitTask:
    """Make the job of a fit on a fold; on the first, latency, size and the learning curve are measured too."""
    is_first = unit == 0 and not is_shortened
    averaged = tuple(metric for metric in setting.metrics if metric not in setting.pooled)
    return FitTask(
        folder=matrices_folder(bench, fit.features, unit),
        fold=unit,
        estimator=setting.estimator(fit.model, fit.params),
        stages=fit.stages,
        metrics=(setting.primary,) if is_shortened else averaged,
        pooled=() if is_shortened else setting.pooled,
        primary=setting.primary.name,
        target=setting.target.without_values(),
        seed=setting.seed,
        is_measured=is_first,
        curve=setting.primary if is_first and setting.primary not in setting.pooled else None,
        marks=tuple(marks),
    )


def _preparation(setting: Setting, name: str, fold: int, bench: Bench) -> Preparation:
    features = setting.feature_sets[name]
    fit_rows, score_rows = (setting.split.train, setting.split.test) if fold in _WHOLE else setting.split.folds[fold]
    return Preparation(
        table=bench.data / "table",
        columns=features.columns,
        transformer=features.transformer(),
        fit_rows=fit_rows,
        score_rows=None if fold == ALL or not len(score_rows) else score_rows,
        target=setting.target.without_values(),
        folder=matrices_folder(bench, name, fold),
        seed=setting.seed,
        is_measured=fold == 0,
    )


def _require_made(setting: Setting, found: Prepared | Lost, name: str) -> None:
    problem = found.reason if isinstance(found, Lost) else found.error
    if problem is None:
        return
    why, hint = why_failed(name, setting.columns, str(problem))
    raise errors.FeaturesInvalid(
        f"the features of `{name}` cannot be made",
        where=setting.card.where(*set_path(setting.card, name)),
        why=why,
        hint=hint,
    )


def run_job(task: FitTask | Rehearsal) -> JobResult | str | None:
    """Run a probe, returning the reason if it fails, or run a fit."""
    return rehearse(task) if isinstance(task, Rehearsal) else run_fit(task)


def matrices_folder(bench: Bench, features: str, fold: int) -> Path:
    """Name the folder of a feature set's matrices on a fold."""
    return bench.folder / "folds" / features.replace("/", "_") / str(fold)
