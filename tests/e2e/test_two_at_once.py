"""Two processes in one project at a time."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

import pytest
from projects import call_cli, count_rows, moody_project, wait_for

from runcard.tracking.mlflow import MlflowTracker

pytestmark = pytest.mark.slow

SLOW = [{"name": "moody", "params": {"shift": [0.0, 0.1, 0.2, 0.3], "seconds": 0.25}}]


def test_of_two_on_one_card_the_second_leaves_and_says_who_is_first(
    start_cli: Any, tmp_path: Path, empty_mlflow_db: Path
) -> None:
    folder = tmp_path / "project"
    moody_project(folder, SLOW, db=empty_mlflow_db)
    first = start_cli(folder, "run", "card", "--workers", "1")
    wait_for(lambda: count_rows(folder, "executions") == 1 or first.poll() is not None)
    second = call_cli(folder, "run", "card", "--workers", "1")
    assert second.returncode == 1
    said = second.stderr.splitlines()
    assert said[0] == "error[RC402]: this card is being run already"
    assert said[1].strip().startswith(f"where: process {first.pid} on {socket.gethostname()}, since 20")
    assert said[1].endswith(" UTC")
    _, words = first.communicate(timeout=120)
    assert first.returncode == 0, words
    assert count_rows(folder, "records") == 4
    assert call_cli(folder, "run", "card").stderr.startswith("Nothing to run")


def test_two_cards_of_one_project_run_side_by_side(start_cli: Any, tmp_path: Path) -> None:
    folder = tmp_path / "project"
    path = moody_project(folder, SLOW)
    other = json.loads(path.read_text())
    other["models"][0]["params"]["shift"] = [0.5, 0.6, 0.7, 0.8]
    other["experiment"]["name"] = "other_moods"
    (folder / "configs" / "other.yaml").write_text(json.dumps(other))
    both = [start_cli(folder, "run", name, "--workers", "1") for name in ("card", "other")]
    for process in both:
        _, said = process.communicate(timeout=200)
        assert process.returncode == 0, said
        assert not [line for line in said.splitlines() if line.startswith("warning: ")]
    assert count_rows(folder, "records", "status = 'done'") == 8
    assert count_rows(folder, "executions", "status = 'done'") == 2
    assert count_rows(folder, "parcels", "delivered = 0") == 0
    with MlflowTracker(f"sqlite:///{folder / 'mlflow.db'}", artifact_root=folder) as tracker:
        for name in ("moods", "other_moods"):
            (card,) = tracker.read_runs(name, kind="card")
            trials = tracker.read_runs(name, kind="trial")
            assert card.status == "FINISHED"
            assert {row.tags["mlflow.parentRunId"] for row in trials} == {card.run_id}
            assert len(trials) == 4
