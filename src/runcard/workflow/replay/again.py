"""One trial carried out alone, as a card's run would: on every fold, and on the test rows if it was a finalist."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from runcard import errors
from runcard.plan import Plan, Trial
from runcard.record import Record
from runcard.replay import Outcome
from runcard.tabular import FinalResult, refit
from runcard.workflow.run.finalists import final_task, predictions_table
from runcard.workflow.run.train import TEST, Bench, prepare_folds, train

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True, eq=False)
class Again:
    """What came out of carrying a trial out once more."""

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
        record = next(_scored(alone, trial, bench), None)
        if record is not None and record.status != "done":
            _refuse_lost(record)
            return Again(Outcome(), error=str(record.error))
        is_tested = (is_finalist or record is None) and len(plan.split.test) > 0
        final = _refitted(alone, trial, bench) if is_tested else None
    except (errors.ModelError, errors.CardErrors) as error:  # it is refused before it is trained
        first = error.errors[0] if isinstance(error, errors.CardErrors) else error
        return Again(Outcome(), error=f"{first.what}: {first.why}")
    if final is not None and final.error:
        return Again(Outcome(), error=f"on the test rows: {final.error}")
    folds = dict(record.scores) if record else {}
    outputs = record.outputs if record else ()
    if final is None:
        return Again(Outcome(folds, outputs=outputs))
    predictions = _as_parquet(predictions_table(alone, final, bench))
    return Again(Outcome(folds, dict(final.scores), outputs, final.digest, read_predictions(predictions)), predictions)


def _scored(plan: Plan, trial: Trial, bench: Bench) -> Iterator[Record]:
    return train(plan, [trial], bench) if plan.n_folds else iter(())


def _refitted(plan: Plan, trial: Trial, bench: Bench) -> FinalResult:
    prepare_folds(plan, [trial.features], [TEST], bench)
    for _, found in bench.engine.run(refit, [replace(final_task(plan, trial, bench), is_timed=False)]):
        if isinstance(found, FinalResult):
            return found
        raise _died(found.reason)
    raise _died("no result")


def _refuse_lost(record: Record) -> None:
    if record.status == "lost":
        raise _died(str(record.error))


def _died(reason: str) -> errors.RunError:
    return errors.RunError(
        "the trial could not be run again: its worker died",
        why=reason,
        hint="with less memory in use elsewhere, or `--workers 1`, try it once more",
    )


def read_predictions(predictions: bytes) -> pd.DataFrame:
    """Read predictions that were kept as Parquet."""
    import pandas as pd

    return pd.read_parquet(io.BytesIO(predictions))


def _as_parquet(table: pd.DataFrame) -> bytes:
    buffer = io.BytesIO()
    table.to_parquet(buffer, index=False)
    return buffer.getvalue()
