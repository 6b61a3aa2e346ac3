"""Depth limits that no tree reached: any looser limit gives the same model, bit by bit.

scikit-learn's trees ask for `max_depth` in one place: a node that deep becomes a leaf before anything is drawn
from chance for it. Where the deepest node of a tree lies above the limit, the limit has decided nothing.
Proved in tests/catalog/test_limits.py.

Why: docs/adr/0009-fits-that-need-not-be-done.md
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

LIMIT = "max_depth"
_TREES = ("DecisionTree", "ExtraTree")
_FORESTS = ("RandomForest", "ExtraTrees")


def limit_of(estimator: Any) -> float | None:
    """Return the depth limit of an unfitted estimator's trees: infinite without a limit, None for other models."""
    kind = _kind_of(estimator)
    # With `max_leaf_nodes` nodes are grown in another order; pruning would hide how deep they were.
    if kind is None or estimator.max_leaf_nodes is not None or estimator.ccp_alpha:
        return None
    # Without a seed no two fits are equal; a warm start goes on with what is there.
    if not isinstance(estimator.random_state, int) or getattr(estimator, "warm_start", False):
        return None
    return math.inf if estimator.max_depth is None else float(estimator.max_depth)


def reached(fitted: Any) -> int | None:
    """Return the depth of a fitted estimator's deepest tree; None where `limit_of` gives None."""
    if limit_of(fitted) is None:
        return None
    trees = fitted.estimators_ if _kind_of(fitted) in _FORESTS else [fitted]
    return max(int(tree.tree_.max_depth) for tree in trees)


def without_limit(params: Mapping[str, Any]) -> dict[str, Any]:
    """Remove the depth limit from hyperparameters."""
    return {name: value for name, value in params.items() if name != LIMIT}


def _kind_of(estimator: Any) -> str | None:
    # The exact class: a subclass may train in a way of its own.
    if type(estimator).__module__.partition(".")[0] != "sklearn":
        return None
    name = type(estimator).__name__.removesuffix("Classifier").removesuffix("Regressor")
    return name if name in _TREES + _FORESTS else None
