"""Running recorded runs again, and judging whether they came out the same; what two runs do not have in common."""

from runcard.workflow.replay.diff import diff_runs
from runcard.workflow.replay.reproduce import find_recorded, reproduce

__all__ = ["diff_runs", "find_recorded", "reproduce"]
