"""What an execution says of itself at its end: counts, the ranking, the best, the decision."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from runcard.comparison import Comparison, Standing
from runcard.decision import Decision
from runcard.plan import Plan
from runcard.report.cells import neutral
from runcard.workflow.run.progress import Tally
from runcard.workflow.run.result import row_of


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
    tags |= {"test_openings": n_openings, "test_copies": json.dumps(asdict(plan.copies))}
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
    """Give the mean over the folds and the test score, as far as they are known, as metrics of the card's run."""
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
