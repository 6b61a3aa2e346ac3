"""How far a plan is: its records so far, counted as they come, so that the last costs no more than the first."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from runcard.comparison import Comparison, compare
from runcard.plan import Plan, Trial
from runcard.record import FinalRecord, Record, renumber
from runcard.workflow.listener import Counts


class Tally:
    """The records and finalists of a plan's trials that are known."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self.records: dict[str, Record] = {}
        self.finals: dict[str, FinalRecord] = {}
        self.best: Record | None = None
        self.interrupted: set[str] = set()
        """Keys of trials that were begun before and have no record yet."""
        self._n_failed = 0

    def add(self, record: Record) -> None:
        """Take in a trial's record."""
        self.records[record.trial_key] = record
        self.interrupted.discard(record.trial_key)
        self._n_failed += record.status != "done"
        if self._beats_best(record):
            self.best = record

    def add_known(self, records: Mapping[str, Record], finals: Mapping[str, FinalRecord]) -> None:
        """Take in what the journal knows already."""
        for record in records.values():
            self.add(record)
        self.finals.update(finals)

    def add_begun(self, trial_keys: Iterable[str]) -> None:
        """Take in which trials were begun before."""
        self.interrupted = {trial.key for trial in self.missing} & set(trial_keys)

    @property
    def missing(self) -> Sequence[Trial]:
        """The trials without a record, in the plan's order."""
        return [trial for trial in self._plan.trials if trial.key not in self.records]

    @property
    def counts(self) -> Counts:
        """How many are done, failed and left."""
        n_known = len(self.records)
        n_left = len(self._plan.trials) - n_known
        return Counts(n_known - self._n_failed, self._n_failed, n_left, len(self.interrupted))

    def compare(self) -> Comparison:
        """Rank what is known."""
        primary = self._plan.primary
        finals = [final for final in self.finals.values() if not final.error]
        records = renumber(self.records.values(), self._plan)
        return compare(records, primary.name, greater_is_better=primary.greater_is_better, finals=finals)

    def _beats_best(self, record: Record) -> bool:
        primary = self._plan.primary
        value = record.mean(primary.name) if record.status == "done" else None
        held = self.best.mean(primary.name) if self.best else None
        if value is None or held is None:
            return value is not None
        return value > held if primary.greater_is_better else value < held
