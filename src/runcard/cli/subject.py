"""What `[CARD|EXPERIMENT]` names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runcard import errors

if TYPE_CHECKING:
    from runcard.card import Card


def find_subject(name: str | None, command: str) -> tuple[str, Card | None]:
    """Take a card's name or path for its experiment's; any other name is the experiment's own.

    Without a name, the project's only card is meant.
    """
    from runcard.card import find_card, load_card
    from runcard.project import find_project
    from runcard.workflow.chosen import only_card

    project = find_project()
    name = name or only_card(project, command)
    try:
        card = load_card(find_card(name, project), project=project)
    except errors.CardMissing:
        return name, None
    return card.name, card
