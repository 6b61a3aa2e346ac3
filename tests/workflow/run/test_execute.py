"""The order of a run: what is gone on with, what is begun anew, how it ends, and what MLflow is told again."""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from golden_store import read_store
from goldens import fixed_versions, rows_of
from projects import call_cli, count_rows

pytestmark = pytest.mark.slow


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A project in which two cards were run to their end."""
    return read_store(tmp_path / "project")


def run(folder: Path, *words: str) -> dict[str, Any]:
    with fixed_versions():
        answer = call_cli(folder, "run", *words, "--workers", "1", "--json")
    assert answer.returncode == 0, answer.stderr
    return dict(json.loads(answer.stdout))


def change(folder: Path, status: str) -> None:
    """Let the first card's execution have ended in another way."""
    path = folder / ".runcard" / "journal.db"
    (first,) = [row for row in rows_of(path, "SELECT * FROM executions ORDER BY started LIMIT 1")]
    body = json.dumps(json.loads(first["body"]) | {"status": status})
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(
            "UPDATE executions SET status = ?, body = ? WHERE execution_id = ?", (status, body, first["execution_id"])
        )


def executions(folder: Path) -> list[str]:
    found = rows_of(folder / ".runcard" / "journal.db", "SELECT status FROM executions ORDER BY started")
    return [row["status"] for row in found]


@pytest.mark.parametrize("status", ["interrupted", "failed"])
def test_what_did_not_end_is_gone_on_with(store: Path, status: str) -> None:
    change(store, status)
    assert run(store, "card")["n_run"] == 0
    assert executions(store) == ["done", "done"]


@pytest.mark.parametrize("status", ["interrupted", "failed", "done"])
def test_fresh_begins_anew_however_the_last_one_ended(store: Path, status: str) -> None:
    change(store, status)
    assert run(store, "card", "--fresh")["n_run"] == 3
    assert sorted(executions(store)[1:]) == ["done", "done"]
    assert len(executions(store)) == 3
    assert list((store / ".runcard" / "begun").iterdir()) == []  # no trial is begun that did not end


def test_known_trials_are_told_to_another_address_too(store: Path, empty_mlflow_db: Path) -> None:
    """One of them was no finalist, so that there is a record and nothing else."""
    card = json.loads((store / "configs" / "card.yaml").read_text())
    card["models"] = [{"name": "decision_tree", "params": {"max_depth": 3}}, {"name": "dummy"}]
    (store / "configs" / "third.yaml").write_text(json.dumps(card))
    shutil.copy(empty_mlflow_db, store / "other.db")
    found = run(store, "third", "--tracking-uri", f"sqlite:///{store / 'other.db'}")
    assert found["n_run"] == 1
    query = f"SELECT run_uuid FROM tags WHERE key = 'mlflow.parentRunId' AND value = '{found['run_id']}'"
    children = {row["run_uuid"] for row in rows_of(store / "other.db", query)}
    assert children == {row["run_id"] for row in found["trials"]}
    assert len(children) == 2
    assert count_rows(store, "parcels", "delivered = 0") == 0
