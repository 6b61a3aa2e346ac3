"""The result of a run for Python: the table, the best trial, the MLflow runs."""

from __future__ import annotations

import html
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from runcard.comparison import Comparison, Standing
from runcard.decision import Decision
from runcard.errors import RuncardError
from runcard.plan import Plan
from runcard.printable import printable
from runcard.report.cells import neutral
from runcard.workflow.run.progress import Tally

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True, eq=False)
class Result:
    """The result of running a card."""

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
    """Make the row of one trial in plain values; `chosen` is the key of the chosen trial."""
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


def summarize(
    plan: Plan, tally: Tally, comparison: Comparison, decision: Decision | None, n_openings: int
) -> dict[str, Any]:
    """Sum up an execution for its run in MLflow: tags, metrics, tables, and the decision if one was made."""
    counts = tally.counts
    tags: dict[str, Any] = {"n_trials": tally.n_trials, "n_done": counts.done, "n_failed": counts.failed}
    if plan.draw.stopping:
        tags["n_stopped"] = counts.stopped
    if counts.impossible:
        tags["n_impossible"] = counts.impossible
    tags |= {"test_openings": n_openings, "test_copies": json.dumps(asdict(plan.work.copies))}
    metrics: dict[str, float] = {}
    chosen = chosen_of(comparison, decision)
    for word, standing in (("best", comparison.best), ("chosen", chosen)):
        if standing is not None:
            tags |= {f"{word}_model": standing.record.model, f"{word}_trial": standing.record.trial_key}
            metrics |= _headline(word, standing, plan.primary.name)
    summary = {"tags": tags, "metrics": metrics, "tables": {"comparison.csv": _as_csv(comparison, chosen)}}
    if decision is None:
        return summary
    return summary | {"decision": decision.as_dict(), "chosen_record": chosen.record.record_id if chosen else None}


def chosen_of(comparison: Comparison, decision: Decision | None) -> Standing | None:
    """Find the standing of the trial that was chosen."""
    key = decision.winner.id if decision and decision.winner else None
    return next((standing for standing in comparison.standings if standing.record.trial_key == key), None)


def _headline(word: str, standing: Standing, metric: str) -> dict[str, float]:
    """Give the mean over the folds and the test score, as far as known, as metrics of the card's run."""
    test = standing.final.scores.get(metric) if standing.final else None
    found = {f"{word}_cv_{metric}_mean": standing.mean, f"{word}_test_{metric}": test}
    return {name: value for name, value in found.items() if value is not None}


def _as_csv(comparison: Comparison, chosen: Standing | None) -> str:
    import pandas as pd

    key = chosen.record.trial_key if chosen else None
    rows = [
        {neutral(name): neutral(value) if isinstance(value, str) else value for name, value in found.items()}
        for found in (row_of(standing, {}, key) for standing in comparison.standings)
    ]
    return pd.DataFrame(rows).drop(columns="run_id", errors="ignore").to_csv(index=False) if rows else ""
