"""MLflow, used through its client API: the only package that knows it.

Nothing of MLflow crosses this package's border: plain items of `base.py` come in, plain values go out, and every
exception of MLflow, its server or its database becomes a TrackingError.
"""

from runcard.tracking.mlflow.connection import quiet_mlflow
from runcard.tracking.mlflow.ledger import MlflowLedger
from runcard.tracking.mlflow.models import load_model, save_model, signature_of
from runcard.tracking.mlflow.reader import MlflowReader
from runcard.tracking.mlflow.registry import MlflowRegistry
from runcard.tracking.mlflow.tracker import MlflowTracker

__all__ = [
    "MlflowLedger",
    "MlflowReader",
    "MlflowRegistry",
    "MlflowTracker",
    "load_model",
    "quiet_mlflow",
    "save_model",
    "signature_of",
]
