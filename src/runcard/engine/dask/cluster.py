"""The workers of a Dask cluster and the processes beside them, which share no files with the main process.

What a task reads goes to a worker once and from worker to worker where it can; what it writes comes back. Which
worker gets a chunk is decided here and not by Dask's scheduler: so it is known whose worker died.

Why: docs/adr/0010-dask-main-is-the-hub.md
"""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import CancelledError, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from runcard import errors
from runcard.engine.chunks import Chunk
from runcard.engine.dask.parcel import PackedFolder, pack
from runcard.engine.dask.versions import differences, unfit
from runcard.engine.dask.workbench import Answer, Copy, Gone, Setup, Workbench, close_workbench, run_on
from runcard.redact import redact

Stamp = tuple[int, int] | None
_CONNECT_SECONDS = 8
_CLOSE_SECONDS = 10
_LOOK_SECONDS = 1.0
_LARGE_BYTES = 1_000_000
"""A chunk that is larger goes past the scheduler, as data."""


@dataclass(eq=False)
class Seat:
    """A worker, with what was set up on it and sent to it."""

    address: str
    n_processes: int
    bench: Any
    copies: dict[Path, tuple[Stamp, Any]] = field(default_factory=dict)
    n_flying: int = 0

    @property
    def load(self) -> float:
        """The number of its chunks per process; two are enough, one running and one waiting."""
        return self.n_flying / self.n_processes


