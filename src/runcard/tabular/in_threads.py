"""Doing one thing to many items in a few threads, the results in the order of the items."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

S = TypeVar("S")
T = TypeVar("T")


def abreast(function: Callable[[S], T], items: Iterable[S], *, threads: int) -> Iterator[T]:
    """Give `function(item)` for each item; one more item than there are threads is held at most.

    The threads share the cores: each has its part of them for what it computes in compiled code. Many small pieces are
    done sooner so than one after the other on all cores, which wait for the slowest of them at each step of each piece.
    """
    waiting: deque[Future[T]] = deque()
    with ThreadPoolExecutor(threads, "abreast", _share_cores, (threads,)) as pool:
        for item in items:
            waiting.append(pool.submit(function, item))
            if len(waiting) > threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def _share_cores(threads: int) -> None:
    """Limit this thread; OpenMP keeps the number for each thread by itself."""
    from threadpoolctl import threadpool_limits

    threadpool_limits(max(1, (os.cpu_count() or 1) // threads), user_api="openmp")
