"""A whole project, moved and copied: every command works where it is, and nothing is written where it was."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from projects import call_cli, count_rows, customers_card, make_customers, write_project

pytestmark = pytest.mark.slow


def all_in(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if "__pycache__" not in path.parts}


def test_a_project_moves_and_is_copied(tmp_path: Path, empty_mlflow_db: Path) -> None:
    old = tmp_path / "what? #1 100%" / "it's"
    models = [{"name": "logistic_regression", "params": {"C": [0.1, 1.0]}}]
    write_project(old, customers_card(models=models), table=make_customers(), db=empty_mlflow_db)
    said = call_cli(old, "run", "card", "--workers", "1")
    assert said.returncode == 0, said.stderr
    for words in (["register", "card"], ["promote", "customers", "--to", "staging"]):
        assert (said := call_cli(old, *words)).returncode == 0, said.stderr
    assert {path.name for path in tmp_path.iterdir()} == {"what? #1 100%"}

    new = tmp_path / 'then "there"; ü'
    shutil.move(old, new)
    check(new)
    assert not old.exists()

    copy = Path(shutil.copytree(new, tmp_path / "copy"))
    before = all_in(new)
    check(copy)
    assert all_in(new) == before
    before = all_in(copy)
    check(new)
    assert all_in(copy) == before


def check(folder: Path) -> None:
    n_records = count_rows(folder, "records")
    for words in (
        ["run", "card", "--workers", "1"],  # nothing is told a second time
        ["sync"],
        ["compare", "card"],
        ["predict", "customers@staging", "table.csv", "-o", "out.csv"],
        ["reproduce", "customers@staging", "--here"],
        ["audit", "card"],
        ["history", "customers"],
        ["run", "card", "--workers", "1", "--fresh"],
    ):
        said = call_cli(folder, *words)
        assert said.returncode == 0, (words, said.stderr)
    assert count_rows(folder, "records") == n_records + 2
    assert count_rows(folder, "parcels", "delivered = 0") == 0
    with closing(sqlite3.connect(folder / "mlflow.db")) as connection:
        tags = "SELECT count(*), count(DISTINCT value) FROM tags WHERE key = 'runcard.record'"
        n_runs, n_told = connection.execute(tags).fetchone()
    assert n_runs == n_told


def test_a_journal_of_format_1_is_renamed(tmp_path: Path, empty_mlflow_db: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    models = [{"name": "logistic_regression", "params": {"C": [0.1, 1.0]}}]
    write_project(old, customers_card(models=models), table=make_customers(), db=empty_mlflow_db)
    assert call_cli(old, "run", "card", "--workers", "1").returncode == 0
    with closing(sqlite3.connect(old / ".runcard" / "journal.db")) as connection:
        for table in ("parcels", "runs"):
            connection.execute(f"UPDATE {table} SET uri = ?", (f"sqlite:///{old / 'mlflow.db'}",))
        connection.execute("PRAGMA user_version = 1")
        connection.commit()
    n_parcels = count_rows(old, "parcels")
    old.rename(new)
    said = call_cli(new, "run", "card", "--workers", "1")
    assert "Nothing to run" in said.stderr
    assert count_rows(new, "parcels") == n_parcels
    assert count_rows(new, "parcels", "uri != 'sqlite:///mlflow.db'") == 0
    assert call_cli(new, "sync").stdout == "0 delivered; MLflow has everything.\n"
    assert not old.exists()
