"""Training and scoring: task in, result out; no database, no MLflow, and the only place that fits.

Four steps, each a function of one picklable task, run by whatever engine: `prepare` fits the transformer of
one fold and keeps its matrices; `rehearse` tries hyperparameters on a few rows; `run_fit` trains once on a
fold and reads off every trial that the fit serves; `refit` trains a finalist on all training rows and scores
it on the test rows.
"""

from runcard.trial.circumstances import last_line
from runcard.trial.curve import Curves
from runcard.trial.final import FinalResult, FinalTask, refit
from runcard.trial.fit import FitResult, FitTask, StageResult, run_fit
from runcard.trial.latency import percentile_95
from runcard.trial.matrices import Preparation, Prepared, prepare, read_rows, stage_table
from runcard.trial.outputs import Scored, pool, score_all
from runcard.trial.rehearsal import Rehearsal, rehearse

__all__ = [
    "Curves",
    "FinalResult",
    "FinalTask",
    "FitResult",
    "FitTask",
    "Preparation",
    "Prepared",
    "Rehearsal",
    "Scored",
    "StageResult",
    "last_line",
    "percentile_95",
    "pool",
    "prepare",
    "read_rows",
    "refit",
    "rehearse",
    "run_fit",
    "score_all",
    "stage_table",
]
