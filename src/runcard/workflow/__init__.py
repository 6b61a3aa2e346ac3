"""Composes everything else; the one place where effects are ordered."""

from runcard.workflow.execute import run
from runcard.workflow.listener import Counts, Listener
from runcard.workflow.predict import Prediction, predict
from runcard.workflow.resolve import Resolved, resolve
from runcard.workflow.result import Result
from runcard.workflow.serve import ServedModel, serve_model
from runcard.workflow.standings import read_standings
from runcard.workflow.sync import sync

__all__ = [
    "Counts",
    "Listener",
    "Prediction",
    "Resolved",
    "Result",
    "ServedModel",
    "predict",
    "read_standings",
    "resolve",
    "run",
    "serve_model",
    "sync",
]
