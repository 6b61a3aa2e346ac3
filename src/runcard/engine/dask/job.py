"""One call of `run` on a cluster: which worker gets which chunk, and which tasks are retried."""

from __future__ import annotations

import pickle
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any

from runcard.engine.base import Lost
from runcard.engine.chunks import Chunk, Pace, Source
from runcard.engine.dask.cluster import writes_of
from runcard.engine.dask.versions import unfit
from runcard.engine.dask.workbench import Answer

if TYPE_CHECKING:
    from runcard.engine.dask.cluster import Cluster, Seat

_WAIT_SECONDS = 1.0
_MOST_DEATHS = 3


@dataclass(frozen=True, slots=True)
class Flight:
    """A chunk that was sent to a worker and is not answered yet."""

    chunk: Chunk
    seat: Seat
    future: Any
    weight: int
    """For how many chunks it counts; one that is to be alone there fills the worker."""


class EngineCall:
    """One call of `run` in progress."""

    def __init__(self, cluster: Cluster, function: Callable[[Any], Any], source: Source, pace: Pace) -> None:
        self._cluster, self._function, self._source, self._pace = cluster, function, source, pace
        self._inbox: SimpleQueue[tuple[int, Any]] = SimpleQueue()
        self._flying: dict[int, Flight] = {}
        self._again: deque[Chunk] = deque()
        self._alone: deque[Chunk] = deque()
        self._n_sent = 0
        self._deaths: Counter[int] = Counter()
        self._suspects: set[int] = set()

    def results(self) -> Iterator[tuple[int, Any]]:
        """Give the result of each task, with its number, as they come."""
        while True:
            self._feed()
            if not (self._flying or self._again or self._alone) and self._cluster.seats:
                return
            with suppress(Empty):
                ticket, answer = self._inbox.get(timeout=_WAIT_SECONDS)
                if ticket in self._flying:
                    yield from self._outcome(ticket, answer)
            self._cluster.look()
            for ticket in [t for t, flight in self._flying.items() if not self._cluster.has(flight.seat)]:
                yield from self._bury(ticket)

    def abandon(self) -> None:
        """Cancel the chunks that are not answered yet."""
        futures = [self._land(ticket).future for ticket in list(self._flying)]
        if futures:
            self._cluster.release(futures)

    def _feed(self) -> None:
        reserved = self._place_suspects()
        while (seat := self._cluster.idlest(but=reserved)) is not None:
            chunk = self._again.popleft() if self._again else self._source.next_chunk(self._pace)
            if not chunk:
                return
            self._send(chunk, seat, weight=1)

    def _place_suspects(self) -> Seat | None:
        """Give each suspect task a worker of its own; return the worker being drained for the next."""
        while self._alone and (seat := self._cluster.idlest()) is not None:
            if seat.n_flying:
                return seat
            self._send(self._alone.popleft(), seat, weight=2 * seat.n_processes)
        return None

    def _send(self, chunk: Chunk, seat: Seat, *, weight: int) -> None:
        future = self._cluster.send(seat, self._function, chunk)
        self._n_sent += 1
        self._flying[self._n_sent] = Flight(chunk, seat, future, weight)
        seat.n_flying += weight
        self._cluster.fetch(future, self._inbox, self._n_sent)

    def _land(self, ticket: int) -> Flight:
        landed = self._flying.pop(ticket)
        landed.seat.n_flying -= landed.weight
        return landed

    def _outcome(self, ticket: int, answer: Any) -> Iterator[tuple[int, Any]]:
        chunk, seat = self._flying[ticket].chunk, self._flying[ticket].seat
        if isinstance(answer, Answer) and answer.kind not in ("gone", "died"):
            self._land(ticket)
            yield from self._results_in(answer, chunk, seat)
        elif isinstance(answer, Answer) and answer.kind == "died":
            self._land(ticket)
            yield from self._suspect(chunk, answer.text)
        else:
            self._cluster.heed(answer, seat)
            yield from self._bury(ticket)

    def _results_in(self, answer: Answer, chunk: Chunk, seat: Seat) -> Iterator[tuple[int, Any]]:
        if answer.kind == "raised":
            raise pickle.loads(answer.pickled)
        if answer.kind == "unfit":
            raise unfit({seat.address: [f"it cannot load what trials need: {answer.text}"]})
        self._pace.note(chunk, answer.seconds)
        for path, parcel in zip(writes_of(chunk), answer.written, strict=True):
            parcel.unpack(path)
        yield from zip((number for number, _ in chunk), pickle.loads(answer.pickled), strict=True)

    def _suspect(self, chunk: Chunk, reason: str) -> Iterator[tuple[int, Any]]:
        """Retry each task of a chunk that ended its process, by itself; a second time it is lost."""
        if len(chunk) == 1 and chunk[0][0] in self._suspects:
            yield chunk[0][0], Lost(reason)
            return
        self._suspects.update(number for number, _ in chunk)
        self._again.extend([numbered] for numbered in chunk)

    def _bury(self, ticket: int) -> Iterator[tuple[int, Any]]:
        """Retry the tasks of a worker that died elsewhere; those that several workers died of are lost.

        Each task goes by itself to a worker that has nothing else, so that only a task that kills workers is lost.
        """
        flight = self._land(ticket)
        self._cluster.release([flight.future])
        for number, task in flight.chunk:
            self._deaths[number] += 1
            if self._deaths[number] >= _MOST_DEATHS:
                yield number, Lost(f"each of the {_MOST_DEATHS} workers that it was given to died")
            else:
                self._alone.append([(number, task)])
