"""Chunks of tasks: taken from the caller as late as possible, with several short tasks of a kind in one."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from runcard.engine.base import LATER, Later

Chunk = list[tuple[int, Any]]
"""Tasks that go to a worker together, each with its number."""

_CHUNK_SECONDS = 0.1
_LARGEST_CHUNK = 32


class Pace:
    """How long tasks of each kind take, learned from those that are done."""

    def __init__(self) -> None:
        self._seconds: dict[object, float] = {}

    def note(self, chunk: Chunk, seconds: float) -> None:
        """Record the seconds that a chunk took."""
        kind, each = task_kind(chunk[0][1]), seconds / len(chunk)
        self._seconds[kind] = 0.7 * self._seconds.get(kind, each) + 0.3 * each

    def size_of_chunk(self, kind: object) -> int:
        """Give the number of tasks of a kind per chunk; one until their duration is known."""
        return min(max(1, int(_CHUNK_SECONDS / max(self._seconds.get(kind, 1.0), 1e-4))), _LARGEST_CHUNK)


class Source:
    """Numbered tasks, taken from the caller no sooner than they are needed."""

    def __init__(self, tasks: Iterable[Any]) -> None:
        self._tasks = iter(tasks)
        self._n_taken = 0
        self._ahead: list[Any] = []

    def next_chunk(self, pace: Pace) -> Chunk:
        """Give the next task, with more of its kind if that is known to be short; empty if there is none now."""
        chunk: Chunk = []
        size = 1
        while len(chunk) < size and self._look():
            task = self._ahead[0]
            if not chunk:
                kind = task_kind(task)
                size = pace.size_of_chunk(kind)
            elif task_kind(task) != kind:
                break
            chunk.append((self._n_taken, self._ahead.pop()))
            self._n_taken += 1
        return chunk

    def _look(self) -> bool:
        """Tell whether a task is available now, and hold it ready."""
        if not self._ahead and not isinstance(task := next(self._tasks, LATER), Later):
            self._ahead.append(task)
        return bool(self._ahead)


def task_kind(task: Any) -> object:
    """Give a key that is equal for tasks of about equal duration."""
    return type(task), type(getattr(task, "estimator", None))


def run_chunk(function: Callable[[Any], Any], tasks: Sequence[Any]) -> tuple[float, list[Any]]:
    """Call a function on each task; return the seconds in total, and the results."""
    start = time.perf_counter()
    results = [function(task) for task in tasks]
    return time.perf_counter() - start, results
