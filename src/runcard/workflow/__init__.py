"""Composes everything else; the one place where effects are ordered."""

from runcard.workflow.execute import run
from runcard.workflow.listener import Counts, Listener
from runcard.workflow.registry import promote, read_history, register, rollback
from runcard.workflow.resolve import Resolved, resolve
from runcard.workflow.result import Result
from runcard.workflow.standings import read_standings
from runcard.workflow.sync import sync

__all__ = [
    "Counts",
    "Listener",
    "Resolved",
    "Result",
    "promote",
    "read_history",
    "read_standings",
    "register",
    "resolve",
    "rollback",
    "run",
    "sync",
]
