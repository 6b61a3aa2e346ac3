"""Workflows that run recorded runs again, judge whether results are equal, audit runs, and compare two runs."""

from runcard.workflow.replay.diff import diff_runs
from runcard.workflow.replay.reproduce import find_recorded, reproduce

__all__ = ["diff_runs", "find_recorded", "reproduce"]
