"""MLflow, used through its client API: the only package of runcard that imports it.

Nothing of MLflow crosses this package's border: plain types of `tracking/items.py` come in, plain values
go out, and every exception of MLflow, its server or its database becomes a TrackingError.
"""

from runcard.tracking.mlflow.connection import quiet_mlflow
from runcard.tracking.mlflow.ledger import MlflowLedger
from runcard.tracking.mlflow.models import import_writer, load_with_code, save_model, signature_of
from runcard.tracking.mlflow.origin import read_origin
from runcard.tracking.mlflow.reader import MlflowDetails, MlflowFiles, MlflowReader
from runcard.tracking.mlflow.registry import MlflowRegistry
from runcard.tracking.mlflow.scoring import serve_pipeline
from runcard.tracking.mlflow.tracker import MlflowTracker

__all__ = [
    "MlflowDetails",
    "MlflowFiles",
    "MlflowLedger",
    "MlflowReader",
    "MlflowRegistry",
    "MlflowTracker",
    "import_writer",
    "load_with_code",
    "quiet_mlflow",
    "read_origin",
    "save_model",
    "serve_pipeline",
    "signature_of",
]
