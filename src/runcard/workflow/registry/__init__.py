"""Registered models: made from decisions, promoted through gates, rolled back; every event in the team's ledger."""

from runcard.workflow.registry.history import History, read_history
from runcard.workflow.registry.promote import Promoted, promote
from runcard.workflow.registry.register import Registered, register
from runcard.workflow.registry.rollback import rollback

__all__ = ["History", "Promoted", "Registered", "promote", "read_history", "register", "rollback"]
