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
    from runcard.project import CARD_FOLDER, find_project

    if name is not None:
        try:
            path = find_card(name)
        except errors.CardMissing:
            return name, None
        card = load_card(path)
        return card.name, card
    cards = sorted((find_project().root / CARD_FOLDER).glob("*.y*ml"))
    if len(cards) == 1:
        card = load_card(cards[0])
        return card.name, card
    raise errors.UsageError(
        "which card or experiment?",
        why=f"the cards here are {errors.listing([card.stem for card in cards])}" if cards else "no card is here",
        hint=f"name one: `runcard {command} CARD`",
    )
