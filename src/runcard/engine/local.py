"""An engine with processes on this machine: a pool of joblib's loky, forked from a template process."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self, TypeVar

from runcard.engine.base import Later, Lost
from runcard.engine.chunks import Chunk, Pace, Source, run_chunk
from runcard.engine.process import ONE_THREAD, reason_of_death, set_up_process
from runcard.engine.template import start_template

_FEEDER_SECONDS = 1.0

Task = TypeVar("Task")
Result = TypeVar("Result")


class LocalEngine:
    """A pool of worker processes with one thread each.

    Parameters
    ----------
    n_workers
        0 for one for each core that this process may use.
    root, modules
        The project's root and its own modules, imported in each worker.
    packages
        What else is imported before there is a worker.
    """

    def __init__(
        self, n_workers: int = 0, *, root: Path, modules: Sequence[str] = (), packages: Sequence[str] = ()
    ) -> None:
        self._n_workers = n_workers or _n_cores()
        self._setup = (str(root), tuple(modules))
        self._packages = packages
        self._pool: Any = None
        self._pace = Pace()

    @property
    def n_workers(self) -> int:
        """The number of worker processes."""
        return self._n_workers

    @property
    def is_running(self) -> bool:
        """Whether the workers were started."""
        return self._pool is not None

    def __enter__(self) -> Self:
        """Start the template of the workers; it imports what training needs while the caller goes on."""
        self._pool = self._start()
        return self

    def __exit__(self, *exc: object) -> None:
        """Stop the workers at once; results that were not taken are lost."""
        self._stop()

    def run(
        self, function: Callable[[Task], Result], tasks: Iterable[Task | Later]
    ) -> Iterator[tuple[int, Result | Lost]]:
        """Call `function` on every task; a worker that dies costs only the task that kills it twice."""
        source = Source(tasks)
        flying: dict[Any, Chunk] = {}
        while True:
            while len(flying) < 2 * self._n_workers and (chunk := source.next_chunk(self._pace)):
                flying[self._submit(function, [task for _, task in chunk])] = chunk
            if not flying:
                return
            suspects: Chunk = []
            for future in _next_done(flying):
                chunk = flying.pop(future)
                yield from self._outcome(future, chunk, suspects)
            if suspects:
                suspects += [numbered for future, chunk in flying.items() for numbered in _unless_done(future, chunk)]
                finished = {future: chunk for future, chunk in flying.items() if _has_result(future)}
                flying = {}
                for future, chunk in finished.items():
                    yield from self._outcome(future, chunk, suspects)
                yield from self._run_alone(function, sorted(suspects, key=lambda numbered: numbered[0]))

    def _start(self) -> Any:
        from multiprocessing import resource_tracker

        resource_tracker.ensure_running()  # its first start unblocks SIGINT, which `_deaf_to_ctrl_c` would not notice
        with _deaf_to_ctrl_c():
            context = start_template(self._packages, ONE_THREAD)  # it takes longest: all else comes after it
        from joblib.externals.loky import ProcessPoolExecutor
        from joblib.externals.loky.backend import resource_tracker as loky_tracker

        loky_tracker.ensure_running()  # for the same reason, before there is a worker
        setup = (*self._setup, dict(os.environ))
        return ProcessPoolExecutor(self._n_workers, context=context, initializer=_set_up_worker, initargs=setup)

    def _stop(self) -> None:
        """Kill the workers, and wait for the pool's threads.

        Nothing else waits for the thread that feeds the workers: if the process ends while that thread releases a
        semaphore, multiprocessing's resource tracker prints a warning. It may be stuck with a task that nobody takes.
        """
        feeder = getattr(self._pool._call_queue, "_thread", None)
        with _unheard_threads():
            self._pool.shutdown(wait=True, kill_workers=True)
            if feeder is not None:
                feeder.join(_FEEDER_SECONDS)

    def _submit(self, function: Callable[[Task], Result], tasks: Sequence[Task]) -> Any:
        """Submit a chunk; if a worker of the pool has died, its future is broken at once."""
        from concurrent.futures import Future
        from concurrent.futures.process import BrokenProcessPool

        try:
            with _deaf_to_ctrl_c():
                return self._pool.submit(run_chunk, function, tasks)
        except BrokenProcessPool as error:
            broken: Future[Any] = Future()
            broken.set_exception(error)
            return broken

    def _outcome(self, future: Any, chunk: Chunk, suspects: Chunk) -> Iterator[tuple[int, Any]]:
        if not _has_result(future):
            if not _is_broken(future):
                raise future.exception()
            suspects += chunk
            return
        seconds, results = future.result()
        self._pace.note(chunk, seconds)
        yield from zip((number for number, _ in chunk), results, strict=True)

    def _run_alone(self, function: Callable[[Task], Result], suspects: Chunk) -> Iterator[tuple[int, Result | Lost]]:
        """Run the tasks in flight one at a time, to find which of them killed a worker."""
        self._stop()
        self._pool = self._start()
        for number, task in suspects:
            future = self._submit(function, [task])
            if not _is_broken(future):
                _, results = future.result()
                yield number, results[0]
                continue
            self._stop()
            self._pool = self._start()
            yield number, Lost(reason_of_death(str(future.exception())))


@contextmanager
def _unheard_threads() -> Iterator[None]:
    """Suppress the exceptions that the pool's threads may raise when workers are killed."""
    before = threading.excepthook
    threading.excepthook = lambda args: None
    try:
        yield
    finally:
        threading.excepthook = before


@contextmanager
def _deaf_to_ctrl_c() -> Iterator[None]:
    """Block SIGINT in processes started here, which would receive it before they can ignore it."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _n_cores() -> int:
    from joblib import cpu_count

    return int(cpu_count())


def _next_done(flying: dict[Any, Chunk]) -> list[Any]:
    from concurrent.futures import FIRST_COMPLETED, wait

    return list(wait(flying, return_when=FIRST_COMPLETED).done)


def _has_result(future: Any) -> bool:
    return future.done() and future.exception() is None


def _unless_done(future: Any, chunk: Chunk) -> Chunk:
    return [] if _has_result(future) else chunk


def _is_broken(future: Any) -> bool:
    from concurrent.futures.process import BrokenProcessPool

    return isinstance(future.exception(), BrokenProcessPool)  # waits for the end


def _set_up_worker(root: str, modules: Sequence[str], environment: Mapping[str, str]) -> None:
    import multiprocessing

    from joblib.externals.loky import process_executor

    # It would take mapped matrices for a leak, and replace the worker with a warning.
    process_executor._USE_PSUTIL = False
    parent: Any = multiprocessing.parent_process()
    os.environ.clear()  # the template's is as old as the template
    os.environ.update(environment)
    set_up_process(root, modules, parent.join)
