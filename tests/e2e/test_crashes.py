"""SIGKILL at every step of a run: what is there is whole, and going on gives what an uninterrupted run gives."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from projects import environment

PROGRAM = Path(__file__).parents[1] / "crashes.py"


pytestmark = [pytest.mark.slow, pytest.mark.long]


def killed_at_every_step(what: str, folder: Path, db: Path) -> list[dict[str, Any]]:
    done = subprocess.run(
        [sys.executable, str(PROGRAM), str(folder), str(db), what],
        env=environment(OMP_NUM_THREADS="1"),
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_a_kill_at_any_step_of_a_run_loses_and_doubles_nothing(tmp_path: Path, empty_mlflow_db: Path) -> None:
    calm, *others = killed_at_every_step("run", tmp_path, empty_mlflow_db)
    assert [row[1] for row in calm["calm"]["mlflow"]] == ["FINISHED"] * 3
    assert calm["calm"]["waiting"] == 0
    assert len(others) > 50  # commits of the journal and of MLflow, files and folders
    for found in others:
        assert found["state"] == calm["calm"], found["step"]
        assert (found["n_left"], found["n_again"]) == (0, 0), found["step"]
    # They were killed all along the way: with nothing, with some, and with all of it there.
    there = Counter(tuple(found["found"].values()) for found in others)
    assert {(), (1, 0, 0), (1, 2, 0), (1, 2, 1)} <= there.keys()
    assert there[1, 2, 0] >= 20  # while the finalist is made
    assert there[1, 2, 1] >= 20  # while it is delivered


def test_a_kill_at_any_step_of_a_delivery_loses_and_doubles_nothing(tmp_path: Path, empty_mlflow_db: Path) -> None:
    calm, *others = killed_at_every_step("sync", tmp_path, empty_mlflow_db)
    assert (calm["calm"]["waiting"], len(calm["calm"]["mlflow"])) == (0, 3)
    assert len(others) > 20
    for found in others:
        assert (found["left"], found["state"]) == (0, calm["calm"]), found["step"]


def test_a_kill_at_any_step_of_a_replay_changes_no_record_and_it_can_be_asked_again(
    tmp_path: Path, empty_mlflow_db: Path
) -> None:
    calm, *others = killed_at_every_step("reproduce", tmp_path, empty_mlflow_db)
    assert calm["calm"] == "identical"
    assert len(others) > 20  # tasks that train, and what is told to MLflow
    for found in others:
        assert (found["state"], found["words"]) == (found["before"], "identical"), found["step"]
        assert found["replays"] in (["FINISHED"], ["FINISHED", "KILLED"], ["FINISHED"] * 2), found["step"]
