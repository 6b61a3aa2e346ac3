"""SIGKILL at every step of a run: what is there is whole, and going on gives what an uninterrupted run gives."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from projects import environment

PROGRAM = Path(__file__).parents[1] / "crashes.py"


@pytest.mark.long
@pytest.mark.slow
def test_a_kill_at_any_step_loses_and_doubles_nothing(tmp_path: Path, empty_mlflow_db: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(PROGRAM), str(tmp_path), str(empty_mlflow_db)],
        env=environment(OMP_NUM_THREADS="1"),
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    calm, *others = [json.loads(line) for line in done.stdout.splitlines()]
    assert [row[1] for row in calm["calm"]["mlflow"]] == ["FINISHED"] * 3
    assert calm["calm"]["waiting"] == 0
    assert len(others) > 50  # commits of the journal and of MLflow, files and folders
    for found in others:
        assert found["state"] == calm["calm"], found["step"]
        assert (found["n_left"], found["n_again"]) == (0, 0), found["step"]
    # They were killed all along the way: with nothing, with some, and with all of it there.
    there = {tuple(found["found"].values()) for found in others}
    assert {(), (1, 0, 0), (1, 2, 0), (1, 2, 1)} <= there
