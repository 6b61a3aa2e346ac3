"""`runcard audit` on the runs of one project, and after somebody touched what they kept."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from mlflow import MlflowClient
from projects import commit, customers_card, make_customers, write_project

import runcard
from runcard.cli import main

pytestmark = pytest.mark.slow

WORDS = {"name": "customers", "manual_steps": "Removed two test customers from the export."}
DATA = {"raw_path": "table.csv", "id": "customer", "description": "Export of the billing system, May.", "na_values": []}
NOTEBOOK = {"cells": [{"cell_type": "code", "outputs": [{"text": "1"}]}]}


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory, empty_mlflow_db: Path) -> tuple[Path, runcard.Result]:
    """Run a card that says all there is to say, from a repository with uncommitted changes and a full notebook."""
    folder = tmp_path_factory.mktemp("audit") / "project"
    models = [{"name": "logistic_regression", "params": {"C": [0.1, 1.0]}}]
    card = customers_card(experiment=WORDS, data=DATA, models=models)
    path = write_project(folder, card, table=make_customers(), db=empty_mlflow_db)
    (folder / "look.ipynb").write_text(json.dumps(NOTEBOOK))
    commit(folder)
    (folder / "look.ipynb").touch()
    (folder / "notes.py").write_text("# not committed yet\n")
    (folder / "pyproject.toml").write_text((folder / "pyproject.toml").read_text() + "# changed\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RUNCARD_IMAGE", "ghcr.io/team/train@sha256:0123")
        return folder, runcard.run(path, workers=2)


@pytest.fixture
def project(ran: tuple[Path, runcard.Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the project to look at; what changes it works on its own copy of the artifacts."""
    monkeypatch.chdir(ran[0])
    return ran[0]


def ask(*arguments: str, code: int = 0) -> Result:
    answer = CliRunner().invoke(main, ["audit", *arguments])
    assert answer.exit_code == code, answer.output
    return answer


def items(*arguments: str) -> dict[str, dict[str, str]]:
    return {item["item"]: item for item in json.loads(ask(*arguments, "--json").stdout)["items"]}


def failed(found: dict[str, dict[str, str]]) -> set[str]:
    return {name for name, item in found.items() if item["verdict"] == "failed"}


OPEN = {"notebooks stripped of output", "non-determinism known"}
