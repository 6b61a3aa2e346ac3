"""The comparison: records of one protocol, ranked."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import stdev

from runcard.record import FinalRecord, Record


@dataclass(frozen=True, slots=True)
class Standing:
    """One trial's place."""

    rank: int | None
    """1 for the best; equal means share a rank; None for a trial that failed or was stopped early."""
    record: Record
    metric: str
    final: FinalRecord | None = None

    @property
    def mean(self) -> float | None:
        """The mean over the folds; None where there are none."""
        return self.record.mean(self.metric)

    @property
    def std(self) -> float | None:
        """The standard deviation over the folds, ddof 1; None where there are none."""
        return deviation(self.record.scores.get(self.metric, ()))


@dataclass(frozen=True, slots=True)
class Comparison:
    """Trials of one protocol, the best first, then those stopped early, the failed ones last."""

    metric: str
    greater_is_better: bool
    standings: tuple[Standing, ...]

    @property
    def best(self) -> Standing | None:
        """The first, unless every trial failed."""
        return next((s for s in self.standings if s.rank is not None), None)

    @property
    def n_failed(self) -> int:
        """How many trials failed."""
        return sum(s.rank is None and s.record.status != "stopped" for s in self.standings)


def compare(
    records: Iterable[Record], metric: str, *, greater_is_better: bool, finals: Iterable[FinalRecord] = ()
) -> Comparison:
    """Rank records by the mean of a metric; ties keep the order of the plan.

    Without folds (a card with one trial) the test score stands in.
    """
    by_key = {final.trial_key: final for final in finals}
    rows = [(record, _value(record, by_key.get(record.trial_key), metric)) for record in records]
    done = [(record, value) for record, value in rows if value is not None]
    done.sort(key=lambda row: (-row[1] if greater_is_better else row[1], row[0].index))
    unranked = [record for record, value in rows if value is None]
    unranked.sort(key=lambda record: (record.status != "stopped", -(record.stopped_at or 0)))
    ranks = _ranks([value for _, value in done])
    ranked = [Standing(rank, r, metric, by_key.get(r.trial_key)) for rank, (r, _) in zip(ranks, done, strict=True)]
    return Comparison(metric, greater_is_better, (*ranked, *(Standing(None, r, metric) for r in unranked)))


def best_of_each_model(comparison: Comparison) -> list[Standing]:
    """Pick the finalists: the first trial of each model, in order of rank."""
    first: dict[str, Standing] = {}
    for standing in comparison.standings:
        if standing.rank is not None:
            first.setdefault(standing.record.model, standing)
    return list(first.values())


def deviation(scores: Sequence[float]) -> float | None:
    """Compute the standard deviation with ddof 1; 0 for one score, None for none."""
    if not scores:
        return None
    return stdev(scores) if len(scores) > 1 else 0.0  # its sums are exact: equal scores deviate by 0


def _value(record: Record, final: FinalRecord | None, metric: str) -> float | None:
    if record.status != "done":
        return None
    return record.mean(metric) if record.scores else (final.scores.get(metric) if final else None)


def _ranks(values: Sequence[float]) -> list[int]:
    """Rank values that are in order; equal ones share the rank of the first."""
    ranks: list[int] = []
    for place, value in enumerate(values):
        ranks.append(ranks[-1] if place and value == values[place - 1] else place + 1)
    return ranks
