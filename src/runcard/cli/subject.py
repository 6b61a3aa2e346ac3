"""What `[CARD|EXPERIMENT]` names."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from runcard.card import Card


def find_subject(name: str | None, command: str) -> tuple[str, Card | None]:
    """Take a card's name or path for its experiment's; any other name is the experiment's own.

    Without a name, the project's only card is meant.
    """
    from runcard.project import find_project
    from runcard.workflow.refs import experiment_of, only_card

    project = find_project()
    return experiment_of(name or only_card(project, command), project)
