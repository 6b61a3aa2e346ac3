"""Workflows of registered models: register, promote through gates, roll back; each event is in the team's ledger."""

from runcard.workflow.promote.history import History, read_history
from runcard.workflow.promote.promote import Promoted, promote
from runcard.workflow.promote.register import RegisteredVersion, register
from runcard.workflow.promote.rollback import rollback
from runcard.workflow.promote.verify import Verified, verify_history

__all__ = [
    "History",
    "Promoted",
    "RegisteredVersion",
    "Verified",
    "promote",
    "read_history",
    "register",
    "rollback",
    "verify_history",
]
