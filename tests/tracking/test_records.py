"""What MLflow is told of a trial and of a finalist, before anything is sent."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from runcard.record import FinalRecord, Record
from runcard.tracking.items import MetricValue, RunLog
from runcard.tracking.records import final_log, trial_log


def record(**changes: Any) -> Record:
    given: dict[str, Any] = {"status": "done", "started": 1.0, "ended": 2.0, "scores": {"r2": (0.25, 0.75)}}
    given |= {"fit_seconds": (1.0, 3.0), "cpu_seconds": 4.5, "predict_ms_p95": 5.0, "model_mb": 0.5}
    return Record("r1", "key1", "p1", "ridge", {"alpha": 1}, "default", 0, **{**given, **changes})


def final(**changes: Any) -> FinalRecord:
    given = {"fit_seconds": 7.0, "predict_ms_p95": 9.0, "model_mb": 0.75, **changes}
    return FinalRecord("f1", "r1", "key1", "p1", {"r2": 0.5}, 3.0, 4.0, **given)


def metrics(log: RunLog) -> dict[str, list[tuple[int, float]]]:
    found: dict[str, list[tuple[int, float]]] = {}
    for item in log.items:
        if isinstance(item, MetricValue):
            found.setdefault(item.name, []).append((item.step, item.value))
    return found


def test_a_trial_has_its_scores_by_fold_their_mean_and_spread_and_what_it_took() -> None:
    log = trial_log(record(), "flowers", "parent")
    assert (log.name, log.parent_run_id, log.status) == ("ridge-key1", "parent", "FINISHED")
    assert (log.started_ms, log.ended_ms) == (1000, 2000)
    assert metrics(log) == {
        "cv_r2": [(0, 0.25), (1, 0.75)],
        "cv_r2_mean": [(0, 0.5)],
        "cv_r2_std": [(0, 0.125**0.5)],
        "fit_seconds": [(0, 2.0)],
        "cpu_seconds": [(0, 4.5)],
        "predict_ms_p95": [(0, 5.0)],
        "model_mb": [(0, 0.5)],
    }


def test_what_a_finalist_took_stands_beside_what_its_trial_took(tmp_path: Path) -> None:
    found = metrics(final_log(final(), record(), "flowers", "parent", tmp_path))
    assert {name: values[0][1] for name, values in found.items()} == {
        "test_r2": 0.5,
        "final_fit_seconds": 7.0,
        "final_predict_ms_p95": 9.0,
        "final_model_mb": 0.75,
    }


def test_of_a_cards_only_trial_nothing_was_measured_before(tmp_path: Path) -> None:
    only = record(scores={}, fit_seconds=(), cpu_seconds=0.0, predict_ms_p95=None, model_mb=None)
    found = metrics(final_log(final(), only, "flowers", "parent", tmp_path))
    assert {name: values[0][1] for name, values in found.items()} == {
        "test_r2": 0.5,
        "fit_seconds": 7.0,
        "predict_ms_p95": 9.0,
        "model_mb": 0.75,
    }
