"""Training one trial alone, as a card's run would: on every fold, and on the test rows if it was a finalist."""

from __future__ import annotations

import io
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from runcard import errors
from runcard.plan import Bench, Plan, Trial
from runcard.record import Record
from runcard.replay import Outcome
from runcard.tabular.finalists import worker_died
from runcard.workflow.run.train import train

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True, eq=False)
class Again:
    """The results of training a trial once more."""

    outcome: Outcome
    predictions: bytes = b""
    """The test rows with what was predicted for them, as Parquet."""
    error: str = ""
    """Why nothing came out."""


def train_again(plan: Plan, trial: Trial, bench: Bench, *, is_finalist: bool) -> Again:
    """Train and score a trial.

    Raises
    ------
    RunError
        A worker died: that says nothing of the trial.
    """
    alone = replace(plan, trials=(trial,), n_trials=1, probes=(trial,))
    try:
        record = next(train(alone, [trial], bench), None) if plan.n_units else None
        if record is not None and record.status != "done":
            _refuse_lost(record)
            return Again(Outcome(), error=str(record.error))
        is_tested = (is_finalist or record is None) and plan.work.n_tested > 0
        final = plan.work.retest(trial, bench) if is_tested else None
    except (errors.ModelError, errors.CardErrors) as error:  # it is refused before it is trained
        first = error.errors[0] if isinstance(error, errors.CardErrors) else error
        return Again(Outcome(), error=f"{first.what}: {first.why}")
    if final is not None and final.error:
        return Again(Outcome(), error=final.error)
    scores = dict(record.scores) if record else {}
    outputs = record.outputs if record else ()
    if final is None:
        return Again(Outcome(scores, outputs=outputs))
    predictions = read_predictions(final.predictions) if final.predictions else None
    return Again(Outcome(scores, dict(final.scores), outputs, final.outputs, predictions), final.predictions)


def _refuse_lost(record: Record) -> None:
    if record.status == "lost":
        raise worker_died(str(record.error))


def read_predictions(predictions: bytes) -> pd.DataFrame:
    """Read predictions that were kept as Parquet."""
    import pandas as pd

    return pd.read_parquet(io.BytesIO(predictions))
