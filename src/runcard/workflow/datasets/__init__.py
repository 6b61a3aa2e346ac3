"""Workflows of locked datasets: list, verify, restore, lock, read and keep them."""

from runcard.workflow.datasets.lock import lock_dataset
from runcard.workflow.datasets.restore import restore_dataset
from runcard.workflow.datasets.verify import list_locked, verify_locked

__all__ = ["list_locked", "lock_dataset", "restore_dataset", "verify_locked"]
