"""Registered models: made from decisions, promoted through gates, rolled back; every event in the team's ledger."""

from runcard.workflow.registry.history import History, read_history
from runcard.workflow.registry.promote import Promoted, promote
from runcard.workflow.registry.register import Registered, register
from runcard.workflow.registry.rollback import rollback
from runcard.workflow.registry.verify import Verified, verify_history

__all__ = [
    "History",
    "Promoted",
    "Registered",
    "Verified",
    "promote",
    "read_history",
    "register",
    "rollback",
    "verify_history",
]
