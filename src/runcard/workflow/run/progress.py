"""The progress of a plan: its records so far, counted as they arrive, at constant cost per record."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from runcard.comparison import Comparison, compare
from runcard.plan import Plan, Trial
from runcard.record import FinalRecord, Record
from runcard.workflow.run.draft import renumber
from runcard.workflow.run.listener import Counts
from runcard.workflow.run.search import RunningSearch


class Tally:
    """The known records and finalists of a plan's trials."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._state: RunningSearch | None = None
        self.records: dict[str, Record] = {}
        self.finals: dict[str, FinalRecord] = {}
        self.best: Record | None = None
        self.interrupted: set[str] = set()
        """Keys of trials that were begun before and have no record yet."""
        self.n_run = 0
        """How many were run now."""
        self._found: list[Record | FinalRecord] = []
        self._n_failed = 0
        self._n_stopped = 0
        self._n_impossible = 0

    def follow(self, state: RunningSearch) -> None:
        """Take the trials from a search, as it asks for them."""
        self._state = state

    @property
    def trials(self) -> Sequence[Trial]:
        """The trials so far, in order."""
        return self._plan.trials if self._state is None else self._state.trials

    @property
    def n_trials(self) -> int:
        """The number of trials in total."""
        return self._plan.n_trials if self._state is None else self._state.n_trials

    @property
    def is_whole(self) -> bool:
        """Whether all trials have a record."""
        return len(self.records) == self.n_trials

    def add(self, record: Record) -> None:
        """Add a trial's record."""
        self.records[record.trial_key] = record
        self.interrupted.discard(record.trial_key)
        self._n_failed += record.status in ("failed", "lost")
        self._n_stopped += record.status == "stopped"
        self._n_impossible += record.status == "impossible"
        if self._beats_best(record):
            self.best = record

    def add_known(self, records: Mapping[str, Record], finals: Mapping[str, FinalRecord]) -> None:
        """Add the records that the journal already has."""
        for record in records.values():
            self.add(record)
        self.finals.update(finals)
        self._found += [*records.values(), *finals.values()]

    def take_found(self) -> list[Record | FinalRecord]:
        """Return the records found in the journal since the last call."""
        found, self._found = self._found, []
        return found

    def add_begun(self, trial_keys: Iterable[str]) -> None:
        """Note which trials were begun before."""
        self.interrupted = {trial.key for trial in self.missing} & set(trial_keys)

    @property
    def missing(self) -> Sequence[Trial]:
        """The trials without a record so far, in order."""
        return [trial for trial in self.trials if trial.key not in self.records]

    @property
    def counts(self) -> Counts:
        """The numbers of trials done, failed, left, stopped and impossible."""
        n_known = len(self.records)
        return Counts(
            n_known - self._n_failed - self._n_stopped - self._n_impossible,
            self._n_failed,
            self.n_trials - n_known,
            self._n_stopped,
            len(self.interrupted),
            self._n_impossible,
        )

    def compare(self) -> Comparison:
        """Rank the known records."""
        primary = self._plan.primary
        finals = [final for final in self.finals.values() if not final.error]
        records = renumber(self.records.values(), self.trials)
        return compare(records, primary.name, greater_is_better=primary.greater_is_better, finals=finals)

    def _beats_best(self, record: Record) -> bool:
        primary = self._plan.primary
        value = record.mean(primary.name) if record.status == "done" else None
        held = self.best.mean(primary.name) if self.best else None
        if value is None or held is None:
            return value is not None
        return value > held if primary.greater_is_better else value < held
