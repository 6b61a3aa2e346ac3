"""Runs of MLflow that agree with their records: only they are ranked, chosen, registered or run again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from runcard import errors
from runcard.project import Project
from runcard.redact import redact
from runcard.tracking.base import KIND_TAG, RECORD_TAG, RunRanking, RunReader, RunRow, RunScope, Tracker
from runcard.tracking.compared import Apart, Yardstick
from runcard.tracking.seal import BEGUN, NO_FOLDS, is_being_written, settled, unlike

_MARKS = (KIND_TAG, RECORD_TAG, BEGUN)


@dataclass(frozen=True, slots=True)
class Agreed:
    """Ranked runs that agree with their records, their scores by fold, and the runs that were left out."""

    ranking: RunRanking
    folds: dict[str, tuple[float, ...]]
    """Run id -> (n_folds,)."""
    apart: tuple[Apart, ...]

    def has(self, key: str) -> bool:
        """Tell whether any run has a metric, compared or left out."""
        return any(row.value(key) is not None for row in (*self.ranking.rows, *(each.run for each in self.apart)))


def rank_agreed(scope: RunScope, yardstick: Yardstick, reader: RunReader, limit: int | None) -> Agreed:
    """Rank runs and read the first `limit` of those that agree with their records."""
    asked, folds = limit, dict[str, tuple[float, ...]]()
    while True:
        found = reader.rank_runs(scope, yardstick.key, greater_is_better=yardstick.greater_is_better, limit=asked)
        if yardstick.has_folds:
            new = [row.run_id for row in found.rows if row.run_id not in folds]
            folds |= reader.read_folds(new, yardstick.metric)
        rows, apart = part(found.rows, yardstick.metric if yardstick.has_folds else None, folds)
        if limit is None or asked is None or len(rows) >= limit or len(found.rows) < asked:
            return Agreed(_without(found, rows[:limit], apart, yardstick.key), folds, apart)
        asked = max(limit + len(apart), 2 * asked)


def part(
    rows: Sequence[RunRow], metric: str | None = None, folds: Mapping[str, tuple[float, ...]] | None = None
) -> tuple[list[RunRow], tuple[Apart, ...]]:
    """Part the runs that agree with their records from those that do not.

    What is no run of runcard's is taken as it is; one that is being written has no scores yet.

    Parameters
    ----------
    metric, folds
        The scores by fold that are looked at, by run id; None for none.
    """
    kept, apart = [], []
    for row in rows:
        if not is_ours(row):
            kept.append(row)
        elif is_being_written(row):
            kept.append(replace(row, metrics={}))
        elif why := unlike(row, {metric: folds.get(row.run_id, ())} if metric and folds is not None else NO_FOLDS):
            apart.append(Apart(row, why))
        else:
            kept.append(settled(row))
    return kept, tuple(apart)


def read_folds(
    rows: Sequence[RunRow], metric: str, reader: RunReader | Tracker, project: Project
) -> dict[str, tuple[float, ...]]:
    """Read the scores by fold of runs that must agree with their records.

    Raises
    ------
    RecordAltered
    """
    folds = reader.read_folds([row.run_id for row in rows], metric)
    for row in rows:
        require_agreement(row, project, {metric: folds.get(row.run_id, ())})
    return folds


def is_ours(row: RunRow) -> bool:
    """Tell whether runcard made a run."""
    return any(mark in row.tags for mark in _MARKS)


def require_agreement(row: RunRow, project: Project, folds: Mapping[str, Sequence[float]] = NO_FOLDS) -> None:
    """Require a run to be as it was recorded; of one that is being written nothing can be said.

    Raises
    ------
    RecordAltered
    """
    if is_ours(row) and (why := unlike(row, folds)):
        raise altered(row, why, project.tracking_uri)


def altered(row: RunRow, why: Sequence[str], uri: str) -> errors.RecordAltered:
    """Build the error for a run that is not as it was recorded."""
    return errors.RecordAltered(
        f"the run `{row.name or row.run_id}` is not as it was recorded",
        where=redact(uri),
        why="\n".join(why),
        hint="put back what was changed, or run its card again with `--fresh`;\nfind out who changed it",
    )


def _without(found: RunRanking, rows: Sequence[RunRow], apart: Sequence[Apart], key: str) -> RunRanking:
    """Leave out of a ranking what is not compared, and of its counts."""
    kept = {row.run_id for row in rows if key in row.metrics}
    out = {each.run.run_id for each in apart}
    n_lost = sum(
        row.value(key) is not None and row.run_id not in kept and (row.run_id in out or is_being_written(row))
        for row in found.rows
    )
    n_runs = None if found.n_runs is None else found.n_runs - len(apart)
    n_ranked = None if found.n_ranked is None else found.n_ranked - n_lost
    return RunRanking(tuple(rows), n_runs, n_ranked)
