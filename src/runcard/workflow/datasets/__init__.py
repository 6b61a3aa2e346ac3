"""What is locked: listed, verified, restored, locked anew."""

from runcard.workflow.datasets.lock import lock_dataset
from runcard.workflow.datasets.restore import restore_dataset
from runcard.workflow.datasets.verify import list_locked, verify_locked

__all__ = ["list_locked", "lock_dataset", "restore_dataset", "verify_locked"]
