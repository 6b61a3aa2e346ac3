"""What every engine does: call a picklable function on each task, and give results as they come."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, Self, TypeVar

Task = TypeVar("Task")
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Lost:
    """A task whose worker died each time it was tried; the others go on."""

    reason: str


class Engine(Protocol):
    """Runs tasks in other processes; entering starts it, leaving stops it."""

    @property
    def n_workers(self) -> int:
        """How many tasks run at a time."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *exc: object) -> None: ...

    def run(self, function: Callable[[Task], Result], tasks: Sequence[Task]) -> Iterator[tuple[int, Result | Lost]]:
        """Call `function` on every task; yield (index of the task, its result) in the order they end."""
