"""The ranked table as MLflow has it: for whoever did not run the card here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from runcard import errors
from runcard.project import Project
from runcard.redact import redact
from runcard.tracking.base import RunRow
from runcard.workflow.sync import connect


@dataclass(frozen=True, slots=True)
class TrackedStandings:
    """Trials of one protocol as MLflow has them, the best first."""

    experiment: str
    metric: str
    greater_is_better: bool
    rows: tuple[RunRow, ...]
    n_other: int
    """Trials of other protocols in the experiment, which do not compare."""

    def value(self, row: RunRow) -> float | None:
        """Give what the row is ranked by: the mean over the folds, or without folds the test score."""
        return row.metrics.get(f"cv_{self.metric}_mean", row.metrics.get(f"test_{self.metric}"))


def read_standings(experiment: str, project: Project) -> TrackedStandings:
    """Read and rank the trials of an experiment's latest card.

    Raises
    ------
    ExperimentUnknown
        There is no such experiment, or no card was run in it.
    """
    with connect(project) as tracker:
        tracker.probe()
        cards = tracker.read_runs(experiment, kind="card", limit=1)
        if not cards:
            raise errors.ExperimentUnknown(
                f"no card was run in the experiment `{experiment}`",
                where=redact(project.tracking_uri),
                why="there is nothing to compare",
                hint="run a card first: `runcard run CARD`",
            )
        card = cards[0]
        trials = tracker.read_runs(experiment, kind="trial")
    return rank(experiment, card, trials)


def rank(experiment: str, card: RunRow, trials: Sequence[RunRow]) -> TrackedStandings:
    """Rank the trials of the card's protocol; of a trial run several times the latest counts."""
    metric = card.tags.get("runcard.primary", "")
    greater = card.tags.get("runcard.greater_is_better", "true") == "true"
    protocol = card.tags.get("runcard.protocol")
    latest: dict[str, RunRow] = {}
    for row in trials:  # newest first
        if row.tags.get("runcard.protocol") == protocol:
            latest.setdefault(row.tags.get("runcard.trial_key", row.run_id), row)
    found = TrackedStandings(experiment, metric, greater, (), len(trials))

    def order(row: RunRow) -> tuple[bool, float, int]:
        value = found.value(row)
        index = int(row.tags.get("runcard.index", "0"))
        return (value is None, 0.0 if value is None else -value if greater else value, index)

    rows = tuple(sorted(latest.values(), key=order))
    n_same = sum(row.tags.get("runcard.protocol") == protocol for row in trials)
    return TrackedStandings(experiment, metric, greater, rows, len(trials) - n_same)
