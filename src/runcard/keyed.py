"""Hyperparameters that may be mappings from the target's labels, such as `class_weight: {1: 5}`."""

from __future__ import annotations

_NAMES = ("class_weight", "class_weights")


def is_keyed_by_label(name: object) -> bool:
    """Tell by the name of a hyperparameter, that of a step of a pipeline too."""
    return isinstance(name, str) and name.rpartition("__")[2] in _NAMES
