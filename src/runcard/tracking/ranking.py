"""Comparison of runs in MLflow: ranked by one metric, and compared with the best where fold scores allow it.

RunRanking ──┐
Yardstick  ──┼──► RunComparison
fold scores ─┘
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from runcard import errors
from runcard.comparison import Beside, set_beside, shared_ranks
from runcard.tags import OUR_TAGS
from runcard.tracking.items import RunRanking, RunRow

MODEL_PARAM = "model"


@dataclass(frozen=True, slots=True)
class Yardstick:
    """The metric that runs are ranked by, and the difference that counts as practical."""

    metric: str
    """As the card names it."""
    key: str
    """As MLflow has it: `cv_<metric>_mean`, say."""
    greater_is_better: bool
    has_folds: bool = False
    test_share: float | None = None
    """n_test / n_train of a fold."""
    practical_difference: float = 0.0


@dataclass(frozen=True, slots=True)
class ComparedRun:
    """A run's rank, and its fold scores compared with the reference."""

    rank: int | None
    """1 for the best; equal values share a rank. None for a run without a value, and for a baseline further down."""
    run: RunRow
    value: float | None
    folds: tuple[float, ...] = ()
    beside: Beside | None = None

    @property
    def params(self) -> dict[str, str]:
        """The run's hyperparameters as MLflow has them."""
        return {name: value for name, value in self.run.params.items() if name != MODEL_PARAM}

    @property
    def status(self) -> str:
        """How the run ended: `done`, `stopped` early, `impossible`, or MLflow's own status."""
        if self.run.status == "FINISHED":
            return "done"
        if f"{OUR_TAGS}impossible" in self.run.tags:
            return "impossible"
        return "stopped" if f"{OUR_TAGS}stopped_at" in self.run.tags else self.run.status.lower()

    @property
    def test_scores(self) -> dict[str, float]:
        """The run's scores on the test rows, if it was a finalist."""
        found = {name: value for name, value in self.run.metrics.items() if name.startswith("test_")}
        return dict(sorted(found.items()))


@dataclass(frozen=True, slots=True)
class Apart:
    """A run left out of the comparison because its content in MLflow is not what runcard wrote."""

    run: RunRow
    why: tuple[str, ...]
    """What does not agree, in words."""

    def __str__(self) -> str:
        """Describe it in one line."""
        return f"{self.run.name or self.run.run_id}: {errors.listing(self.why)}"


@dataclass(frozen=True, slots=True)
class RunComparison:
    """Ranked runs, of one protocol or of any origin, best first."""

    experiments: tuple[str, ...]
    yardstick: Yardstick
    rows: tuple[ComparedRun, ...]
    n_runs: int | None
    """How many there are, whether listed or not; None where MLflow cannot count them without loading them all."""
    n_ranked: int | None
    """How many of them have a value."""
    reference: str | None = None
    """Id of the run that the others are set beside: the best, or the baseline."""
    has_baseline: bool = False
    card: RunRow | None = None
    """The run of the card that says what these trials' protocol is; None for other runs."""
    others: tuple[str, ...] = ()
    """Ids of the latest run of each card of another protocol in the experiment."""
    apart: tuple[Apart, ...] = ()
    """Runs that were left out, as they do not agree with their records."""

    @property
    def best(self) -> ComparedRun | None:
        """The first run; None if none has a value."""
        return next((row for row in self.rows if row.rank == 1), None)

    @property
    def besides(self) -> list[Beside]:
        """The comparisons with the reference, of the rows that have one."""
        return [row.beside for row in self.rows if row.beside is not None]

    @property
    def protocol(self) -> str | None:
        """The trials' protocol; None for other runs."""
        return self.card.tags.get(f"{OUR_TAGS}protocol") if self.card else None

    @property
    def n_folds(self) -> int:
        """The number of folds that the reference was scored on."""
        return next((len(row.folds) for row in self.rows if row.run.run_id == self.reference), 0)

    @property
    def n_done(self) -> int:
        """The number of trials done at the card's latest run; 0 if not known."""
        return self._count("n_done")

    @property
    def test_openings(self) -> int:
        """How often the test rows had been used for scoring at the card's latest run; 0 if not known."""
        return self._count("test_openings")

    def _count(self, name: str) -> int:
        text = self.card.tags.get(f"{OUR_TAGS}{name}", "") if self.card else ""
        return int(text) if text.isdecimal() else 0


def compare_ranking(
    ranking: RunRanking,
    yardstick: Yardstick,
    folds: Mapping[str, tuple[float, ...]],
    *,
    experiments: tuple[str, ...] = (),
    baseline: RunRow | None = None,
    card: RunRow | None = None,
    others: tuple[str, ...] = (),
    apart: tuple[Apart, ...] = (),
) -> RunComparison:
    """Compare ranked runs with the best, or with a baseline, which is added if it is not among them.

    Parameters
    ----------
    folds
        Run id -> scores in fold order, (n_folds,) each; a run may lack them.
    """
    rows = _places(ranking, yardstick, folds)
    if baseline is not None and all(row.run.run_id != baseline.run_id for row in rows):
        rows.append(ComparedRun(None, baseline, baseline.value(yardstick.key), folds.get(baseline.run_id, ())))
    reference = baseline.run_id if baseline is not None else next((row.run.run_id for row in rows if row.rank), None)
    if yardstick.test_share is not None:
        rows = _set_beside(rows, reference, yardstick, yardstick.test_share)
    return RunComparison(
        experiments,
        yardstick,
        tuple(rows),
        ranking.n_runs,
        ranking.n_ranked,
        reference,
        baseline is not None,
        card,
        others,
        apart,
    )


def _places(ranking: RunRanking, yardstick: Yardstick, folds: Mapping[str, tuple[float, ...]]) -> list[ComparedRun]:
    """Rank runs; those with equal values are in the order of their plan."""
    key, sign = yardstick.key, -1 if yardstick.greater_is_better else 1
    valued = [(run, value) for run in ranking.rows if (value := run.value(key)) is not None]
    valued.sort(key=lambda pair: (sign * pair[1], index_of(pair[0])))
    ranks = shared_ranks([value for _, value in valued])
    rows = [
        ComparedRun(rank, run, value, folds.get(run.run_id, ()))
        for rank, (run, value) in zip(ranks, valued, strict=True)
    ]
    return rows + [ComparedRun(None, run, None) for run in ranking.rows if run.value(key) is None]


def _set_beside(
    rows: Sequence[ComparedRun], reference: str | None, yardstick: Yardstick, test_share: float
) -> list[ComparedRun]:
    other = next((row.folds for row in rows if row.run.run_id == reference), ())
    besides = set_beside(
        other,
        [() if row.run.run_id == reference else row.folds for row in rows],
        greater_is_better=yardstick.greater_is_better,
        test_share=test_share,
        practical_difference=yardstick.practical_difference,
    )
    return [replace(row, beside=beside) for row, beside in zip(rows, besides, strict=True)]


def index_of(run: RunRow) -> int:
    """Give a trial's index in its plan; 0 if not known."""
    text = run.tags.get(f"{OUR_TAGS}index", "")
    return int(text) if text.isdecimal() else 0