class Cluster:
    """The connection to a cluster: which workers there are, and what was sent to each."""

    def __init__(self, address: str, patience_seconds: float) -> None:
        self._address = address
        self._client, self._silence = _connect(address)
        self._patience_seconds = patience_seconds
        self._key = uuid.uuid4().hex
        self._code: Mapping[str, bytes] = {}
        self._modules: tuple[str, ...] = ()
        self._parcels: dict[Path, tuple[Stamp, Any]] = {}
        self._unfit: dict[str, list[str]] = {}
        self._looked = self._seen = time.monotonic()
        self.seats: dict[str, Seat] = {}

    def open(self, code: Mapping[str, bytes], modules: tuple[str, ...]) -> None:
        """Compare every process of the cluster with this one, and set up every worker."""
        self._code, self._modules = code, modules
        if found := differences(self._ask_scheduler, ["the scheduler"]):
            raise unfit(found)  # it only passes tasks on, but looks into them
        self.look(now=True)
        while not self.seats:
            if self._unfit:
                raise unfit(self._unfit)
            time.sleep(0.1)
            self.look(now=True)
        if self._unfit:
            raise unfit(self._unfit)

    def look(self, *, now: bool = False) -> None:
        """Find workers that joined or left, at most once a second.

        Workers that come later and differ are left alone; they are named once there are no others.
        """
        if not now and time.monotonic() - self._looked < _LOOK_SECONDS:
            return
        known = self._reach(self._client.nthreads)
        self._looked = time.monotonic()
        for address in self.seats.keys() - known.keys():
            del self.seats[address]
        self._unfit = {address: faults for address, faults in self._unfit.items() if address in known}
        fresh = known.keys() - self.seats.keys() - self._unfit.keys()
        if fresh:
            self._unfit |= differences(self._ask, fresh)
        for address in sorted(fresh - self._unfit.keys()):
            self.seats[address] = self._seat(address, known[address])
        self._mind_patience()

    def idlest(self, *, but: Seat | None = None) -> Seat | None:
        """Choose the least loaded worker except `but`; None if all have enough."""
        seat = min((seat for seat in self.seats.values() if seat is not but), key=lambda seat: seat.load, default=None)
        return seat if seat is not None and seat.load < 2 else None

    def send(self, seat: Seat, function: Callable[[Any], Any], chunk: Chunk) -> Any:
        """Send a chunk to a worker, after the folders it reads; return the future of its answer."""
        import cloudpickle

        tasks = [task for _, task in chunk]
        writes = writes_of(chunk)
        for path in writes:
            self._forget(path)
        paths = list(dict.fromkeys(path for task in tasks for path in getattr(task, "reads", ())))
        payload = cloudpickle.dumps((function, tasks), protocol=5)
        if len(payload) > _LARGE_BYTES:
            payload = self._scatter(payload, seat)
        copies = [self._copy(path, seat) for path in paths]
        return self._submit(seat.address, run_on, seat.bench, payload, paths, copies, writes)

    def fetch(self, future: Any, inbox: SimpleQueue[Any], ticket: int) -> None:
        """Have a future's answer put into the inbox once it is there."""

        async def fetch() -> None:
            try:
                answer = await self._client.gather(future, asynchronous=True)
            except (Exception, asyncio.CancelledError) as error:
                answer = error
            inbox.put((ticket, answer))

        asyncio.run_coroutine_threadsafe(fetch(), self._client.loop.asyncio_loop)

    def heed(self, answer: Any, seat: Seat) -> None:
        """React to an answer that is no result of a chunk: forget what was lost, or raise."""
        from distributed.scheduler import KilledWorker

        if isinstance(answer, Answer | Gone | KilledWorker):
            self._drop(seat)
        elif isinstance(answer, CancelledError | asyncio.CancelledError):
            if str(getattr(answer, "reason", "")).startswith("scheduler-"):
                raise self._away("the connection to the scheduler was lost")
            self._repair(seat)
        else:
            raise unfit({seat.address: [f"{type(answer).__name__}: {answer}".partition("\n")[0]]}) from answer

    def has(self, seat: Seat) -> bool:
        """Tell whether a worker is still there with everything that was set up on it."""
        return self.seats.get(seat.address) is seat

    def _repair(self, seat: Seat) -> None:
        """Forget the copies that a worker no longer has, so that they are made again."""
        broken = ("cancelled", "error", "lost")
        if seat.bench.status in broken:
            self._drop(seat)
        for path in [path for path, (_, copy) in seat.copies.items() if copy.status in broken]:
            del seat.copies[path]

    def _drop(self, seat: Seat) -> None:
        """Forget a worker, so that it is set up anew when it is next seen."""
        if self.has(seat):
            del self.seats[seat.address]

    def drop_old_copies(self) -> None:
        """Release the workers' copies of folders that were removed here."""
        paths = set(self._parcels).union(*(seat.copies for seat in self.seats.values()))
        for path in paths:
            if not path.exists():
                self._forget(path)

    def release(self, futures: Sequence[Any]) -> None:
        """Cancel futures that are no longer needed."""
        with suppress(Exception):
            self._client.cancel(list(futures), force=True)

    def _away(self, why: str) -> errors.ClusterAway:
        """Make the error for a cluster that cannot be used."""
        return errors.ClusterAway(
            "the Dask cluster is gone",
            where=_shown(self._address),
            why=why,
            hint="what is done is kept; when the cluster is back, run the card again to go on from there",
        )

    def close(self) -> None:
        """End what runs on the workers, remove its files, and disconnect from the cluster."""
        with suppress(Exception):
            if self._client.status == "running":
                there = self._client.nthreads().keys() & self.seats.keys()  # dead ones would be waited for
                self._client.run(
                    close_workbench,
                    self._key,
                    workers=list(there),
                    on_error="ignore",
                    callback_timeout=_CLOSE_SECONDS,
                )
        with self._silence, suppress(Exception):
            self._client.close(timeout=5)

    def _seat(self, address: str, n_threads: int) -> Seat:
        setup = Setup(self._key, self._code, self._modules, n_threads)
        return Seat(address, n_threads, self._submit(address, _set_up, setup))

    def _copy(self, path: Path, seat: Seat) -> Any:
        """Give the copy of a folder on a worker; it is made if there is none, or only an outdated one."""
        stamp = _stamp(path)
        known = seat.copies.get(path)
        if known is not None and known[0] == stamp:
            return known[1]
        copy = self._submit(seat.address, _make_copy, seat.bench, self._parcel(path, stamp, seat))
        seat.copies[path] = (stamp, copy)
        if all(other.copies.get(path, (None,))[0] == stamp for other in self.seats.values()):
            self._parcels.pop(path, None)  # every worker has it, or is about to
        return copy

    def _parcel(self, path: Path, stamp: Stamp, seat: Seat) -> Any:
        """Scatter a folder's content to the cluster, whose workers then get it from each other."""
        known = self._parcels.get(path)
        if known is None or known[0] != stamp or known[1].status != "finished":
            known = self._parcels[path] = (stamp, self._scatter(pack(path), seat))
        return known[1]

    def _scatter(self, data: object, seat: Seat) -> Any:
        """Scatter data to the worker that needs it, or to any if that one has just left."""
        failed: Exception | None = None
        for workers in ([seat.address], None, None):
            try:
                return self._client.scatter(data, workers=workers, hash=False)
            except (OSError, TimeoutError, KeyError) as error:
                failed = error
            self._reach(self._client.nthreads)
        raise self._away(_told(failed or OSError(), self._address))

    def _submit(self, address: str, function: Callable[..., Any], *arguments: Any) -> Any:
        return self._reach(
            lambda: self._client.submit(
                function, *arguments, key=f"runcard-{uuid.uuid4().hex}", workers=[address], allow_other_workers=False
            )
        )

    def _forget(self, path: Path) -> None:
        self._parcels.pop(path, None)
        for seat in self.seats.values():
            seat.copies.pop(path, None)

    def _ask(self, among: Iterable[str], function: Callable[..., Any], *arguments: Any) -> dict[str, Any]:
        found: dict[str, Any] = self._reach(
            lambda: self._client.run(function, *arguments, workers=list(among), on_error="return")
        )
        return found

    def _ask_scheduler(self, _: Iterable[str], function: Callable[..., Any], *arguments: Any) -> dict[str, Any]:
        try:
            answer = self._client.run_on_scheduler(function, *arguments)
        except Exception as error:
            answer = error
        return {"the scheduler": answer}

    def _reach(self, call: Callable[[], Any]) -> Any:
        if self._client.status != "running":
            raise self._away("the connection to the scheduler is lost")
        try:
            return call()
        except (OSError, TimeoutError, CancelledError) as error:
            raise self._away(_told(error, self._address)) from error

    def _mind_patience(self) -> None:
        if self.seats:
            self._seen = time.monotonic()
        elif time.monotonic() - self._seen > self._patience_seconds:
            if self._unfit:
                raise unfit(self._unfit)
            raise self._away(f"it has had no worker for {self._patience_seconds:.0f} seconds")


