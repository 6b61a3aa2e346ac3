"""Ctrl-C, kills and models that misbehave: nothing done is lost, nothing is there twice."""

from __future__ import annotations

import os
import re
import signal
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path
from typing import Any

import psutil
import pytest
from projects import (
    call_cli,
    count_rows,
    json_scores,
    moody_project,
    press_ctrl_c,
    wait_for,
)

from runcard.tracking.items import RunRow
from runcard.tracking.mlflow import MlflowTracker

pytestmark = [pytest.mark.slow, pytest.mark.long]

SHIFTS = [round(0.1 * n, 1) for n in range(10)]
SLOW = [{"name": "moody", "params": {"shift": SHIFTS, "seconds": 0.4}}]
HURRY = {"HURRY": "yes"}
"""Makes models forget their seconds, where nothing is to happen in between."""


def tracked(folder: Path) -> tuple[list[RunRow], list[RunRow]]:
    """Return the runs of cards and of trials in MLflow."""
    with MlflowTracker(f"sqlite:///{folder / 'mlflow.db'}", artifact_root=folder) as tracker:
        return tracker.read_runs("moods", kind="card"), tracker.read_runs("moods", kind="trial")


def assert_whole(folder: Path) -> None:
    """Assert that MLflow has the card's run once and every trial's once, all ended well."""
    (card,), trials = tracked(folder)
    assert card.status == "FINISHED"
    assert len(trials) == len(SHIFTS)
    assert len({row.tags["runcard.trial_key"] for row in trials}) == len(SHIFTS)
    assert {row.status for row in trials} == {"FINISHED"}
    assert {row.tags["mlflow.parentRunId"] for row in trials} == {card.run_id}
    assert count_rows(folder, "records") == len(SHIFTS)
    assert count_rows(folder, "executions") == 1
    assert count_rows(folder, "parcels", "delivered = 0") == 0


@pytest.fixture(scope="module")
def calm(tmp_path_factory: pytest.TempPathFactory, empty_mlflow_db: Path) -> dict[str, Any]:
    """Run the card without anything happening; return its scores."""
    folder = tmp_path_factory.mktemp("calm") / "project"
    moody_project(folder, SLOW, db=empty_mlflow_db)
    answer = call_cli(folder, "run", "card", "--json", "--workers", "2", **HURRY)
    assert answer.returncode == 0, answer.stderr
    return json_scores(answer)


@pytest.fixture
def project(tmp_path: Path, empty_mlflow_db: Path) -> Path:
    moody_project(tmp_path / "project", SLOW, db=empty_mlflow_db)
    return tmp_path / "project"


def started(start_cli: Any, folder: Path, *, n_records: int = 2) -> subprocess.Popen[str]:
    """Start the card and wait until some trials are done and some are not."""
    process = start_cli(folder, "run", "card", "--workers", "2")
    wait_for(lambda: count_rows(folder, "records") >= n_records or process.poll() is not None)
    assert process.poll() is None, process.communicate()
    return process


def descendants(process: subprocess.Popen[str]) -> list[psutil.Process]:
    return psutil.Process(process.pid).children(recursive=True)


def all_gone(processes: list[psutil.Process]) -> bool:
    return not [p for p in processes if p.is_running() and p.status() != psutil.STATUS_ZOMBIE]


def test_ctrl_c_keeps_what_is_done_and_running_again_goes_on(
    start_cli: Any, project: Path, calm: dict[str, Any]
) -> None:
    process = started(start_cli, project)
    workers = descendants(process)
    press_ctrl_c(process)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert "Traceback" not in said
    n_done = count_rows(project, "records")
    assert 2 <= n_done < len(SHIFTS)
    assert f"error[RC601]: interrupted: {n_done} of 10 trials are done and kept" in said
    wait_for(lambda: all_gone(workers), seconds=20)

    (card,), trials = tracked(project)
    assert card.status == "KILLED"
    assert len(trials) == n_done
    assert {row.status for row in trials} == {"FINISHED"}

    again = call_cli(project, "run", "card", "--workers", "2", **HURRY)
    assert again.returncode == 0, again.stderr
    resuming = re.search(r"^Resuming: (\d+) done, (?:(\d+) interrupted, )?(\d+) left$", again.stderr, re.MULTILINE)
    assert resuming is not None, again.stderr
    counts = [int(count or 0) for count in resuming.groups()]
    assert counts[0] == n_done
    assert sum(counts) == 10
    assert_whole(project)
    assert json_scores(call_cli(project, "run", "card", "--json", **HURRY)) == calm


def test_ctrl_c_twice_ends_at_once_and_loses_nothing(start_cli: Any, project: Path, calm: dict[str, Any]) -> None:
    process = started(start_cli, project)
    workers = descendants(process)
    with closing(sqlite3.connect(project / "mlflow.db", isolation_level=None)) as connection:
        connection.execute("BEGIN EXCLUSIVE")  # so that it cannot tell MLflow how it ended, and waits
        press_ctrl_c(process)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.5)
        press_ctrl_c(process)
        _, said = process.communicate(timeout=5)
    assert process.returncode == 130, said
    assert "Traceback" not in said
    wait_for(lambda: all_gone(workers), seconds=20)
    again = call_cli(project, "run", "card", "--workers", "2", "--json", **HURRY)
    assert again.returncode == 0, again.stderr
    assert json_scores(again) == calm
    assert_whole(project)


