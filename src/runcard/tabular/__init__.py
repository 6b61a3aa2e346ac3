"""The kind of trials that are estimators on the folds of a table: preparation, training, scoring.

Training has four steps, each a function of one picklable task, run by whatever engine: `prepare` fits the
transformer of one fold and keeps its matrices; `rehearse` tries hyperparameters on a few rows; `run_fit` trains once
on a fold and reads off every trial that the fit serves; `refit` trains a finalist on all training rows and scores
it on the test rows.
"""

from runcard.tabular.conditions import last_line
from runcard.tabular.final import FinalResult, FinalTask, refit
from runcard.tabular.fit import FitTask, run_fit
from runcard.tabular.matrices import Preparation, Prepared, prepare, read_rows, stage_table
from runcard.tabular.outputs import Scored, pool, score_all
from runcard.tabular.probe import Rehearsal, rehearse

__all__ = [
    "FinalResult",
    "FinalTask",
    "FitTask",
    "Preparation",
    "Prepared",
    "Rehearsal",
    "Scored",
    "last_line",
    "pool",
    "prepare",
    "read_rows",
    "refit",
    "rehearse",
    "run_fit",
    "score_all",
    "stage_table",
]
