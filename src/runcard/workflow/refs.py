"""Resolving names to the experiment, the run or the model version that they refer to."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from runcard import errors
from runcard.card import Card, find_card, load_card
from runcard.catalog.datasets import bundled_names
from runcard.data.lockfile import read_lock
from runcard.names import CardRef, DatasetRef, ExperimentRef, Ref, RunRef, VersionRef, begins_an_id, parse_name
from runcard.project import CARD_FOLDER, Project
from runcard.redact import redact
from runcard.tags import (
    DECISION_TAG,
    FINALIST_TAG,
    GREATER_IS_BETTER_TAG,
    KIND_TAG,
    PRIMARY_TAG,
    PROTOCOL_TAG,
    REPLAY_OF_TAG,
)
from runcard.tracking.addresses import sqlite_file, unknown_experiment
from runcard.tracking.backends import open_reader
from runcard.tracking.items import PARENT_TAG, RunReader, RunRow, RunScope
from runcard.tracking.versions import ModelVersion
from runcard.workflow.agreement import require_agreement

_UNKNOWN = (
    errors.ExperimentUnknown,
    errors.RunUnknown,
    errors.ModelVersionUnknown,
    errors.DatasetUnknown,
    errors.DatasetNotLocked,
)


@dataclass(frozen=True, slots=True)
class Meant:
    """What a name refers to: an experiment with all its runs, or one run."""

    words: str
    experiment: str
    run: RunRow | None = None
    """None for the whole experiment."""
    card: Card | None = None
    """The card whose file was named."""
    chosen_as: str = ""
    """Why it is this run, where it was not named itself."""


@dataclass(frozen=True, slots=True)
class Subject:
    """A run, with the run of the card that it belongs to."""

    run: RunRow
    card: RunRow | None
    """None for a run that no card was run for."""
    chosen_as: str = ""
    """Why it is this run that is meant, where it was not named itself."""


def find(text: str, reader: RunReader, project: Project) -> Meant:
    """Find the card's experiment, the experiment, the run or the version's run that a name refers to.

    A name of two such things is refused; only a run that has the name of an experiment is left to its id.

    Raises
    ------
    CardMissing, ExperimentUnknown, RunUnknown, ModelVersionUnknown
        There is nothing of that name.
    UsageError
        It names something else, or two things.
    """
    refs = parse_name(text)
    with explain_unknown(text, project):
        found: list[Meant] = []
        for ref in refs:
            is_left_to_its_id = isinstance(ref, RunRef) and any(each.run is None for each in found)
            if not is_left_to_its_id and (each := _look_up(ref, reader, project, is_sure=len(refs) == 1)):
                found.append(each)
        if not found:
            raise _not_found(text, refs[0], reader, project)
    meant = found[0]
    for other in found[1:]:
        if (other.experiment, other.run) != (meant.experiment, meant.run):
            raise _either(text, meant, other)
    if meant.run is None and not reader.has_experiment(meant.experiment):
        raise unknown_experiment(project.tracking_uri, meant.experiment, reader.experiment_names())
    return meant


def find_subject(text: str, reader: RunReader, project: Project) -> Subject:
    """Find the run that a name refers to, and its card's; for a card or experiment, its latest card's run.

    Raises
    ------
    RunUnknown
        The run or its card's was deleted.
    NotReplayable
        It is a replay.
    """
    meant = find(text, reader, project)
    run = meant.run or _latest_card(meant.experiment, reader, project)
    _refuse_replay(run, project)
    if run.tags.get(KIND_TAG) == "card":
        return Subject(run, run)
    parent = run.tags.get(PARENT_TAG)
    if run.tags.get(KIND_TAG) != "trial" or parent is None:
        return Subject(run, None)
    card = run_of_id(parent, reader)
    if card is None:
        require_agreement(run, project)
        raise _deleted(f"the card's run of `{run.name}`", parent, project)
    return Subject(run, card, meant.chosen_as)


def find_trial(text: str, reader: RunReader, project: Project) -> Subject:
    """Find the trial's run that a name refers to; the card's own run where it has no finalist."""
    found = find_subject(text, reader, project)
    if found.card is None or found.run.run_id != found.card.run_id:
        return found
    return trial_of(found.card, reader, project) or found


def trial_of(card: RunRow, reader: RunReader, project: Project) -> Subject | None:
    """Find the trial that represents a card's run, the chosen one or else the best finalist, and say which.

    Raises
    ------
    RunUnknown
        The chosen one was deleted.
    """
    chosen = card.tags.get(f"{DECISION_TAG}_run", "none")
    if chosen != "none":
        run = run_of_id(chosen, reader)
        if run is None:
            raise _deleted(f"the chosen trial of `{card.name}`", chosen, project)
        return Subject(run, card, f"the chosen trial of {card.name}")
    finalists = [row for row in _ranked(card, reader) if FINALIST_TAG in row.tags]
    if not finalists:
        return None
    return Subject(finalists[0], card, f"the best finalist of {card.name}, of which none was chosen")


def run_of_id(run_id: str, reader: RunReader) -> RunRow | None:
    """Find the run with an id; None if it was deleted."""
    return next((run for run in reader.find_runs(run_id) if run.run_id == run_id), None)


def origin_of(version: ModelVersion, reader: RunReader) -> RunRow | None:
    """Find the run that a version's model came from; None if it is not known, or was deleted."""
    return run_of_id(version.run_id, reader) if version.run_id else None


