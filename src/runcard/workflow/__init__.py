"""Composes everything else; the one place where effects are ordered."""

from runcard.workflow.audit import audit_run
from runcard.workflow.compare import compare_runs
from runcard.workflow.datasets import list_locked, lock_dataset, restore_dataset, verify_locked
from runcard.workflow.execute import run
from runcard.workflow.listener import Counts, Listener
from runcard.workflow.obtain import obtain_table
from runcard.workflow.predict import Prediction, predict
from runcard.workflow.registry import promote, read_history, register, rollback
from runcard.workflow.replay import diff_runs, reproduce
from runcard.workflow.resolve import Resolved, resolve
from runcard.workflow.result import Result
from runcard.workflow.select import Selection, Wish, select, select_plain
from runcard.workflow.serve import ServedModel, serve_model
from runcard.workflow.sync import sync

__all__ = [
    "Counts",
    "Listener",
    "Prediction",
    "Resolved",
    "Result",
    "Selection",
    "ServedModel",
    "Wish",
    "audit_run",
    "compare_runs",
    "diff_runs",
    "list_locked",
    "lock_dataset",
    "obtain_table",
    "predict",
    "promote",
    "read_history",
    "register",
    "reproduce",
    "resolve",
    "restore_dataset",
    "rollback",
    "run",
    "select",
    "select_plain",
    "serve_model",
    "sync",
    "verify_locked",
]
