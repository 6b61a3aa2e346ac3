"""The audit: a reproducibility checklist of a run, answered from what was recorded, never by hand.

Evidence (what MLflow and the data store have of a run) ──► make_audit ──► Audit (seventeen items)
"""

from runcard.audit.audit import DAMAGED, N_ITEMS, Audit, Item, make_audit
from runcard.audit.evidence import Evidence, FileState, KeptModel, RecordedReplay, StoredData

__all__ = [
    "DAMAGED",
    "N_ITEMS",
    "Audit",
    "Evidence",
    "FileState",
    "Item",
    "KeptModel",
    "RecordedReplay",
    "StoredData",
    "make_audit",
]