def only_card(project: Project, command: str, what: str = "card or experiment") -> str:
    """Find the project's only card, for a command called without a name; `what` says what it takes.

    Raises
    ------
    UsageError
        There is none, or several.
    """
    cards = sorted((project.root / CARD_FOLDER).glob("*.y*ml"))
    if len(cards) == 1:
        return str(cards[0])
    raise errors.UsageError(
        f"which {what}?",
        why=f"the cards here are {errors.listing([card.stem for card in cards])}" if cards else "no card is here",
        hint=f"name one: `runcard {command} CARD`",
    )


@contextmanager
def explain_unknown(text: str, project: Project) -> Iterator[None]:
    """Add to the error about an unknown name what else has that name, and which commands take it."""
    try:
        yield
    except _UNKNOWN as error:
        for ref in parse_name(text):
            with suppress(errors.RuncardError):
                if words := _what_is(ref, project):
                    error.why = f"{error.why}; `{text}` is {words}"
                    error.hint = ref.TAKEN_BY
                    break
        raise


# One reading of a name


def _look_up(ref: Ref, reader: RunReader, project: Project, *, is_sure: bool) -> Meant | None:
    """Look up one reading of a name; if it is the only one, a missing thing is an error."""
    match ref:
        case CardRef():
            return _find_card(ref, project, is_sure=is_sure)
        case ExperimentRef() if reader.has_experiment(ref.name):
            return Meant(f"the experiment `{ref.name}`", ref.name)
        case RunRef():
            run = _find_run(ref.name, reader, project)
            return None if run is None else Meant(f"the run {run.run_id[:8]}, {run.name}", run.experiment, run)
        case VersionRef() if is_sure:
            return _find_version(ref, reader, project)
        case VersionRef() if ref.alias or ref.version:
            with suppress(errors.ModelVersionUnknown):
                return _find_version(ref, reader, project)
        case DatasetRef() if is_sure:
            raise errors.UsageError(
                f"`{ref.name}` names a dataset, not a card, an experiment or a run",
                why="what is done here concerns runs",
                hint=ref.TAKEN_BY,
            )
    return None


def _find_card(ref: CardRef, project: Project, *, is_sure: bool) -> Meant | None:
    try:
        path = find_card(ref.name, project)
    except errors.CardMissing:
        if is_sure:
            raise
        return None
    card = load_card(path, project=project)
    return Meant(f"the card {project.shown(path)}", card.name, card=card)


def _find_run(name: str, reader: RunReader, project: Project) -> RunRow | None:
    """Find the run with an id, else the one with a name, else the only one whose id begins so."""
    found = reader.find_runs(name)
    exact = [run for run in found if run.run_id == name] or [run for run in found if run.name == name] or found
    if len(exact) > 1:
        ids = [run.run_id for run in exact]
        raise errors.RunUnknown(
            f"{len(ids)} runs are called `{name}`",
            where=redact(project.tracking_uri),
            why=f"they are {errors.listing(ids)}",
            hint="give the id of one, or more digits of it",
        )
    return exact[0] if exact else None


def _find_version(ref: VersionRef, reader: RunReader, project: Project) -> Meant:
    from runcard.tracking.mlflow import MlflowRegistry

    with MlflowRegistry(project.tracking_uri) as registry:
        version = registry.find(ref)
    run = origin_of(version, reader)
    if run is not None:
        words = f"the run that {version} came from"
        return Meant(words, run.experiment, run, chosen_as=words)
    if version.run_id and reader.is_deleted(version.run_id):
        raise _deleted(f"the run that `{version}` came from", version.run_id, project)
    raise errors.RunUnknown(
        f"`{version}` came from no run that is known",
        where=redact(project.tracking_uri),
        why="it was registered by hand, or its run was removed for good",
        hint="run its card and register what comes out",
    )


