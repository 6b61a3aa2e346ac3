"""Ranking records of one protocol."""

from __future__ import annotations

import math
import random
from dataclasses import replace
from typing import Any

import pytest

from runcard.comparison import LEVEL, Beside, best_of_each_model, compare, set_beside
from runcard.record import FinalRecord, Record
from runcard.stats import holm, paired_difference


def record(index: int, scores: Any, *, model: str = "m", status: Any = "done", metric: str = "r2") -> Record:
    return Record(
        record_id=f"r{index}",
        trial_key=f"k{index}",
        protocol="p",
        model=model,
        params={},
        features="default",
        index=index,
        status=status,
        started=0.0,
        ended=1.0,
        scores={metric: tuple(scores)} if scores else {},
    )


def final(of: Record, value: float) -> FinalRecord:
    return FinalRecord("f" + of.record_id, of.record_id, of.trial_key, "p", {"r2": value}, 0.0, 1.0)


def test_the_greatest_mean_is_first_and_failed_trials_are_last() -> None:
    rows = [record(0, [0.1, 0.3]), record(1, None, status="failed"), record(2, [0.5, 0.7])]
    found = compare(rows, "r2", greater_is_better=True)
    assert [(s.rank, s.record.index) for s in found.standings] == [(1, 2), (2, 0), (None, 1)]
    assert found.best is found.standings[0]
    assert found.best.mean == pytest.approx(0.6)
    assert found.n_failed == 1


def test_of_a_loss_the_least_mean_is_first() -> None:
    rows = [record(0, [3.0]), record(1, [2.0])]
    found = compare(rows, "r2", greater_is_better=False)
    assert [s.record.index for s in found.standings] == [1, 0]


def test_equal_means_share_a_rank_and_keep_the_plans_order() -> None:
    rows = [record(2, [0.5]), record(0, [0.5]), record(1, [0.4]), record(3, [0.3])]
    found = compare(rows, "r2", greater_is_better=True)
    assert [(s.rank, s.record.index) for s in found.standings] == [(1, 0), (1, 2), (3, 1), (4, 3)]


def test_without_folds_the_test_score_stands_in() -> None:
    only = record(0, None)
    found = compare([only], "r2", greater_is_better=True, finals=[final(only, 0.7)])
    assert found.best.rank == 1
    assert found.best.mean is None
    assert compare([only], "r2", greater_is_better=True).best is None


def test_test_scores_do_not_change_the_ranking_of_folds() -> None:
    rows = [record(0, [0.5]), record(1, [0.4])]
    found = compare(rows, "r2", greater_is_better=True, finals=[final(rows[1], 0.9), final(rows[0], 0.1)])
    assert [s.final.scores["r2"] for s in found.standings] == [0.1, 0.9]


def test_finalists_are_the_best_of_each_model() -> None:
    rows = [
        record(0, [0.5], model="a"),
        record(1, [0.6], model="b"),
        record(2, [0.7], model="a"),
        record(3, None, model="c", status="failed"),
    ]
    found = best_of_each_model(compare(rows, "r2", greater_is_better=True))
    assert [s.record.index for s in found] == [2, 1]


def test_nothing_compares_to_nothing() -> None:
    found = compare([], "r2", greater_is_better=True)
    assert (found.best, found.n_failed, found.standings) == (None, 0, ())


FOLDS = {"best": [0.9, 0.8, 0.85, 0.95], "twin": [0.9, 0.8, 0.85, 0.95], "near": [0.89, 0.81, 0.84, 0.95]}
FAR = [0.4, 0.31, 0.36, 0.45]


def test_trials_are_set_beside_the_best_fold_by_fold() -> None:
    trials = [FOLDS["twin"], FOLDS["near"], FAR]
    twin, near, far = set_beside(
        FOLDS["best"], trials, greater_is_better=True, test_share=1 / 3, practical_difference=0.02
    )
    assert (twin.p, twin.is_tied, twin.equal) == (1.0, True, 1.0)
    single = [paired_difference(scores, FOLDS["best"], test_share=1 / 3) for scores in trials]
    assert [b.difference for b in (twin, near, far)] == single
    assert [b.p for b in (twin, near, far)] == holm([d.p_value() for d in single])
    assert near.is_tied
    assert near.equal > 0.5 > near.worse > near.better
    assert (far.is_tied, round(far.worse, 3)) == (False, 1.0)


