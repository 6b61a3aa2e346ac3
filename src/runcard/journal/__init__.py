"""The journal: a local, crash-safe store of records, from which MLflow is filled."""

from runcard.journal.book import Address, Journal, OutboxEntry, is_begun, open_journal
from runcard.journal.files import check_files, file_folder, stage_files
from runcard.journal.lock import BegunTrials, hold_card
from runcard.journal.trouble import naming_trouble

__all__ = [
    "Address",
    "BegunTrials",
    "Journal",
    "OutboxEntry",
    "check_files",
    "file_folder",
    "hold_card",
    "is_begun",
    "naming_trouble",
    "open_journal",
    "stage_files",
]
