"""What a run gives to Python: the table, the best, the MLflow runs."""

from __future__ import annotations

import html
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from runcard.comparison import Comparison, Standing
from runcard.decision import Decision
from runcard.errors import RuncardError
from runcard.printable import printable

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True, eq=False)
class Result:
    """The outcome of a card."""

    experiment: str
    comparison: Comparison
    decision: Decision | None
    """Which trial is chosen and why."""
    runs: Mapping[str, str]
    """Trial key -> MLflow run id, for what has been delivered."""
    run_id: str | None
    """The card's own MLflow run, if delivered."""
    tracking_uri: str = field(repr=False)
    """It may hold a password."""
    n_run: int
    """How many trials were run now; 0 when all were known."""
    n_left: int = 0
    """How many records MLflow has not been told yet; `runcard sync` delivers them."""
    problem: RuncardError | None = None
    """What the user must know although the trials are done."""

    @property
    def table(self) -> pd.DataFrame:
        """One row a trial, the best first: rank, model, parameters, scores, seconds."""
        import pandas as pd

        key = self.chosen.record.trial_key if self.chosen else None
        return pd.DataFrame([row_of(s, self.runs, key) for s in self.comparison.standings])

    @property
    def best(self) -> Standing | None:
        """The best trial, or None when all failed."""
        return self.comparison.best

    @property
    def chosen(self) -> Standing | None:
        """The trial that the card's rule chose, or None when none qualifies."""
        key = self.decision.winner.id if self.decision and self.decision.winner else None
        return next((s for s in self.comparison.standings if s.record.trial_key == key), None)

    def _repr_html_(self) -> str:
        head = f"<b>{html.escape(self.experiment)}</b>: {len(self.comparison.standings)} trials"
        return printable(f"<p>{head}</p>{self.table.to_html(index=False, max_rows=20, na_rep='')}")


def row_of(standing: Standing, runs: Mapping[str, str], chosen: str | None) -> dict[str, Any]:
    """Make one trial's row, in plain values; `chosen` is the key of the trial that was."""
    record, final = standing.record, standing.final
    row: dict[str, Any] = {
        "rank": standing.rank,
        "chosen": record.trial_key == chosen,
        "model": record.model,
        "status": record.status,
    }
    row |= {f"param_{name}": value for name, value in record.params.items()}
    for name in record.scores:
        row[f"cv_{name}_mean"] = record.mean(name)
    row |= {f"test_{name}": value for name, value in (final.scores if final else {}).items()}
    seconds = record.fit_seconds
    row["fit_seconds"] = sum(seconds) / len(seconds) if seconds else (final.fit_seconds if final else None)
    row["predict_ms_p95"] = record.predict_ms_p95 or (final.predict_ms_p95 if final else None)
    row["model_mb"] = record.model_mb or (final.model_mb if final else None)
    row |= {"error": record.error, "trial_key": record.trial_key, "run_id": runs.get(record.trial_key)}
    return row
