"""What a replay leaves to be kept, whichever process ran it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from runcard.replay import Replay


@dataclass(frozen=True, slots=True, eq=False)
class Left:
    """A replay, and what is kept with it."""

    replay: Replay
    files: Mapping[str, str]
    """Its circumstances: path below the run's artifacts -> text."""
    tags: Mapping[str, str]
    """As MLflow itself would set them."""
    folds: Mapping[str, tuple[float, ...]]
    test: Mapping[str, float]
    predictions: bytes = b""
    """The test rows with what was predicted for them, as Parquet; empty where there are none."""
