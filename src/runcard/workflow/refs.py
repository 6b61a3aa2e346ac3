"""Which runs a user means by a card, an experiment or runs, and that they compare."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from runcard import errors
from runcard.card import Card, find_card, load_card
from runcard.project import CARD_FOLDER, Project
from runcard.redact import redact
from runcard.tracking.addresses import unknown_experiment
from runcard.tracking.items import KIND_TAG, OUR_TAGS, PARENT_TAG, RunReader, RunRow, RunScope

PROTOCOL = f"{OUR_TAGS}protocol"
_PARTS = {
    "data": "the data",
    "target": "the target",
    "split": "the split and its folds",
    "features": "the features",
    "metrics": "the metrics",
    "seed": "the seed",
}


@dataclass(frozen=True, slots=True)
class Chosen:
    """The runs that are meant."""

    scope: RunScope
    card: RunRow | None
    """The latest run of a card with the trials' protocol; None for runs that have none in common."""
    others: tuple[str, ...] = ()
    """Ids of the latest run of each card of another protocol in the experiment."""

    def without_protocol(self) -> Chosen:
        """Mean any runs there, whoever made them."""
        return Chosen(replace(self.scope, protocol=None), None)


def choose_runs(names: Sequence[str], project: Project, reader: RunReader, *, where: str = "") -> Chosen:
    """Find what names stand for: a card or experiment for its latest card's trials, a card's run for its trials.

    Without a name, the project's only card is meant.

    Raises
    ------
    NotComparable
        They stand for trials of several protocols.
    RunUnknown, ExperimentUnknown, UsageError
    """
    found = [meaning_of(name, names, project, reader) for name in names or [only_card(project, "compare")]]
    runs = [each for each in found if isinstance(each, RunRow) and each.tags.get(KIND_TAG) != "card"]
    if len(runs) == len(found):
        return _of_runs(runs, project, reader, where)
    if runs:
        raise errors.UsageError(
            f"`{runs[0].name}` is one run, and others named with it are whole experiments",
            why="either all names are runs, or none is",
            hint="name the runs one by one, or leave this one out",
        )
    cards = [_cards_of(each, reader) for each in found]
    experiments = tuple(dict.fromkeys(each.experiment if isinstance(each, RunRow) else each for each in found))
    if not all(cards):
        return Chosen(RunScope(experiments, where=where), None)
    firsts = [several[0] for several in cards]
    require_one_protocol(firsts, reader, project)
    protocol = firsts[0].tags.get(PROTOCOL)
    others = {card.tags.get(PROTOCOL): card.run_id for several in cards for card in reversed(several)}
    others.pop(protocol, None)
    card = max(firsts, key=lambda row: row.started_ms)
    return Chosen(RunScope(experiments, protocol=protocol, where=where), card, tuple(reversed(others.values())))


def find_run(name: str, reader: RunReader, project: Project) -> RunRow:
    """Find the one run of an id, of the beginning of an id, or of a name.

    Raises
    ------
    RunUnknown
        There is none, or there are several.
    """
    found = reader.find_runs(name)
    exact = [run for run in found if run.run_id == name] or found
    if len(exact) == 1:
        return exact[0]
    ids = [run.run_id for run in exact]
    raise errors.RunUnknown(
        f"{len(ids)} runs are called `{name}`" if ids else f"MLflow has no run `{name}`",
        where=redact(project.tracking_uri),
        why=f"they are {errors.listing(ids)}" if ids else "no run has that id or name, or it was deleted",
        hint="give the id of one" if ids else "`runcard compare EXPERIMENT --format csv` lists ids and names",
    )


def run_of_id(run_id: str, reader: RunReader) -> RunRow | None:
    """Find the run that has an id; None if it was deleted."""
    return next((run for run in reader.find_runs(run_id) if run.run_id == run_id), None)


def require_one_protocol(runs: Sequence[RunRow], reader: RunReader, project: Project) -> None:
    """Require trials, or runs of cards, to have one protocol.

    Raises
    ------
    NotComparable
    """
    first, *others = runs
    other = next((run for run in others if run.tags.get(PROTOCOL) != first.tags.get(PROTOCOL)), None)
    if other is not None:
        raise errors.NotComparable(
            f"`{first.name}` and `{other.name}` do not compare",
            where=redact(project.tracking_uri),
            why=_what_differs(first, other, reader),
            hint="compare trials of one protocol, or run the cards again on what they shall have in common",
        )


def _what_differs(run: RunRow, other: RunRow, reader: RunReader) -> str:
    without = next((each for each in (run, other) if PROTOCOL not in each.tags), None)
    if without is not None:
        return f"`{without.name}` was not made by runcard, so it is not known what it was measured on"
    parts, others = (_parts_of(_card_of(each, reader)) for each in (run, other))
    differing = [name for name in _PARTS if parts.get(name) != others.get(name)]
    if not (parts and others and differing):
        return "their protocols differ; in what is not known, since the run of a card was deleted"
    shown = [f"{_PARTS[name]}: {parts[name][:8]} and {others[name][:8]}" for name in differing]
    return "\n".join(["they were not measured alike; what differs, by its hashes:", *shown])


def _parts_of(card: RunRow | None) -> Mapping[str, str]:
    found = json.loads(card.tags.get(f"{OUR_TAGS}parts", "{}")) if card is not None else {}
    return found if isinstance(found, dict) else {}


def meaning_of(name: str, names: Sequence[str], project: Project, reader: RunReader) -> str | RunRow:
    """Take a name for a card's experiment, an experiment, or a run, in this order."""
    experiment, card = experiment_of(name, project)
    if reader.has_experiment(experiment):
        return experiment
    if card is None and (len(names) > 1 or reader.find_runs(name)):
        return find_run(name, reader, project)
    raise unknown_experiment(project.tracking_uri, experiment, reader.experiment_names())


def experiment_of(name: str, project: Project) -> tuple[str, Card | None]:
    """Take a card's name or path for its experiment's; any other name is the experiment's own."""
    try:
        card = load_card(find_card(name, project), project=project)
    except errors.CardMissing:
        return name, None
    return card.name, card


def only_card(project: Project, command: str, what: str = "card or experiment") -> str:
    """Find the project's only card, for a command that was given none of `what` it takes.

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


def _cards_of(meant: str | RunRow, reader: RunReader) -> list[RunRow]:
    """List the runs of cards that may be meant, the one that is first."""
    if isinstance(meant, str):
        return reader.read_cards(meant)
    return [meant, *(card for card in reader.read_cards(meant.experiment) if card.run_id != meant.run_id)]


def _of_runs(runs: Sequence[RunRow], project: Project, reader: RunReader, where: str) -> Chosen:
    experiments = tuple(dict.fromkeys(run.experiment for run in runs))
    scope = RunScope(experiments, tuple(dict.fromkeys(run.run_id for run in runs)), where=where)
    if not all(PROTOCOL in run.tags for run in runs):
        return Chosen(scope, None)
    require_one_protocol(runs, reader, project)
    parents = {run.tags.get(PARENT_TAG, ""): run for run in runs}
    cards = [card for run in parents.values() if (card := _card_of(run, reader)) is not None]
    return Chosen(scope, max(cards, key=lambda card: card.started_ms) if cards else None)


def _card_of(run: RunRow, reader: RunReader) -> RunRow | None:
    """Find the run of a trial's card; it may have been deleted."""
    if run.tags.get(KIND_TAG) == "card":
        return run
    parent = run.tags.get(PARENT_TAG, "")
    return run_of_id(parent, reader) if parent else None
