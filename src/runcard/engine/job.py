"""One call of an engine on a cluster: which worker gets what, and what is tried again."""

from __future__ import annotations

import pickle
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any

from runcard.engine.base import Lost
from runcard.engine.chunks import Chunk, Pace, Source
from runcard.engine.fitness import unfit
from runcard.engine.workbench import Answer

if TYPE_CHECKING:
    from runcard.engine.dask import Cluster, Seat

_WAIT_SECONDS = 1.0
_MOST_DEATHS = 3


class Job:
    """One call of `run` under way."""

    def __init__(self, cluster: Cluster, function: Callable[[Any], Any], source: Source, pace: Pace) -> None:
        self._cluster, self._function, self._source, self._pace = cluster, function, source, pace
        self._inbox: SimpleQueue[tuple[int, Any]] = SimpleQueue()
        self._flying: dict[int, tuple[Chunk, Seat, Any]] = {}
        self._again: deque[Chunk] = deque()
        self._n_sent = 0
        self._deaths: Counter[int] = Counter()
        self._suspects: set[int] = set()

    def results(self) -> Iterator[tuple[int, Any]]:
        """Give the result of each task, with its number, as they come."""
        while True:
            self._feed()
            if not self._flying and not self._again and self._cluster.seats:
                return
            with suppress(Empty):
                ticket, answer = self._inbox.get(timeout=_WAIT_SECONDS)
                if ticket in self._flying:
                    yield from self._outcome(ticket, answer)
            self._cluster.look()
            for ticket in [t for t, (_, seat, _) in self._flying.items() if not self._cluster.has(seat)]:
                yield from self._bury(ticket)

    def abandon(self) -> None:
        """Take back what is still out."""
        futures = [self._land(ticket)[2] for ticket in list(self._flying)]
        if futures:
            self._cluster.release(futures)

    def _feed(self) -> None:
        while (seat := self._cluster.idlest()) is not None:
            chunk = self._again.popleft() if self._again else self._source.next_chunk(self._pace)
            if not chunk:
                return
            future = self._cluster.send(seat, self._function, chunk)
            self._n_sent += 1
            self._flying[self._n_sent] = (chunk, seat, future)
            seat.n_flying += 1
            self._cluster.fetch(future, self._inbox, self._n_sent)

    def _land(self, ticket: int) -> tuple[Chunk, Seat, Any]:
        landed = self._flying.pop(ticket)
        landed[1].n_flying -= 1
        return landed

    def _outcome(self, ticket: int, answer: Any) -> Iterator[tuple[int, Any]]:
        chunk, seat, _ = self._flying[ticket]
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
        """Try each task of a chunk that ended its process once more, by itself."""
        if len(chunk) == 1 and chunk[0][0] in self._suspects:
            yield chunk[0][0], Lost(reason)
            return
        self._suspects.update(number for number, _ in chunk)
        self._again.extend([numbered] for numbered in chunk)

    def _bury(self, ticket: int) -> Iterator[tuple[int, Any]]:
        """Send what a worker had elsewhere, each task by itself; what several have died of is lost."""
        chunk, _, future = self._land(ticket)
        self._cluster.release([future])
        for number, task in chunk:
            self._deaths[number] += 1
            if self._deaths[number] >= _MOST_DEATHS:
                yield number, Lost(f"each of the {_MOST_DEATHS} workers that it was given to died")
            else:
                self._again.append([(number, task)])


def writes_of(chunk: Chunk) -> list[Path]:
    """List the folders that the tasks of a chunk fill."""
    return [task.writes for _, task in chunk if hasattr(task, "writes")]
