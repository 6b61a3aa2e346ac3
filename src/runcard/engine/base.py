"""The protocol of engines: call a picklable function on each task, and yield results as they come."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol, Self, TypeVar

Task = TypeVar("Task")
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Lost:
    """The result of a task whose worker died each time it was tried; other tasks go on."""

    reason: str


class Later:
    """Yielded by a source of tasks while its next task depends on results still to come."""


LATER = Later()


class Engine(Protocol):
    """Runs tasks in other processes; entering the context starts it, leaving stops it."""

    @property
    def n_workers(self) -> int:
        """How many tasks run at a time."""

    @property
    def is_running(self) -> bool:
        """Whether the context was entered."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *exc: object) -> None: ...

    def run(
        self, function: Callable[[Task], Result], tasks: Iterable[Task | Later]
    ) -> Iterator[tuple[int, Result | Lost]]:
        """Call `function` on every task; yield (number of the task, its result) in order of completion.

        Tasks are taken as late as keeps the workers busy, one after the other and in the caller's thread, so
        that what the caller does with a result decides what comes next. `LATER` is not counted as a task.

        A task that needs files says so: `reads`, folders of this process that it looks into, and `writes`, the
        one that it fills, all of them fields of type `Path`. Elsewhere they are copies, in other places.
        """
