"""A tracking server that is away, and what is delivered when it is back."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from projects import call_cli, count_rows, customers_card, make_customers, scores_of, write_project
from servers import free_port, run_relay

import runcard
from runcard.tracking.mlflow import MlflowTracker
from runcard.workflow.run.execute import run
from runcard.workflow.run.listener import Listener


@pytest.fixture
def project(tmp_path: Path) -> Path:
    write_project(tmp_path / "project", customers_card(), table=make_customers())
    return tmp_path / "project"


def tracked(address: str, folder: Path, name: str = "customers") -> tuple[list, list]:
    with MlflowTracker(address, artifact_root=folder) as tracker:
        return tracker.read_runs(name, kind="card"), tracker.read_runs(name, kind="trial")


@pytest.mark.slow
def test_results_come_without_the_server_and_one_warning_says_so(project: Path) -> None:
    class Ear(Listener):
        def __init__(self) -> None:
            self.warnings: list[str] = []

        def warn(self, text: str) -> None:
            self.warnings.append(text)

    ear = Ear()
    address = f"http://127.0.0.1:{free_port()}"
    result = run(project / "configs" / "card.yaml", workers=2, tracking_uri=address, listener=ear)
    assert result.problem is None
    assert result.best.final.scores["roc_auc"] > 0.5
    assert result.n_left == 8  # the card's beginning and end, four trials, two finalists
    assert ear.warnings == [
        "8 of the records are not in MLflow yet (the tracking server does not answer): `runcard sync` delivers them"
    ]
    again = runcard.run(project / "configs" / "card.yaml", tracking_uri=address)
    assert (again.n_run, again.n_left) == (0, 8)
    assert scores_of(again) == scores_of(result)


@pytest.mark.slow
@pytest.mark.parametrize("way", ["sync", "run"])
def test_what_is_left_is_delivered_once(way: str, tmp_path: Path, mlflow_server: str) -> None:
    """Reach the server under an address where nobody answered before."""
    project = tmp_path / "project"
    write_project(project, customers_card(experiment={"name": way}), table=make_customers())
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    away = call_cli(project, "run", "card", MLFLOW_TRACKING_URI=address)
    assert away.returncode == 0, away.stderr
    assert away.stderr.count("warning: ") == 1
    assert "Finalists" in away.stdout
    assert not (project / "mlflow.db").exists()

    with run_relay(mlflow_server, port=port):
        if way == "sync":
            said = call_cli(project, "sync", MLFLOW_TRACKING_URI=address)
            assert said.returncode == 0, said.stderr
            assert said.stdout == "8 delivered; MLflow has everything.\n"
            nothing = call_cli(project, "sync", MLFLOW_TRACKING_URI=address)
            assert nothing.stdout == "0 delivered; MLflow has everything.\n"
        else:
            said = call_cli(project, "run", "card", MLFLOW_TRACKING_URI=address)
            assert said.returncode == 0
            assert "Nothing to run: all 4 trials are done." in said.stderr
            assert said.stdout == away.stdout
        (card,), trials = tracked(address, project, way)
        assert card.status == "FINISHED"
        assert len(trials) == 4
        assert {row.tags["mlflow.parentRunId"] for row in trials} == {card.run_id}
        assert sum("test_roc_auc" in row.metrics for row in trials) == 2
    assert count_rows(project, "parcels", "delivered = 0") == 0


@pytest.mark.slow
def test_sync_says_when_the_server_is_still_away(project: Path) -> None:
    address = f"http://127.0.0.1:{free_port()}"
    call_cli(project, "run", "card", MLFLOW_TRACKING_URI=address)
    said = call_cli(project, "sync", MLFLOW_TRACKING_URI=address)
    assert said.returncode == 1
    assert said.stderr.startswith("error[RC501]: the tracking server does not answer")
    assert said.stdout == "0 delivered, 8 left.\n"


@pytest.mark.slow
def test_a_second_address_is_told_everything_without_training(project: Path, empty_mlflow_db: Path) -> None:
    """Say `run` with another address: nothing is trained, and all that is known arrives there."""
    for name in ("here.db", "there.db"):
        shutil.copy(empty_mlflow_db, project / name)
    first = runcard.run(project / "configs" / "card.yaml", tracking_uri=f"sqlite:///{project / 'here.db'}")
    there = f"sqlite:///{project / 'there.db'}"
    second = runcard.run(project / "configs" / "card.yaml", tracking_uri=there)
    assert (second.n_run, second.n_left) == (0, 0)
    assert scores_of(second) == scores_of(first)
    (card,), trials = tracked(there, project)
    assert card.status == "FINISHED"
    assert len(trials) == 4
    assert sum("test_roc_auc" in row.metrics for row in trials) == 2
    assert second.run_id == card.run_id
