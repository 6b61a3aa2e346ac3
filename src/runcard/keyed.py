"""Hyperparameters that may map the target's labels to values, such as `class_weight: {1: 5}`."""

from __future__ import annotations

_NAMES = ("class_weight", "class_weights")


def is_keyed_by_label(name: object) -> bool:
    """Tell by the name of a hyperparameter, also of a pipeline's step, whether it may be keyed by label."""
    return isinstance(name, str) and name.rpartition("__")[2] in _NAMES