def _set_up(setup: Setup) -> Workbench:
    """Make a workbench in the worker's own folder; runs on the worker."""
    from distributed import get_worker

    return Workbench(setup, Path(get_worker().local_directory))


def _make_copy(bench: Any, parcel: PackedFolder) -> Copy | Gone:
    """Unpack a folder; runs on the worker."""
    return Copy(parcel, bench.new_folder()) if isinstance(bench, Workbench) else Gone()


def _connect(address: str) -> tuple[Any, ExitStack]:
    """Return a connected client, and the stack whose closing restores Dask's logging."""
    try:
        from distributed import Client
    except ImportError as error:
        raise errors.PackageMissing(
            "`distributed` is not installed",
            where=_shown(address),
            why="a Dask cluster is reached by it",
            hint="`pip install 'runcard[dask]'`, here and on every machine of the cluster",
        ) from error
    silence = ExitStack()
    silence.enter_context(_quiet())
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of other versions: we compare them ourselves
            _knock(address)  # a client that cannot connect would hold up the end of the process
            return Client(address, timeout=_CONNECT_SECONDS, set_as_default=False), silence
    except Exception as error:
        silence.close()
        raise errors.ClusterAway(
            "the Dask cluster does not answer",
            where=_shown(address),
            why=_told(error, address),
            hint="start it (`dask scheduler`, `dask worker`) or correct the address: `--on`, `RUNCARD_ON`, "
            "or `on` in `[tool.runcard]`",
        ) from None


def _knock(address: str) -> None:
    """Check that a scheduler answers at an address, where another or a silent program may listen."""
    from distributed.comm import connect
    from distributed.security import Security

    async def knock() -> None:
        how = Security().get_connection_args("client")
        connected = connect(address, timeout=_CONNECT_SECONDS, **how)
        (await asyncio.wait_for(connected, _CONNECT_SECONDS)).abort()

    with ThreadPoolExecutor(1) as thread:  # a notebook has a loop of its own in this one
        thread.submit(asyncio.run, knock()).result()


def _shown(address: str) -> str:
    """Write an address for messages, without user name and password."""
    scheme, separator, rest = address.rpartition("://")
    return redact(f"{scheme}{separator}{'***@' if '@' in rest else ''}{rest.rpartition('@')[2]}")


def _told(error: BaseException, address: str) -> str:
    """Describe an error; not in Dask's words if they may hold a password."""
    if "@" in address:
        return "an address has no user and no password: Dask knows neither"
    name = type(error).__name__
    if not str(error):
        return f"{name}: no answer within {_CONNECT_SECONDS} seconds"
    return redact(f"{name}: {error}".partition("\n")[0])


def _stamp(path: Path) -> Stamp:
    """Identify a folder, to detect another one at the same path later."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_ino, found.st_mtime_ns


@contextmanager
def _quiet() -> Iterator[None]:
    """Suppress Dask's log: our own errors report what matters."""
    names = {"distributed", "tornado", *logging.root.manager.loggerDict}  # Dask gives many of its own a level
    loggers = [logging.getLogger(name) for name in names if name.partition(".")[0] in ("distributed", "tornado")]
    before = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        for logger, level in zip(loggers, before, strict=True):
            logger.setLevel(level)


def writes_of(chunk: Chunk) -> list[Path]:
    """List the folders that the tasks of a chunk write."""
    return [task.writes for _, task in chunk if hasattr(task, "writes")]
