"""What MLflow is told of a trial and of a finalist, before anything is sent."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from runcard.execution import Execution
from runcard.record import FinalRecord, Record
from runcard.tracking.items import Artifact, DatasetInput, MetricValue, RunLog, Tag, TextArtifact
from runcard.tracking.records import closed_log, final_log, opened_log, trial_log


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


def tags(log: RunLog) -> dict[str, str]:
    return {item.name: item.value for item in log.items if isinstance(item, Tag)}


def texts(log: RunLog) -> dict[str, str]:
    return {item.name: item.text for item in log.items if isinstance(item, TextArtifact)}


PLAN: dict[str, Any] = {
    "primary": "r2", "greater_is_better": True, "task": "regression", "test_share": 0.5, "selection": {"rule": "best"},
    "parts": {"data": "d"}, "directions": {"r2": True}, "split": {"n_train": 8, "n_test": 2},
    "data": {"source": "dataset:shop/flowers", "digest": "d" * 64, "n_rows": 10, "columns": [["x", "float64", "c"]]},
}  # fmt: skip


def execution(**changes: Any) -> Execution:
    given: dict[str, Any] = {"experiment": "flowers", "plan_hash": "h" * 64, "protocol": "p1", "card": "a: 1"}
    return Execution(execution_id="e1", **{**given, "started": 1.0, "plan": PLAN, **changes})


@pytest.mark.parametrize(
    ("description", "hypothesis", "note"),
    [("Why?", "", "Why?"), ("", "So.", "**Hypothesis.** So."), ("Why?", "So.", "Why?\n\n**Hypothesis.** So.")],
)
def test_an_execution_that_begins_is_running_and_says_what_it_is_for(
    description: str, hypothesis: str, note: str
) -> None:
    log = opened_log(execution(description=description, hypothesis=hypothesis, tags={"team": "blue"}))
    assert (log.kind, log.status, log.started_ms, log.ended_ms) == ("card", "RUNNING", 1000, None)
    found = tags(log)
    assert (found["mlflow.note.content"], found["team"]) == (note, "blue")
    assert (found["runcard.greater_is_better"], found["runcard.n_test"]) == ("true", "2")
    assert (found["runcard.parts"], found["runcard.test_share"]) == ('{"data": "d"}', "0.5")
    assert texts(log) == {"card.yaml": "a: 1"}


def test_an_execution_that_ends_says_how_and_on_which_data(tmp_path: Path) -> None:
    (tmp_path / "split.parquet").write_bytes(b"rows")
    (tmp_path / "model").mkdir()
    summary = {"tags": {"n_done": 3}, "metrics": {"best_test_r2": 0.5}, "tables": {"comparison.csv": "a,b\n"}}
    log = closed_log(execution(status="failed", ended=4.0, summary=summary), tmp_path, None)
    assert (log.status, log.started_ms, log.ended_ms) == ("FAILED", 1000, 4000)
    assert tags(log) == {"runcard.n_done": "3"}
    assert metrics(log) == {"best_test_r2": [(0, 0.5)]}
    assert set(texts(log)) == {"plan.json", "comparison.csv"}
    assert [item.path.name for item in log.items if isinstance(item, Artifact)] == ["split.parquet"]
    (data,) = [item for item in log.items if isinstance(item, DatasetInput)]
    assert (data.name, data.digest, data.source_type, data.context) == ("flowers", "d" * 36, "code", "training")
    assert json.loads(data.profile_json) == {"num_rows": 10, "n_train": 8, "n_test": 2}


def test_without_files_there_are_none(tmp_path: Path) -> None:
    log = closed_log(execution(status="done", ended=4.0), tmp_path / "nowhere", None)
    assert (log.status, [item for item in log.items if isinstance(item, Artifact)]) == ("FINISHED", [])


@pytest.mark.parametrize(
    ("status", "shown"),
    [("done", "FINISHED"), ("stopped", "KILLED"), ("impossible", "FAILED"), ("failed", "FAILED"), ("lost", "FAILED")],
)
def test_a_trial_says_what_became_of_it(status: str, shown: str) -> None:
    log = trial_log(record(status=status, error="no", trace="Traceback", stopped_at=7, warnings=("a", "b")), "f", None)
    found = tags(log)
    assert log.status == shown
    assert (found["runcard.error"], found["runcard.stopped_at"], found["runcard.warnings"]) == ("no", "7", "a\nb")
    assert ("runcard.impossible" in found) is (status == "impossible")
    assert texts(log)["traceback.txt"] == "Traceback"


def test_a_finalist_that_failed_fails_its_run_only_where_nothing_else_was_measured(tmp_path: Path) -> None:
    failed = final(error="no", may_pass=False)
    assert final_log(failed, record(), "f", None, tmp_path).status == "FINISHED"
    assert final_log(failed, record(scores={}), "f", None, tmp_path).status == "FAILED"
    assert final_log(final(), record(scores={}), "f", None, tmp_path).status == "FINISHED"
    told = [tags(final_log(final(error="no", may_pass=may), record(), "f", None, tmp_path)) for may in (True, False)]
    assert ["runcard.test_lost" in found for found in told] == [True, False]