@pytest.mark.parametrize("moment", ["early", "trials", "last trial"])
def test_a_killed_run_is_gone_on_with(start_cli: Any, project: Path, calm: dict[str, Any], moment: str) -> None:
    n_records, pace = {"early": (0, {}), "trials": (3, {}), "last trial": (10, HURRY)}[moment]
    process = start_cli(project, "run", "card", "--workers", "2", **pace)
    wait_for(
        lambda: (
            process.poll() is not None
            or (count_rows(project, "executions") == 1 and count_rows(project, "records") >= n_records)
        ),
        every=0.005,
    )
    workers = descendants(process)
    process.kill()
    process.communicate(timeout=60)
    wait_for(lambda: all_gone(workers), seconds=30)
    again = call_cli(project, "run", "card", "--workers", "2", "--json", **HURRY)
    assert again.returncode == 0, again.stderr
    assert json_scores(again) == calm
    assert_whole(project)
    assert list((project / ".runcard" / "scratch").iterdir()) == []


def test_sigterm_is_the_ctrl_c_of_a_scheduler(start_cli: Any, project: Path) -> None:
    process = started(start_cli, project, n_records=1)
    workers = descendants(process)
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert "interrupted: " in said
    assert "Traceback" not in said
    assert count_rows(project, "executions", "status = 'interrupted'") == 1
    wait_for(lambda: all_gone(workers), seconds=30)


def test_ctrl_c_before_anything_runs(start_cli: Any, project: Path) -> None:
    process = start_cli(project, "run", "card", "--workers", "2")
    wait_for(lambda: process.poll() is not None or len(descendants(process)) >= 2)
    press_ctrl_c(process)
    out, said = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert "Traceback" not in said
    assert out == ""


def test_a_deadly_model_is_lost_alone(tmp_path: Path) -> None:
    folder = tmp_path / "project"
    moody_project(folder, [{"name": "moody", "params": {"mood": ["good", "deadly"]}}])
    answer = call_cli(folder, "run", "card", "--workers", "2")
    assert answer.returncode == 0, answer.stderr
    lost = [line for line in answer.stderr.splitlines() if line.startswith("failed: ")]
    assert len(lost) == 1
    assert "'mood': 'deadly'" in lost[0]
    assert "the worker was killed (SIGKILL)" in lost[0]
    assert count_rows(folder, "records", "status = 'done'") == 1
    assert count_rows(folder, "records", "status = 'lost'") == 1
    _, trials = tracked(folder)
    errors = {row.status: row.tags.get("runcard.error", "") for row in trials}
    assert set(errors) == {"FAILED", "FINISHED"}
    assert "SIGKILL" in errors["FAILED"]


def test_failures_stay_alone_and_are_told(tmp_path: Path) -> None:
    folder = tmp_path / "project"
    moods = [{"name": "moody", "params": {"mood": ["good", "choosy", "dull"], "shift": [0.0, 0.2]}}]
    metrics = {"metrics": ["accuracy", "variety"], "primary": "variety", "cv_folds": 3}
    moody_project(folder, moods, evaluation=metrics)
    answer = call_cli(folder, "run", "card", "--workers", "2")
    assert answer.returncode == 0, answer.stderr
    failed = [line for line in answer.stderr.splitlines() if line.startswith("failed: ")]
    assert len(failed) == 4
    assert sum("RuntimeError: a row that I do not like" in line for line in failed) == 2
    assert sum("variety is not defined: it is nan" in line for line in failed) == 2
    assert all(", fold " in line and "moody {" in line for line in failed)
    assert "4 trials failed" in answer.stderr
    _, trials = tracked(folder)
    errors = [row.tags.get("runcard.error", "") for row in trials if row.status == "FAILED"]
    assert len(errors) == 4
    again = call_cli(folder, "run", "card")  # they would fail again
    assert again.stderr.startswith("Nothing to run")
    assert again.stdout == answer.stdout


def test_all_trials_failing_is_an_error(tmp_path: Path) -> None:
    folder = tmp_path / "project"
    moody_project(folder, [{"name": "moody", "params": {"mood": "shy", "shift": [0.0, 0.2]}}])
    for _ in range(2):
        answer = call_cli(folder, "run", "card", "--workers", "2")
        assert answer.returncode == 1
        assert "error[RC401]: all 2 trials failed" in answer.stderr
        assert "moody, fold " in answer.stderr
        assert "RuntimeError: too many rows" in answer.stderr
    (card,), trials = tracked(folder)
    assert card.status == "FAILED"
    assert {row.status for row in trials} == {"FAILED"}


def test_a_model_that_cannot_be_trained_is_found_before_training(tmp_path: Path) -> None:
    folder = tmp_path / "project"
    path = moody_project(folder, [{"name": "moody", "params": {"mood": "mute", "shift": [0.0, 0.2]}}])
    answer = call_cli(folder, "run", "card", "--workers", "2")
    assert answer.returncode == 2
    assert "error[RC301]" in answer.stderr
    assert "ValueError: no mood for this" in answer.stderr
    assert f"{os.path.relpath(path, folder)}:" in answer.stderr
    assert count_rows(folder, "records") == 0


def test_the_only_trial_failing_on_the_test_rows_says_why(tmp_path: Path) -> None:
    folder = tmp_path / "project"
    moody_project(folder, [{"name": "moody", "params": {"mood": "shy"}}], evaluation={"metrics": ["accuracy"]})
    answer = call_cli(folder, "run", "card", "--workers", "2")
    assert answer.returncode == 1
    assert "error[RC401]" in answer.stderr
    assert "RuntimeError: too many rows" in answer.stderr
    _, (trial,) = tracked(folder)
    assert trial.status == "FAILED"
