"""Functions for worker processes: what a test module holds, a worker cannot import."""

from __future__ import annotations

import os
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path


def square(number: int) -> int:
    return number * number


def square_after_another(task: tuple[int, Path]) -> int:
    """Square a number; 0 waits until the main process has the square of 1, which another worker must be at work on."""
    number, arrived = task
    deadline = time.monotonic() + 60
    while number == 0 and not arrived.exists():
        assert time.monotonic() < deadline, "the square of 1 was held back"
        time.sleep(0.01)
    return number * number


def square_or_die(number: int) -> int:
    if number < 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return number * number


def process_id(_: object) -> int:
    time.sleep(0.1)
    return os.getpid()


def circumstances(_: object) -> dict[str, object]:
    import numpy as np  # noqa: F401  (its BLAS is what is counted)
    from threadpoolctl import threadpool_info

    return {
        "threads": sorted({pool["num_threads"] for pool in threadpool_info()}),
        "ignores_ctrl_c": signal.getsignal(signal.SIGINT) == signal.SIG_IGN,
        "has_module": "marked" in sys.modules,
    }


def refuse(number: int) -> int:
    raise ValueError(f"no {number}")


@dataclass(frozen=True)
class Copying:
    """Copy the text in one folder to another, changed a little."""

    source: Path
    goal: Path

    @property
    def reads(self) -> tuple[Path, ...]:
        return (self.source,)

    @property
    def writes(self) -> Path:
        return self.goal


@dataclass(frozen=True)
class Reading:
    """Read the text in two folders."""

    one: Path
    other: Path

    @property
    def reads(self) -> tuple[Path, ...]:
        return (self.one, self.other)


def copy(task: Copying) -> str:
    (task.goal / "deeper").mkdir(parents=True)
    (task.goal / "deeper" / "text").write_text((task.source / "text").read_text() + "!")
    (task.goal / "nothing").touch()
    return str(task.goal)


def read(task: Reading) -> tuple[str, str, str]:
    """Return both texts and where the first one lies."""
    texts = [next(folder.rglob("text")).read_text() for folder in (task.one, task.other)]
    return texts[0], texts[1], str(task.one)


def kill_the_parent(number: int) -> int:
    """Kill the process that started this one, and wait for the end."""
    if number < 0:
        os.kill(os.getppid(), signal.SIGKILL)
        time.sleep(60)
    return number * number
