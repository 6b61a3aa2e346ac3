"""The card: what the user wrote, one YAML file, one experiment."""

from runcard.card.load import find_card, load_card, read_card
from runcard.card.sections import Card

__all__ = ["Card", "find_card", "load_card", "read_card"]