def _latest_card(experiment: str, reader: RunReader, project: Project) -> RunRow:
    """Find the latest run of a card that was completed, else the latest."""
    cards = reader.read_cards(experiment)
    if not cards:
        raise errors.ExperimentUnknown(
            f"no card was run in the experiment `{experiment}`",
            where=redact(project.tracking_uri),
            why="so there is no latest run of a card, which the experiment would stand for",
            hint="run a card first: `runcard run CARD`, or name a run",
        )
    return next((card for card in cards if card.status == "FINISHED"), cards[0])


def _ranked(card: RunRow, reader: RunReader) -> tuple[RunRow, ...]:
    """Rank the trials of a card's run; those of its protocol, if it reused them from another run."""
    primary, protocol = card.tags.get(PRIMARY_TAG, ""), card.tags.get(PROTOCOL_TAG)
    scope = RunScope((card.experiment,), protocol=protocol)
    greater = card.tags.get(GREATER_IS_BETTER_TAG) != "false"
    for metric in (f"cv_{primary}_mean", f"test_{primary}"):
        found = reader.rank_runs(scope, metric, greater_is_better=greater, limit=None)
        if found.n_ranked:
            return tuple(row for row in found.rows if row.tags.get(PARENT_TAG) == card.run_id) or found.rows
    return ()


# What may be wrong


def _not_found(text: str, ref: Ref, reader: RunReader, project: Project) -> errors.RuncardError:
    where = redact(project.tracking_uri)
    if isinstance(ref, VersionRef):
        try:
            _find_version(ref, reader, project)
        except errors.ModelVersionUnknown as error:
            return error
    if len(text) == 32 and begins_an_id(text) and reader.is_deleted(text):
        return _deleted(f"the run `{text}`", text, project)
    if begins_an_id(text):
        hint = "`runcard compare EXPERIMENT --format csv` lists ids and names"
        why = "no run has that id or name, or it was deleted"
        return errors.RunUnknown(f"MLflow has no run `{text}`", where=where, why=why, hint=hint)
    names = reader.experiment_names()
    near = errors.nearest(text, names)
    return errors.ExperimentUnknown(
        f"`{text}` is no card, experiment or run here",
        where=where,
        why=f"the experiments are {errors.listing(names)}" if names else "nothing was recorded there yet",
        hint=f"did you mean `{near}`?" if near else "run a card first: `runcard run CARD`",
    )


def _either(text: str, one: Meant, other: Meant) -> errors.UsageError:
    return errors.UsageError(
        f"`{text}` may be {one.words}, or {other.words}",
        why="they do not stand for the same runs",
        hint="name a card by its file, a run by its id, a version as `models:/NAME/VERSION`",
    )


def _refuse_replay(run: RunRow, project: Project) -> None:
    original = run.tags.get(REPLAY_OF_TAG)
    if original is not None:
        raise errors.NotReplayable(
            f"`{run.name}` is itself a replay",
            where=redact(project.tracking_uri),
            why=f"it is the run {original} run again",
            hint=f"name that: `{original}`",
        )


def _deleted(what: str, run_id: str, project: Project) -> errors.RunUnknown:
    return errors.RunUnknown(
        f"{what} was deleted",
        where=redact(project.tracking_uri),
        why="what it was made of is not known without it",
        hint=f"restore it: `mlflow runs restore --run-id {run_id}`",
    )


def _what_is(ref: Ref, project: Project) -> str:
    """Describe what one reading of a name refers to; empty if nothing."""
    file = sqlite_file(project.tracking_uri)
    if isinstance(ref, CardRef):
        found = _find_card(ref, project, is_sure=False)
    elif isinstance(ref, DatasetRef):
        known = [*read_lock(project.root), *bundled_names()]
        return f"the dataset `{ref.name}`" if ref.name in known or (project.root / ref.name).is_file() else ""
    elif file is not None and not file.exists():  # nothing was recorded yet
        return ""
    elif isinstance(ref, VersionRef):
        return "" if ref.alias or ref.version else _model_words(ref, project)
    else:
        with open_reader(project) as reader:
            found = _look_up(ref, reader, project, is_sure=False)
    return found.words if found else ""


def _model_words(ref: VersionRef, project: Project) -> str:
    from runcard.tracking.mlflow import MlflowRegistry

    with MlflowRegistry(project.tracking_uri) as registry:
        return f"the registered model `{ref.name}`" if registry.versions(ref.name) else ""
