"""Estimators on the folds of a table: one kind of trials, and the jobs by which they are measured."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any

from runcard import errors
from runcard.catalog.steps import steps_of
from runcard.data.source import Table
from runcard.data.splitfile import NAME as SPLIT_FILE
from runcard.data.splitfile import describe_split, write_split
from runcard.plan import ALL, Bench, Fit, KeptFinalist, Plan, Retested, Trial
from runcard.project import Project
from runcard.record import Record
from runcard.tabular.absent import absent_classes
from runcard.tabular.finalists import get_ready_to_save, refit_finalists, refit_once
from runcard.tabular.fit import FitTask
from runcard.tabular.fits import share_fits
from runcard.tabular.jobs import blocks_of, fit_job, prepare_folds, probe_job, run_job
from runcard.tabular.matrices import stage_table
from runcard.tabular.outputs import pool, score_all
from runcard.tabular.probe import Rehearsal
from runcard.tabular.setting import Setting
from runcard.tabular.shown import absent_notes, facts_of, split_sizes

if TYPE_CHECKING:
    pass

TEST = -2
"""In place of a fold: all training rows to fit on, the test rows to score, if there are any."""
_WHOLE = (ALL, TEST)
_DISK_BYTES = 8_000_000_000
"""How much the matrices of all folds in work may take; more folds are worked through in blocks."""


@dataclass(frozen=True, slots=True, eq=False)
class TabularWork(Setting):
    """Implements the protocol `Work` for estimators on the folds of a table."""

    @property
    def units(self) -> tuple[str, ...]:
        """The names of the folds."""
        return tuple(f"fold {number}" for number in range(1, len(self.split.folds) + 1))

    @property
    def test_share(self) -> float | None:
        """The average ratio of rows a fold scores to rows it fits on; None without folds."""
        shares = [len(score) / len(fit) for fit, score in self.split.folds]
        return fmean(shares) if shares else None

    @property
    def n_tested(self) -> int:
        """The number of test rows."""
        return len(self.split.test)

    @property
    def run(self) -> Callable[[Any], Any]:
        """The function of every job."""
        return run_job

    def describe(self) -> Mapping[str, Any]:
        """Describe the work as plain JSON, with row numbers as digests."""
        return {
            "task": self.task,
            "task_because": self.task_because,
            "data": {"source": self.source, **asdict(self.fingerprint)},
            "columns": asdict(self.columns),
            "absent_classes": [asdict(found) for found in absent_classes(self.split, self.target)],
            "classes": [str(label) for label in self.target.classes],
            "positive": None if self.target.positive is None else str(self.target.classes[self.target.positive]),
            "split": describe_split(self.split),
            "copies": asdict(self.copies),
        }

    def summary(self) -> str:
        """Say how many folds and rows there are."""
        n_folds = len(self.split.folds)
        return f"{f'{n_folds} folds' if n_folds else 'no folds, one test'}, {split_sizes(self)}"

    def facts(self) -> Mapping[str, str]:
        """Describe the data, the task, the split and the folds in words."""
        return facts_of(self)

    def notes(self) -> Sequence[tuple[str, str]]:
        """Say which test rows are copies, and which classes are missing from parts of the split."""
        return [("copies", str(self.copies)), *(("absent", text) for text in absent_notes(self))]

    def keep(self, folder: Path) -> None:
        """Write the row numbers of the split."""
        write_split(self.split, folder / SPLIT_FILE)

    def stage(self, data: Table, folder: Path) -> None:
        """Write the table to the folder that the jobs read."""
        stage_table(self.typed(data.frame), self.target.values, folder / "table")

    def refusal(self, trial: Trial) -> str | None:
        """Give the reason why a trial's estimator cannot be built; None if it can."""
        try:
            self.estimator(trial.model, trial.params)
        except errors.HyperparameterRejected as error:
            return error.why
        return None

    def steps_of(self, trial: Trial) -> tuple[str, int] | None:
        """Name the hyperparameter that counts boosting rounds or epochs, and its value; None for other estimators."""
        return None if self.refusal(trial) else steps_of(self.estimator(trial.model, trial.params))

    def share(self, trials: Iterable[Trial]) -> tuple[Fit, ...]:
        """Group trials that differ only in how long they train, so that they share a fit."""
        return share_fits(trials, lambda trial: self.estimator(trial.model, trial.params))

    def blocks(self) -> Iterator[Sequence[int]]:
        """Divide the folds so that the matrices of one block fit on disk: leave-one-out has thousands of folds."""
        return blocks_of(self)

    def prepare(self, features: Iterable[str], units: Sequence[int], bench: Bench) -> None:
        """Make the matrices of feature sets on folds, or for all training and test rows.

        Raises
        ------
        FeaturesInvalid
            A transformer fails.
        """
        prepare_folds(self, features, units, bench)

    def release(self, bench: Bench) -> None:
        """Remove the matrices."""
        shutil.rmtree(bench.folder / "folds", ignore_errors=True)

    def probe(self, trial: Trial, unit: int, bench: Bench) -> Rehearsal:
        """Make the job of fitting a trial on a few rows."""
        return probe_job(self, trial, unit, bench)

    def job(
        self, fit: Fit, unit: int, bench: Bench, *, marks: Sequence[int] = (), is_shortened: bool = False
    ) -> FitTask:
        """Make the job of a fit on a fold; on the first, latency, size and the learning curve are measured too."""
        return fit_job(self, fit, unit, bench, marks=marks, is_shortened=is_shortened)

    def pool(self, parts: Sequence[Any]) -> tuple[Mapping[str, float], Mapping[str, str]]:
        """Score the outputs of all folds together."""
        if not parts:
            return {}, {}
        try:
            truth, outputs = pool(parts)
        except ValueError:
            reason = "the models of different folds tell different classes apart"
            return {}, {metric.name: reason for metric in self.pooled}
        scored = score_all(self.pooled, truth, outputs, self.target)
        return scored.scores, scored.missing

    def warm_up(self, project: Project) -> None:
        """Import what saving models needs."""
        get_ready_to_save(project)

    def retest(self, trial: Trial, bench: Bench) -> Retested:
        """Refit a trial on all training rows and score it on the test rows, keeping nothing.

        Raises
        ------
        RunError
            A worker died: that says nothing of the trial.
        """
        return refit_once(self, trial, bench)

    def finish(self, records: Sequence[Record], bench: Bench, project: Project) -> Iterator[KeptFinalist]:
        """Refit finalists on all training rows, score them on the test rows, and keep their models and figures."""
        return refit_finalists(self, records, bench, project)


def tabular(plan: Plan) -> TabularWork:
    """Give the work of a plan whose trials are estimators on a table, checking that it is of that kind.

    Raises
    ------
    TypeError
        They are of another kind.
    """
    if not isinstance(plan.work, TabularWork):
        raise TypeError(f"not a table's: {type(plan.work).__name__}")
    return plan.work
