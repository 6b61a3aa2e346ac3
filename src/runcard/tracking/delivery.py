"""Delivery of the journal's results to the tracking backend while trials run, each exactly once.

The journal's side is the `Outbox`. A *parcel* is one piece of news about one run: a trial's run is opened,
filled and ended by one parcel; a card's by two, one that opens it (status RUNNING) and one that ends it; a
finalist is a further parcel of its trial's run. So a run has two facts per address (was it attempted, what is
its id) and a parcel has one (was it delivered), and at whatever moment a process dies, delivering again
completes the rest.

Why: docs/adr/0007-journal-parcels.md
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from typing import Protocol, Self

from runcard import errors
from runcard.redact import redact
from runcard.tracking.items import RunLog, Tracker

RETRY_SECONDS = 0.5
"""Pause before the one retry: long enough for a server to replace a worker."""

AWAY_SECONDS = 15.0
"""How long a backend that went away is left alone while work goes on."""

PATIENCE_SECONDS = 5.0
"""How long nothing may arrive, once the work is done, until the backend is asked whether it is there at all.

A call that took longer is not repeated either: it was no worker being replaced.
"""

HEAD_START_SECONDS = 2.0
"""How long work that begins has the processor for itself, unless there is news: importing MLflow takes seconds."""

LEAVE_SECONDS = 5.0
"""How long leaving the context on an error waits for the parcel under way."""


@dataclass(frozen=True, slots=True)
class RunState:
    """What the journal knows of a record's run at one address."""

    attempted: bool = False
    run_id: str | None = None


@dataclass(frozen=True, slots=True)
class Parcel:
    """One message about the run of `record_id` in an experiment; its log is made only when it is delivered."""

    parcel_id: str
    record_id: str
    experiment: str
    make_log: Callable[[], RunLog]
    parent_record_id: str | None = None


class Outbox(Protocol):
    """The journal as the delivery sees it: what is pending, attempted and delivered.

    It is called from the delivering thread; `pending` also from the one that waits for it.
    """

    def delivering(self, uri: str) -> AbstractContextManager[object]:
        """Wait for, and hold, the lock for delivering to `uri`; it is released when the process dies."""

    def pending(self, uri: str) -> list[Parcel]:
        """List the parcels not delivered to `uri` in the order they were made, parents before children."""

    def run_state(self, record_id: str, experiment: str, uri: str) -> RunState:
        """Return what is known of a record's run in an experiment at `uri`."""

    def attempted(self, record_id: str, experiment: str, uri: str) -> None:
        """Record durably that the run is about to be created."""

    def opened(self, record_id: str, experiment: str, uri: str, run_id: str) -> None:
        """Record the id of the run that was created."""

    def delivered(self, parcel_id: str, uri: str) -> None:
        """Record that the whole parcel was delivered to `uri`."""


@dataclass(frozen=True, slots=True)
class DeliveryReport:
    """The result of a delivery: parcels delivered, parcels left, and why.

    `dropped` counts parcels of runs that somebody deleted in the backend: they are settled, not brought back.
    """

    delivered: int = 0
    left: int = 0
    dropped: int = 0
    error: errors.RuncardError | None = None
    elsewhere: Mapping[str, int] = field(default_factory=dict)
    """How many parcels wait for other addresses, where that was asked for."""

    @property
    def warning(self) -> str | None:
        """One line for the user, or None when all is delivered."""
        if self.left:
            why = f" ({self.error.what})" if self.error else ""
            return f"{self.left} of the records are not in MLflow yet{why}: `runcard sync` delivers them"
        if self.dropped:
            return f"{self.dropped} of the records belong to runs deleted in MLflow and were left out there"
        return None


def deliver(outbox: Outbox, tracker: Tracker, uri: str) -> DeliveryReport:
    """Deliver everything pending in this thread; failures are reported, not raised."""
    round_ = _Round(outbox, uri)
    round_.guard(lambda: round_.start(tracker))
    return round_.report(len(outbox.pending(uri)))


