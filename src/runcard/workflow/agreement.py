"""Verification that runs in MLflow agree with their records, before they are ranked, chosen or run again."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from runcard import errors
from runcard.data.splitfile import NAME as SPLIT_FILE
from runcard.project import Project
from runcard.redact import redact
from runcard.tags import MODEL_DIGEST_TAG
from runcard.tracking.backends import open_reader
from runcard.tracking.items import (
    DECISION_FILE,
    EXACT_PARAMS_FILE,
    OUTPUTS_FILE,
    RunRanking,
    RunReader,
    RunRow,
    RunScope,
    Tracker,
)
from runcard.tracking.models.digest import digest_or_none
from runcard.tracking.ranking import Apart, Yardstick
from runcard.tracking.records import PREDICTIONS_FILE
from runcard.tracking.runfiles import RunFiles
from runcard.tracking.seal import (
    NO_FOLDS,
    folded_metrics,
    is_being_written,
    is_ours,
    protocol_of,
    settled,
    unlike,
    unlike_files,
)

_OF_TRIALS = (PREDICTIONS_FILE, EXACT_PARAMS_FILE, OUTPUTS_FILE)
_OF_CARDS = ("card.yaml", "plan.json", SPLIT_FILE, DECISION_FILE)
_PROVENANCE = "provenance"


@dataclass(frozen=True, slots=True)
class Agreed:
    """Ranked runs that agree with their records, their fold scores, and the runs that were left out."""

    ranking: RunRanking
    folds: dict[str, tuple[float, ...]]
    """Run id -> (n_folds,)."""
    apart: tuple[Apart, ...]

    def has(self, key: str) -> bool:
        """Tell whether any run has a metric, whether compared or left out."""
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
        is_whole = asked is None or len(found.rows) < asked
        if limit is None or asked is None or is_whole or len(rows) >= limit:
            lost = strays(scope, reader) if is_whole else ()  # of what is not listed nothing is said
            return Agreed(_without(found, rows[:limit], apart, yardstick.key), folds, (*apart, *lost))
        asked = max(limit + len(apart), 2 * asked)


def strays(scope: RunScope, reader: RunReader) -> tuple[Apart, ...]:
    """Find trials of a protocol that are no longer found by it because their tags were changed or removed."""
    if scope.protocol is None:
        return ()
    found = [row for row in reader.read_strays(scope) if protocol_of(row) in (scope.protocol, None)]
    return tuple(Apart(row, why) for row in found if (why := unlike(row)))


def part(
    rows: Sequence[RunRow], metric: str | None = None, folds: Mapping[str, tuple[float, ...]] | None = None
) -> tuple[list[RunRow], tuple[Apart, ...]]:
    """Separate the runs that agree with their records from those that do not.

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


def read_fold_scores(
    rows: Sequence[RunRow], metric: str, reader: RunReader | Tracker, project: Project
) -> dict[str, tuple[float, ...]]:
    """Read the fold scores of runs, requiring them to agree with their records.

    Raises
    ------
    RecordAltered
    """
    folds = reader.read_folds([row.run_id for row in rows], metric)
    for row in rows:
        require_agreement(row, project, {metric: folds.get(row.run_id, ())})
    return folds


def require_agreement(row: RunRow, project: Project, folds: Mapping[str, Sequence[float]] = NO_FOLDS) -> None:
    """Require that a run agrees with its record, unless it is being written.

    Raises
    ------
    RecordAltered
    """
    if is_ours(row) and (why := unlike(row, folds)):
        raise altered(row, why, project.tracking_uri)


def unlike_trial(run: RunRow, card: RunRow, reader: RunReader, project: Project) -> tuple[str, ...]:
    """List what in a trial, its card and the files read of both is not as recorded."""
    folds = {name: reader.read_folds([run.run_id], name).get(run.run_id, ()) for name in folded_metrics(run)}
    own, its = (RunFiles(project.tracking_uri, row.run_id, reader) for row in (run, card))
    of_card = {name: its.read(name) for name in _OF_CARDS}
    of_card |= {f"{_PROVENANCE}/{name}": content for name, content in its.read_below(_PROVENANCE).items()}
    of_run = (*unlike(run, folds), *unlike_files(run, {name: own.read(name) for name in _OF_TRIALS}))
    found = [] if run.run_id == card.run_id else [f"{run.name}: {said}" for said in of_run]
    found += [f"{card.name}: {said}" for said in unlike(card)]
    found += [f"{card.name}: {said}" for said in unlike_files(card, of_card, below=f"{_PROVENANCE}/")]
    return tuple(found)


def require_trial(run: RunRow, card: RunRow, project: Project) -> None:
    """Require that a trial, its card, their files and its model are as recorded.

    Raises
    ------
    RecordAltered
    """
    with open_reader(project) as reader:
        why = unlike_trial(run, card, reader, project)
    if not why and (said := unlike_model(run, project)):
        why = (said,)
    if why:
        raise altered(run, why, project.tracking_uri)


def unlike_model(row: RunRow, project: Project) -> str | None:
    """Check whether the files of a run's model are unaltered; a deleted model is not an altered one."""
    digest = row.tags.get(MODEL_DIGEST_TAG)
    if digest is None:
        return None
    from runcard.tracking.mlflow import MlflowDetails

    with MlflowDetails(project.tracking_uri) as details, tempfile.TemporaryDirectory(prefix="runcard-") as place:
        folder = details.fetch_model(row.run_id, Path(place))
        if folder is None:
            return None
        now = digest_or_none(folder)
    shown = "cannot be read" if now is None else f"hash to {now[:12]}"
    return None if now == digest else f"{row.name}: the files of its model {shown}, its record says {digest[:12]}"


def altered(row: RunRow, why: Sequence[str], uri: str) -> errors.RecordAltered:
    """Make the error for a run that is not as recorded."""
    return errors.RecordAltered(
        f"the run `{row.name or row.run_id}` is not as it was recorded",
        where=redact(uri),
        why="\n".join(why),
        hint="put back what was changed, or run its card again with `--fresh`;\nfind out who changed it",
    )


def _without(found: RunRanking, rows: Sequence[RunRow], apart: Sequence[Apart], key: str) -> RunRanking:
    """Remove what is not compared from a ranking and its counts."""
    kept = {row.run_id for row in rows if key in row.metrics}
    out = {each.run.run_id for each in apart}
    n_lost = sum(
        row.value(key) is not None and row.run_id not in kept and (row.run_id in out or is_being_written(row))
        for row in found.rows
    )
    n_runs = None if found.n_runs is None else found.n_runs - len(apart)
    n_ranked = None if found.n_ranked is None else found.n_ranked - n_lost
    return RunRanking(tuple(rows), n_runs, n_ranked)
