"""The version of runcard."""

__version__ = "0.1.0"
