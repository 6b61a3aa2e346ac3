"""Ranking what MLflow has."""

from __future__ import annotations

from typing import Any

from runcard.tracking.base import RunRow
from runcard.workflow.standings import rank


def row(run_id: str, value: float | None, *, key: str = "", name: str = "cv_rmse_mean", **tags: Any) -> RunRow:
    given = {"runcard.protocol": "p1", "runcard.trial_key": key or run_id, "runcard.index": run_id[1:]}
    metrics = {} if value is None else {name: value}
    return RunRow(run_id, run_id, "FINISHED", 0, 1, {}, metrics, {**given, **tags})


CARD = row("c0", None, **{"runcard.primary": "rmse", "runcard.greater_is_better": "false", "runcard.protocol": "p1"})


def test_losses_are_ranked_upwards_and_ties_by_the_plans_order() -> None:
    found = rank("e", CARD, [row("t2", 1.0), row("t1", 1.0), row("t0", 2.0), row("t3", None)])
    assert [r.run_id for r in found.rows] == ["t1", "t2", "t0", "t3"]
    assert (found.metric, found.greater_is_better, found.n_other) == ("rmse", False, 0)


def test_of_a_trial_run_twice_the_latest_counts() -> None:
    found = rank("e", CARD, [row("t9", 3.0, key="a"), row("t1", 1.0, key="a")])  # newest first
    assert [r.run_id for r in found.rows] == ["t9"]


def test_other_protocols_are_left_out_and_counted() -> None:
    other = row("t5", 0.1, **{"runcard.protocol": "p2"})
    found = rank("e", CARD, [row("t1", 1.0), other])
    assert [r.run_id for r in found.rows] == ["t1"]
    assert found.n_other == 1


def test_without_folds_the_test_score_ranks() -> None:
    rows = [row("t1", 2.0, name="test_rmse"), row("t2", 1.0, name="test_rmse")]
    found = rank("e", CARD, rows)
    assert [found.value(r) for r in found.rows] == [1.0, 2.0]
