"""What belongs to an experiment's name: where results are told, never what they are."""

from __future__ import annotations

from pathlib import Path

import pytest
from projects import customers_card, make_customers, write_project

import runcard
from runcard.tracking.mlflow import MlflowTracker

pytestmark = pytest.mark.slow


def renamed(card: Path, name: str) -> Path:
    """Write the card again under another experiment's name."""
    other = card.with_stem(name)
    other.write_text(card.read_text().replace('"name": "customers"', f'"name": "{name}"'))
    return other


def test_a_renamed_card_trains_nothing_and_is_told_whole(tmp_path: Path, empty_mlflow_db: Path) -> None:
    card = write_project(tmp_path / "project", customers_card(), table=make_customers(), db=empty_mlflow_db)
    first = runcard.run(card)
    second = runcard.run(renamed(card, "clients"))
    assert second.n_run == 0
    assert second.run_id != first.run_id
    assert set(second.runs.values()).isdisjoint(first.runs.values())
    assert second.table.drop(columns="run_id").equals(first.table.drop(columns="run_id"))
    with MlflowTracker(second.tracking_uri, artifact_root=tmp_path / "project" / "mlartifacts") as tracker:
        for result, name in [(first, "customers"), (second, "clients")]:
            assert {row.run_id for row in tracker.read_runs(name, kind="card")} == {result.run_id}
            trials = tracker.read_runs(name, kind="trial")
            assert {row.run_id for row in trials} == set(result.runs.values())
            finalists = [row for row in trials if row.tags.get("runcard.finalist")]
            assert len(finalists) == 2
            assert all("test_roc_auc" in row.metrics for row in finalists)
    assert runcard.run(renamed(card, "clients")).run_id == second.run_id
