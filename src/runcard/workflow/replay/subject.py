"""Which run a user means: a trial's run, a card's, or the one that a registered version came from."""

from __future__ import annotations

import re
from dataclasses import dataclass

from runcard import errors
from runcard.project import Project
from runcard.redact import redact
from runcard.tracking.items import DECISION_TAG, KIND_TAG, PARENT_TAG, REPLAY_OF_TAG, RunReader, RunRow, RunScope
from runcard.tracking.versions import ModelRef, parse_ref
from runcard.workflow.agreement import require_agreement
from runcard.workflow.refs import find_run, run_of_id

_VERSION = re.compile(r"[^@/]+(?:@[^@/]+|/\d+)")
_ID = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class Subject:
    """A run, and the run of the card that it belongs to."""

    run: RunRow
    card: RunRow | None
    """None for a run that no card was run for."""
    chosen_as: str = ""
    """Why it is this run that is meant, where it was not named itself."""


def find_trial(name: str, reader: RunReader, project: Project) -> Subject:
    """Find the trial's run that a name stands for: of a card's run its chosen trial, of a version what it came from.

    Raises
    ------
    NotReplayable
        The run or its card was deleted, or is a replay, or has no finalist.
    RunUnknown, ModelVersionUnknown
    """
    found = find_run_to_replay(name, reader, project)
    if found.card is None or found.run.run_id != found.card.run_id:
        return found
    trial, chosen_as = _trial_of(found.card, reader, project)
    return Subject(trial, found.card, chosen_as)


def find_run_to_replay(name: str, reader: RunReader, project: Project) -> Subject:
    """Find the run that a name stands for, and its card's; a card's run is its own."""
    run, chosen_as = _named(name, reader, project)
    _refuse_replay(run, project)
    if run.tags.get(KIND_TAG) == "card":
        return Subject(run, run)
    parent = run.tags.get(PARENT_TAG)
    if run.tags.get(KIND_TAG) != "trial" or parent is None:
        return Subject(run, None)
    card = run_of_id(parent, reader)
    if card is None:
        require_agreement(run, project)
        raise _gone(f"the card's run of `{run.name}` was deleted", parent, project)
    return Subject(run, card, chosen_as)


def _named(name: str, reader: RunReader, project: Project) -> tuple[RunRow, str]:
    if _VERSION.fullmatch(name) and not reader.find_runs(name):
        return _of_version(parse_ref(name), reader, project)
    try:
        return find_run(name, reader, project), ""
    except errors.RunUnknown:
        if _ID.fullmatch(name) and reader.is_deleted(name):
            raise _gone(f"the run `{name}` was deleted", name, project) from None
        raise


def _of_version(ref: ModelRef, reader: RunReader, project: Project) -> tuple[RunRow, str]:
    from runcard.tracking.mlflow import MlflowRegistry

    with MlflowRegistry(project.tracking_uri) as registry:
        version = registry.find(ref)
    run = run_of_id(version.run_id, reader) if version.run_id else None
    if run is not None:
        return run, f"the run that {version} came from"
    if version.run_id and reader.is_deleted(version.run_id):
        raise _gone(f"the run that `{version}` came from was deleted", version.run_id, project)
    raise errors.NotReplayable(
        f"`{version}` came from no run that is known",
        where=redact(project.tracking_uri),
        why="it was registered by hand, or its run was removed for good",
        hint="run its card and register what comes out",
    )


def _trial_of(card: RunRow, reader: RunReader, project: Project) -> tuple[RunRow, str]:
    """Give the trial that was chosen of a card's, else the best finalist."""
    chosen = run_of_id(card.tags.get(f"{DECISION_TAG}_run", "none"), reader)
    if chosen is not None:
        return chosen, f"the chosen trial of {card.name}"
    finalists = [row for row in _ranked(card, reader) if "runcard.finalist" in row.tags]
    if finalists:
        return finalists[0], f"the best finalist of {card.name}, of which none was chosen"
    raise errors.NotReplayable(
        f"the card's run `{card.name}` has no finalist",
        where=redact(project.tracking_uri),
        why="it did not end, or the runs of its finalists were deleted",
        hint="name a trial's run: `runcard compare` lists them",
    )


def _ranked(card: RunRow, reader: RunReader) -> tuple[RunRow, ...]:
    primary, protocol = card.tags.get("runcard.primary", ""), card.tags.get("runcard.protocol")
    scope = RunScope((card.experiment,), protocol=protocol)
    greater = card.tags.get("runcard.greater_is_better") != "false"
    for metric in (f"cv_{primary}_mean", f"test_{primary}"):
        found = reader.rank_runs(scope, metric, greater_is_better=greater, limit=None)
        if found.n_ranked:
            return tuple(row for row in found.rows if row.tags.get(PARENT_TAG) == card.run_id) or found.rows
    return ()


def _refuse_replay(run: RunRow, project: Project) -> None:
    original = run.tags.get(REPLAY_OF_TAG)
    if original is not None:
        raise errors.NotReplayable(
            f"`{run.name}` is itself a replay",
            where=redact(project.tracking_uri),
            why=f"it is the run {original} run again",
            hint=f"name that: `runcard reproduce {original}`",
        )


def _gone(what: str, run_id: str, project: Project) -> errors.NotReplayable:
    return errors.NotReplayable(
        what,
        where=redact(project.tracking_uri),
        why="what it was made of is not known without it",
        hint=f"restore it: `mlflow runs restore --run-id {run_id}`",
    )
