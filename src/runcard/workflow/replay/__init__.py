"""Running recorded runs again, and judging whether they came out the same."""

from runcard.workflow.replay.reproduce import find_recorded, reproduce

__all__ = ["find_recorded", "reproduce"]
