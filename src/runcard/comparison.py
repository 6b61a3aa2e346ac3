"""The comparison: trials of one protocol ranked, with how certain the ranking is by their fold scores."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import isfinite

from runcard.record import FinalRecord, Record
from runcard.stats import PairedDifference, holm, holm_levels, paired_difference

_UNTRIED = ("stopped", "impossible")
LEVEL = 0.05
"""Trials whose corrected p is below this are told apart."""


@dataclass(frozen=True, slots=True)
class Standing:
    """A trial's place in the ranking."""

    rank: int | None
    """1 for the best; equal means share a rank; None for a trial that is impossible, failed or was stopped early."""
    record: Record
    metric: str
    final: FinalRecord | None = None

    @property
    def mean(self) -> float | None:
        """The mean over the folds; None where there are none."""
        return self.record.mean(self.metric)


@dataclass(frozen=True, slots=True)
class Comparison:
    """Trials of one protocol, best first, then those stopped early, failed, and impossible."""

    metric: str
    greater_is_better: bool
    standings: tuple[Standing, ...]

    @property
    def best(self) -> Standing | None:
        """The first trial; None if every trial failed."""
        return next((s for s in self.standings if s.rank is not None), None)

    @property
    def n_failed(self) -> int:
        """How many trials failed."""
        return sum(s.rank is None and s.record.status not in _UNTRIED for s in self.standings)

    @property
    def impossible(self) -> tuple[Standing, ...]:
        """The trials whose hyperparameters do not go together."""
        return tuple(s for s in self.standings if s.record.status == "impossible")


@dataclass(frozen=True, slots=True)
class Beside:
    """A trial compared with a reference, the best or a baseline, by their paired fold scores."""

    difference: PairedDifference
    """Its scores less the other's, in the metric's own unit."""
    p: float
    """Two-sided p of no difference, corrected for all that were set beside the same one (Holm)."""
    low: float
    """The interval of the difference, corrected as p is: it leaves out 0 if and only if p is below `LEVEL`."""
    high: float
    worse: float
    """Probability that it is worse than the other by more than the practical difference."""
    equal: float
    """Probability that the two are practically equal."""
    better: float

    @property
    def is_tied(self) -> bool:
        """Whether the two cannot be told apart; that is no proof of equality, which `equal` is about."""
        return self.p >= LEVEL


def set_beside(
    other: Sequence[float],
    trials: Iterable[Sequence[float]],
    *,
    greater_is_better: bool,
    test_share: float,
    practical_difference: float = 0.0,
) -> list[Beside | None]:
    """Compare trials with one reference, fold by fold.

    Parameters
    ----------
    other, trials
        Scores in fold order, (n_folds,) each, whether they come from records or were read back.
    test_share
        n_test / n_train of a fold.
    practical_difference
        What is no more than this is practically equal.

    Returns
    -------
    One for each trial; None where its folds do not pair with the other's, or are fewer than two.
    """
    found = [
        paired_difference(scores, other, test_share=test_share) if _pair(scores, other) else None for scores in trials
    ]
    plain = [difference.p_value() for difference in found if difference]
    p_values, levels = iter(holm(plain)), iter(holm_levels(plain, LEVEL))
    besides: list[Beside | None] = []
    for difference in found:
        if difference is None:
            besides.append(None)
            continue
        below, equal, above = difference.posterior(practical_difference)
        worse, better = (below, above) if greater_is_better else (above, below)
        low, high = difference.interval(1 - next(levels))
        besides.append(Beside(difference, next(p_values), low, high, worse, equal, better))
    return besides


def _pair(scores: Sequence[float], other: Sequence[float]) -> bool:
    return len(scores) == len(other) > 1 and all(map(isfinite, (*scores, *other)))


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
    last = {"stopped": 0, "impossible": 2}
    unranked.sort(key=lambda record: (last.get(record.status, 1), -(record.stopped_at or 0)))
    ranks = shared_ranks([value for _, value in done])
    ranked = [Standing(rank, r, metric, by_key.get(r.trial_key)) for rank, (r, _) in zip(ranks, done, strict=True)]
    return Comparison(metric, greater_is_better, (*ranked, *(Standing(None, r, metric) for r in unranked)))


def best_of_each_model(comparison: Comparison) -> list[Standing]:
    """Pick the finalists: the first trial of each model, in order of rank."""
    first: dict[str, Standing] = {}
    for standing in comparison.standings:
        if standing.rank is not None:
            first.setdefault(standing.record.model, standing)
    return list(first.values())


def _value(record: Record, final: FinalRecord | None, metric: str) -> float | None:
    if record.status != "done":
        return None
    return record.mean(metric) if record.scores else (final.scores.get(metric) if final else None)


def shared_ranks(values: Sequence[float]) -> list[int]:
    """Rank sorted values; equal ones share the rank of the first."""
    ranks: list[int] = []
    for place, value in enumerate(values):
        ranks.append(ranks[-1] if place and value == values[place - 1] else place + 1)
    return ranks
