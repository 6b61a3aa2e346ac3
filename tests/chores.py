"""Functions for worker processes: what a test module holds, a worker cannot import."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path


def square(number: int) -> int:
    return number * number


def square_after_another(task: tuple[int, Path]) -> int:
    """Square a number; 0 waits for 1, which another worker must be at work on."""
    number, meeting = task
    if number == 1:
        meeting.touch()
    while number == 0 and not meeting.exists():
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
