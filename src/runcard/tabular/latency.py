"""Latency of predicting one row, and the size of a model."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any


def time_calls(function: Callable[[Any], object], rows: Any, *, n_calls: int, seconds: float) -> list[float]:
    """Time calls with one row each, in milliseconds, after a warm-up call.

    It ends after `n_calls`, or once `seconds` are over and three calls are known.
    """
    n_rows = rows.shape[0]
    pick = rows.iloc if hasattr(rows, "iloc") else rows
    function(pick[0:1])
    found: list[float] = []
    deadline = time.perf_counter() + seconds
    while len(found) < n_calls and (len(found) < 3 or time.perf_counter() < deadline):
        at = len(found) % n_rows
        row = pick[at : at + 1]
        start = time.perf_counter()
        function(row)
        found.append((time.perf_counter() - start) * 1e3)
    return found


class _Counter:
    """A file object that only counts the bytes written."""

    def __init__(self) -> None:
        self.n_bytes = 0

    def write(self, data: Any) -> int:
        size = memoryview(data).nbytes
        self.n_bytes += size
        return size


def pickled_bytes(model: Any) -> int:
    """Count the bytes of a pickled model without storing them; works for classes of a notebook too."""
    import cloudpickle

    counter = _Counter()
    cloudpickle.CloudPickler(counter, protocol=5).dump(model)
    return counter.n_bytes