class Delivery:
    """Delivers in a background thread while trials run, without raising into the caller.

    Parameters
    ----------
    outbox, uri
        What to deliver and where to.
    connect
        Makes the tracker. Called in the thread: importing MLflow and creating its database take seconds.

    Examples
    --------
    >>> with Delivery(outbox, uri, connect) as delivery:  # doctest: +SKIP
    ...     for result in results:
    ...         journal.write(result)
    ...         delivery.notify()
    ...     report = delivery.finish(timeout=60)
    """

    def __init__(self, outbox: Outbox, uri: str, connect: Callable[[], Tracker]) -> None:
        self._outbox = outbox
        self._uri = uri
        self._connect = connect
        self._round = _Round(outbox, uri)
        self._news = threading.Event()
        self._no_more_news = threading.Event()
        self._thread = threading.Thread(target=self._work, name="runcard-delivery", daemon=True)
        self._tracker: Tracker | None = None
        self._is_left = False

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *exc: object) -> None:
        self.finish(timeout=LEAVE_SECONDS if kind else None)

    @property
    def is_connected(self) -> bool:
        """Whether the tracker is ready, with everything it imports."""
        return self._tracker is not None

    def notify(self) -> None:
        """Signal that the outbox has something new."""
        self._news.set()

    def finish(
        self, timeout: float | None = None, on_wait: Callable[[int], None] = lambda n_left: None
    ) -> DeliveryReport:
        """Wait until everything is delivered or given up, at most `timeout` seconds, and end the thread.

        Without a timeout it waits as long as the backend answers, however slowly, and calls `on_wait` with the
        number of parcels left, after five seconds and then less and less often.
        """
        self._no_more_news.set()
        self._news.set()
        if timeout is None:
            self._wait(on_wait)
        else:
            self._thread.join(timeout)
        self._round.stop.set()  # a thread that is late ends after the parcel it has in hand
        return self._round.report(len(self._outbox.pending(self._uri)))

    def _wait(self, on_wait: Callable[[int], None]) -> None:
        n_waits = 0
        while self._thread.is_alive() and not self._is_left:
            n_settled = self._round.n_settled
            self._thread.join(PATIENCE_SECONDS)
            if not self._thread.is_alive():
                return
            self._is_left = self._round.n_settled == n_settled and self._is_away()
            n_waits += 1
            if not self._is_left and n_waits & (n_waits - 1) == 0:  # 1, 2, 4, 8, ...
                on_wait(len(self._outbox.pending(self._uri)))

    def _is_away(self) -> bool:
        """Probe the backend independently of the connection that the thread may be waiting on."""
        if self._tracker is None:  # MLflow is still being imported
            return False
        try:
            self._tracker.probe()
        except errors.TrackingError as error:
            self._round.keep(error)
            return True
        return False

    def _work(self) -> None:
        self._round.guard(self._deliver_news)

    def _deliver_news(self) -> None:
        self._news.wait(HEAD_START_SECONDS)
        self._news.set()  # what an earlier execution left
        with self._connect() as tracker:
            self._tracker = tracker
            while self._went_away(tracker):
                seen = time.monotonic()
                if self._no_more_news.wait(AWAY_SECONDS) and time.monotonic() - seen < PATIENCE_SECONDS:
                    return  # it will hardly be back yet
                self._news.set()

    def _went_away(self, tracker: Tracker) -> bool:
        """Deliver until the end; tell whether the backend became unreachable before everything was delivered."""
        try:
            tracker.probe()
            while True:
                self._news.wait()
                last = self._no_more_news.is_set()
                self._news.clear()  # before the outbox is read: what comes after starts another turn
                self._round.empty(tracker)
                if last or self._round.stop.is_set():
                    return False
        except errors.TrackingAway as error:
            self._round.keep(error)
            return True


class _Round:
    """One attempt to empty an outbox: its counts, and the parcels it will not retry."""

    def __init__(self, outbox: Outbox, uri: str) -> None:
        self.stop = threading.Event()
        self._outbox = outbox
        self._uri = uri
        self._refused: set[str] = set()
        self._delivered = 0
        self._dropped = 0
        self._error: errors.RuncardError | None = None

    @property
    def n_settled(self) -> int:
        """How many parcels were delivered, or given up for now."""
        return self._delivered + self._dropped + len(self._refused)

    def report(self, left: int) -> DeliveryReport:
        return DeliveryReport(self._delivered, left, self._dropped, self._error if left else None)

    def guard(self, action: Callable[[], None]) -> None:
        """Run an action, keeping its error for the report instead of raising it."""
        try:
            action()
        except Exception as error:
            self.keep(error)

    def start(self, tracker: Tracker) -> None:
        tracker.probe()
        self.empty(tracker)

    def empty(self, tracker: Tracker) -> None:
        """Deliver until nothing is pending except parcels that were refused.

        Raises
        ------
        TrackingAway
            The backend went away and still was after a pause: nothing more is tried.
        JournalUnusable
            What arrives can no longer be noted.
        """
        with self._outbox.delivering(self._uri):
            while parcels := [p for p in self._outbox.pending(self._uri) if p.parcel_id not in self._refused]:
                for parcel in parcels:
                    if self.stop.is_set():
                        return
                    self._settle(parcel, tracker)

    def _settle(self, parcel: Parcel, tracker: Tracker) -> None:
        """Deliver a parcel, or remember that it was refused, so that it does not hold up the others."""
        start = time.monotonic()
        try:
            try:
                _hand_over(parcel, self._outbox, tracker, self._uri)
            except errors.TrackingAway:
                if time.monotonic() - start > PATIENCE_SECONDS:
                    raise
                time.sleep(RETRY_SECONDS)
                _hand_over(parcel, self._outbox, tracker, self._uri)
            self._delivered += 1
        except errors.RunDeleted:
            self._dropped += 1
        except (errors.TrackingAway, errors.JournalUnusable):
            raise
        except Exception as error:
            self._refused.add(parcel.parcel_id)
            self.keep(error)
            return
        self._outbox.delivered(parcel.parcel_id, self._uri)

    def keep(self, error: Exception) -> None:
        """Keep the first error for the report."""
        if not isinstance(error, errors.RuncardError):
            error = errors.TrackingError(
                "a record could not be delivered", why=f"{type(error).__name__}: {redact(str(error))}"
            )
        self._error = self._error or error


def _hand_over(parcel: Parcel, outbox: Outbox, tracker: Tracker, uri: str) -> None:
    """Write the run to the backend, continuing wherever an earlier attempt stopped."""
    log = parcel.make_log()
    place = parcel.record_id, parcel.experiment, uri
    state = outbox.run_state(*place)
    run_id = state.run_id
    if run_id is None:
        if state.attempted:  # a process died, or lost the answer, between creating the run and noting its id
            run_id = tracker.find_run(parcel.experiment, parcel.record_id)
        if run_id is None:
            log = replace(log, parent_run_id=_parent_run_id(parcel, outbox, uri))
            outbox.attempted(*place)
            run_id = tracker.open_run(log)
        outbox.opened(*place, run_id)
    tracker.fill_run(run_id, log)


def _parent_run_id(parcel: Parcel, outbox: Outbox, uri: str) -> str | None:
    if parcel.parent_record_id is None:
        return None
    run_id = outbox.run_state(parcel.parent_record_id, parcel.experiment, uri).run_id
    if run_id is None:
        raise errors.TrackingError("the run of the card, which this run belongs to, could not be opened")
    return run_id