def test_of_a_loss_a_greater_score_is_worse() -> None:
    for greater in (True, False):
        (found,) = set_beside(FOLDS["best"], [FAR], greater_is_better=greater, test_share=1 / 3)
        assert found.difference.mean == pytest.approx(-0.495)
        assert (found.worse > 0.99, found.better > 0.99) == (greater, not greater)


@pytest.mark.parametrize("scores", [[], [0.9], [0.9, 0.8, 0.85], [0.9, 0.8, math.nan, 0.95]])
def test_folds_that_do_not_pair_say_nothing_and_count_for_nothing(scores: Any) -> None:
    nothing, near = set_beside(FOLDS["best"], [scores, FOLDS["near"]], greater_is_better=True, test_share=1 / 3)
    assert nothing is None
    assert near == set_beside(FOLDS["best"], [FOLDS["near"]], greater_is_better=True, test_share=1 / 3)[0]


def test_the_same_loss_on_every_fold_is_no_tie() -> None:
    (found,) = set_beside([0.5, 0.75, 0.25], [[0.25, 0.5, 0.0]], greater_is_better=True, test_share=0.5)
    assert (found.p, found.is_tied, found.worse) == (0.0, False, 1.0)


def test_set_beside_itself_one_fold_is_not_enough() -> None:
    assert set_beside([0.5], [[0.5]], greater_is_better=True, test_share=0.5) == [None]


@pytest.mark.parametrize("seed", range(40))
def test_an_interval_leaves_out_zero_if_and_only_if_p_is_below_the_level(seed: int) -> None:
    rng = random.Random(seed)
    other = [rng.gauss(0, 1) for _ in range(5)]
    trials = [[score + rng.gauss(n * 0.4, 0.4) for score in other] for n in range(rng.randint(1, 9))]
    found = [b for b in set_beside(other, trials, greater_is_better=True, test_share=0.25) if b is not None]
    assert len(found) == len(trials)
    for beside in found:
        assert (not beside.low <= 0 <= beside.high) == (beside.p < LEVEL)
        low, high = beside.difference.interval()
        assert beside.low <= low
        assert beside.high >= high
    if len(found) == 1:
        assert (found[0].low, found[0].high) == pytest.approx(found[0].difference.interval(), rel=1e-12)


def test_of_two_that_differ_the_surer_one_has_the_wider_level() -> None:
    other = [0.0, 0.0, 0.0, 0.0, 0.0]
    sure, less = [1.0, 1.1, 0.9, 1.0, 1.05], [1.0, 1.4, 0.6, 1.0, 1.2]
    first, second = set_beside(other, [sure, less], greater_is_better=True, test_share=0.25)
    assert first is not None
    assert second is not None
    assert (first.low, first.high) == pytest.approx(first.difference.interval(1 - LEVEL / 2), rel=1e-12)
    assert (second.low, second.high) == pytest.approx(second.difference.interval(1 - LEVEL), rel=1e-12)


def test_what_has_no_rank_stands_in_the_order_in_which_it_came_far() -> None:
    """Stopped ones, those that came farthest first; then failed and lost ones; then what was never trained."""
    rows = [
        record(0, None, status="impossible"),
        record(1, None, status="failed"),
        replace(record(2, None, status="stopped"), stopped_at=3),
        record(3, [0.5]),
        record(4, None, status="lost"),
        replace(record(5, None, status="stopped"), stopped_at=9),
    ]
    found = compare(rows, "r2", greater_is_better=True)
    assert [s.record.index for s in found.standings] == [3, 5, 2, 1, 4, 0]
    assert found.n_failed == 2


@pytest.mark.parametrize(("p", "is_tied"), [(LEVEL - 1e-9, False), (LEVEL, True), (1.0, True)])
def test_a_tie_is_what_the_level_does_not_leave_out(p: float, is_tied: bool) -> None:
    difference = paired_difference([0.5, 0.7], [0.4, 0.5], test_share=0.25)
    assert Beside(difference, p, 0.0, 1.0, 0.1, 0.2, 0.7).is_tied is is_tied
