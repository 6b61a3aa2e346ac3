"""The history of a registered model, from the ledger."""

from __future__ import annotations

from dataclasses import dataclass

from runcard.names import read_model
from runcard.project import Project
from runcard.promotion import ALIASES
from runcard.tracking.entries import LedgerEntry
from runcard.workflow.promote.events import complete_events
from runcard.workflow.promote.session import Desk, Note, open_desk
from runcard.workflow.refs import explain_unknown


@dataclass(frozen=True, slots=True)
class History:
    """All events of a registered model, oldest first."""

    model: str
    entries: tuple[LedgerEntry, ...]
    moved: tuple[str, ...]
    """In words: which aliases are not where the ledger left them."""


def read_history(
    model: str,
    *,
    project: Project | None = None,
    tracking_uri: str | None = None,
    note: Note = lambda line: None,
) -> History:
    """Read the events of a model, after finishing what killed processes left undone.

    Raises
    ------
    ModelVersionUnknown
        There is no such model.
    """
    name = read_model(model)
    with open_desk(project, tracking_uri=tracking_uri, note=note) as desk:
        entries = [e for e in complete_events(desk, name) if e.promotion.model == name and e.is_finished]
        with explain_unknown(model, desk.project):
            return History(name, tuple(entries), tuple(moved_by_hand(desk, name, entries)))


def moved_by_hand(desk: Desk, model: str, entries: list[LedgerEntry]) -> list[str]:
    """List the aliases that are not where the model's finished events left them."""
    found = {alias: version.version for version in desk.registry.versions(model) for alias in version.aliases}
    left = {e.promotion.alias: e.promotion.version for e in entries if e.promotion.alias}
    return [
        f"`{alias}` is {_place(model, found.get(alias))}, the ledger left it {_place(model, left.get(alias))}: "
        "it was moved by hand"
        for alias in ALIASES
        if found.get(alias) != left.get(alias)
    ]


def _place(model: str, version: int | None) -> str:
    return "nowhere" if version is None else f"on {model}/{version}"
