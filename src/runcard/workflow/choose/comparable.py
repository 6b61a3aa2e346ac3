"""Selection of the runs to compare: those that names refer to, if they have one protocol."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from runcard import errors
from runcard.project import Project
from runcard.redact import redact
from runcard.tags import KIND_TAG, OUR_TAGS, PROTOCOL_TAG
from runcard.tracking.items import PARENT_TAG, RunReader, RunRow, RunScope
from runcard.workflow.refs import Meant, find, only_card, run_of_id

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
    """The runs that were selected for comparison."""

    scope: RunScope
    card: RunRow | None
    """The latest run of a card with the trials' protocol; None for runs that have none in common."""
    others: tuple[str, ...] = ()
    """Ids of the latest run of each card of another protocol in the experiment."""

    def without_protocol(self) -> Chosen:
        """Select any runs there, whoever made them."""
        return Chosen(replace(self.scope, protocol=None), None)


def choose_runs(names: Sequence[str], project: Project, reader: RunReader, *, where: str = "") -> Chosen:
    """Find the runs that names refer to: of a card or experiment, the trials of its latest card's run.

    Without a name, the project's only card is meant.

    Raises
    ------
    NotComparable
        They stand for trials of several protocols.
    RunUnknown, ExperimentUnknown, UsageError
    """
    found = [find(name, reader, project) for name in names or [only_card(project, "compare")]]
    runs = [each.run for each in found if each.run is not None and each.run.tags.get(KIND_TAG) != "card"]
    if len(runs) == len(found):
        return _of_runs(runs, project, reader, where)
    if runs:
        raise errors.UsageError(
            f"`{runs[0].name}` is one run, and others named with it are whole experiments",
            why="either all names are runs, or none is",
            hint="name the runs one by one, or leave this one out",
        )
    cards = [_cards_of(each, reader) for each in found]
    experiments = tuple(dict.fromkeys(each.experiment for each in found))
    if not all(cards):
        return Chosen(RunScope(experiments, where=where), None)
    firsts = [several[0] for several in cards]
    require_one_protocol(firsts, reader, project)
    protocol = firsts[0].tags.get(PROTOCOL_TAG)
    others = {card.tags.get(PROTOCOL_TAG): card.run_id for several in cards for card in reversed(several)}
    others.pop(protocol, None)
    card = max(firsts, key=lambda row: row.started_ms)
    return Chosen(RunScope(experiments, protocol=protocol, where=where), card, tuple(reversed(others.values())))


def require_one_protocol(runs: Sequence[RunRow], reader: RunReader, project: Project) -> None:
    """Require that trials, or runs of cards, share one protocol.

    Raises
    ------
    NotComparable
    """
    first, *others = runs
    other = next((run for run in others if run.tags.get(PROTOCOL_TAG) != first.tags.get(PROTOCOL_TAG)), None)
    if other is not None:
        raise errors.NotComparable(
            f"`{first.name}` and `{other.name}` do not compare",
            where=redact(project.tracking_uri),
            why=_what_differs(first, other, reader),
            hint="compare trials of one protocol, or run the cards again on what they shall have in common",
        )


def _what_differs(run: RunRow, other: RunRow, reader: RunReader) -> str:
    without = next((each for each in (run, other) if PROTOCOL_TAG not in each.tags), None)
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


def _cards_of(meant: Meant, reader: RunReader) -> list[RunRow]:
    """List the runs of cards that may be meant, the preferred one first."""
    cards = reader.read_cards(meant.experiment)
    if meant.run is None:
        return cards
    return [meant.run, *(card for card in cards if card.run_id != meant.run.run_id)]


def _of_runs(runs: Sequence[RunRow], project: Project, reader: RunReader, where: str) -> Chosen:
    experiments = tuple(dict.fromkeys(run.experiment for run in runs))
    scope = RunScope(experiments, tuple(dict.fromkeys(run.run_id for run in runs)), where=where)
    if not all(PROTOCOL_TAG in run.tags for run in runs):
        return Chosen(scope, None)
    require_one_protocol(runs, reader, project)
    parents = {run.tags.get(PARENT_TAG, ""): run for run in runs}
    cards = [card for run in parents.values() if (card := _card_of(run, reader)) is not None]
    return Chosen(scope, max(cards, key=lambda card: card.started_ms) if cards else None)


def _card_of(run: RunRow, reader: RunReader) -> RunRow | None:
    """Find the run of a trial's card; None if it was deleted."""
    if run.tags.get(KIND_TAG) == "card":
        return run
    parent = run.tags.get(PARENT_TAG, "")
    return run_of_id(parent, reader) if parent else None
