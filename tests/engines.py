"""An engine for tests that are not about processes: tasks are done here, and none twice."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Self

from runcard.engine.base import Later
from runcard.tabular import Preparation


class HereEngine:
    """Calls functions in this process, one after the other, and remembers what they gave: it serves one card."""

    def __init__(self) -> None:
        self.n_workers, self.is_running = 1, False
        self._known: dict[object, tuple[Any, dict[str, bytes]]] = {}

    def __call__(self, *settings: object, **more: object) -> Self:
        """Stand where a new engine would be made."""
        return self

    def __enter__(self) -> Self:
        self.is_running = True
        return self

    def __exit__(self, *exc: object) -> None:
        self.is_running = False

    def run(self, function: Callable[[Any], Any], tasks: Iterable[Any]) -> Iterator[tuple[int, Any]]:
        """Call a function on every task."""
        for number, task in enumerate(task for task in tasks if not isinstance(task, Later)):
            key = function.__name__, type(task).__name__, *_what(task)
            if key not in self._known:
                self._known[key] = function(task), _files(task)
            found, files = self._known[key]
            for path, content in files.items():
                task.folder.mkdir(parents=True, exist_ok=True)
                (task.folder / path).write_bytes(content)
            yield number, found


def _what(task: Any) -> tuple[object, ...]:
    """Tell a task from others of its card: by its estimator, its features and fold, or what is to be drawn."""
    folder: Path = getattr(task, "folder", Path())
    drawn = getattr(task, "y_pred", None)
    return repr(getattr(task, "estimator", None)), folder.parts[-2:], None if drawn is None else drawn.tobytes()


def _files(task: Any) -> dict[str, bytes]:
    """Read what a preparation wrote beside what it gave."""
    if not isinstance(task, Preparation):
        return {}
    return {path.name: path.read_bytes() for path in task.folder.iterdir()}
