"""An engine that runs trials on a Dask cluster, in processes of its own beside the workers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Self, TypeVar

from runcard.engine.base import Later, Lost
from runcard.engine.chunks import Pace, Source
from runcard.engine.dask.cluster import Cluster
from runcard.engine.dask.job import EngineCall
from runcard.engine.dask.parcel import own_code

Task = TypeVar("Task")
Result = TypeVar("Result")


class DaskEngine:
    """An engine with a process beside each thread of each worker of a Dask cluster.

    Parameters
    ----------
    address
        The scheduler's, such as `tcp://host:8786`.
    root, modules
        The project's root and its own modules; its code is sent along.
    patience_seconds
        How long the cluster may be without any worker.
    """

    def __init__(
        self, address: str, *, root: Path, modules: Sequence[str] = (), patience_seconds: float = 30.0
    ) -> None:
        self._address, self._root, self._modules = address, root, tuple(modules)
        self._patience_seconds = patience_seconds
        self._cluster: Cluster | None = None
        self._pace = Pace()

    @property
    def n_workers(self) -> int:
        """The number of processes that can train now."""
        return sum(seat.n_processes for seat in self._cluster.seats.values()) if self._cluster else 0

    @property
    def is_running(self) -> bool:
        """Whether the cluster was reached."""
        return self._cluster is not None

    def __enter__(self) -> Self:
        """Connect, compare versions, and start processes beside the workers.

        Raises
        ------
        ClusterAway, WorkerUnfit
        """
        self._cluster = Cluster(self._address, self._patience_seconds)
        try:
            self._cluster.open(own_code(self._root, self._modules), self._modules)
        except BaseException:
            self._cluster.close()
            raise
        return self

    def __exit__(self, *exc: object) -> None:
        """End everything that runs on the workers and remove its files; the cluster itself stays."""
        if self._cluster is not None:
            self._cluster.close()

    def run(
        self, function: Callable[[Task], Result], tasks: Iterable[Task | Later]
    ) -> Iterator[tuple[int, Result | Lost]]:
        """Call `function` on every task; a task is lost when it ends its process twice, or three of its workers die.

        Raises
        ------
        ClusterAway, WorkerUnfit
        """
        if self._cluster is None:
            raise RuntimeError("the engine was not entered")
        self._cluster.drop_old_copies()
        job = EngineCall(self._cluster, function, Source(tasks), self._pace)
        try:
            yield from job.results()
        finally:
            job.abandon()
