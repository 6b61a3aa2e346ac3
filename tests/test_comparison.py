"""Ranking records of one protocol."""

from __future__ import annotations

import math
from typing import Any

import pytest

from runcard.comparison import best_of_each_model, compare, deviation
from runcard.record import FinalRecord, Record


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
    assert found.best.std == pytest.approx(math.sqrt(0.02))
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
    assert (found.best.mean, found.best.std) == (None, None)
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


def test_the_deviation_is_of_a_sample() -> None:
    assert deviation([]) is None
    assert deviation([0.3]) == 0.0
    assert deviation([0.1, 0.1, 0.1]) == 0.0
    assert deviation([1.0, 3.0]) == pytest.approx(math.sqrt(2))
