"""The card: one YAML file that describes one experiment, read and checked."""

from runcard.card.load import find_card, load_card, read_card
from runcard.card.sections import Card

__all__ = ["Card", "find_card", "load_card", "read_card"]
