"""Run experiments that YAML cards describe; compare them, run them again and prove the results equal.

Importing this loads neither MLflow nor scikit-learn; every name below is loaded when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from runcard.version import __version__

if TYPE_CHECKING:
    from runcard.card import Card, load_card
    from runcard.catalog.registered import dataset, features, metric, model
    from runcard.errors import RuncardError
    from runcard.workflow.run.execute import run
    from runcard.workflow.run.result import Result


__all__ = [
    "Card",
    "Result",
    "RuncardError",
    "__version__",
    "dataset",
    "features",
    "load_card",
    "metric",
    "model",
    "run",
]

_HOMES = {
    "Card": "runcard.card",
    "Result": "runcard.workflow.run.result",
    "RuncardError": "runcard.errors",
    "dataset": "runcard.catalog.registered",
    "features": "runcard.catalog.registered",
    "load_card": "runcard.card",
    "metric": "runcard.catalog.registered",
    "model": "runcard.catalog.registered",
    "run": "runcard.workflow.run.execute",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'runcard' has no attribute '{name}'")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
