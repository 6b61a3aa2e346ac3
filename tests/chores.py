"""Functions for worker processes: what a test module holds, a worker cannot import."""

from __future__ import annotations

import os
import signal
import sys
import time


def square(number: int) -> int:
    return number * number


def nap_and_square(number: int) -> int:
    """Take longer for small numbers, so that results come in another order than tasks went out."""
    time.sleep(0.2 / (number + 1))
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
