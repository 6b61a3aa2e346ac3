"""`runcard list`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from projects import EXAMPLES

from runcard.cli import main


@pytest.fixture
def in_iris(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(EXAMPLES / "iris")


def listed(kind: str) -> dict[str, dict]:
    said = CliRunner().invoke(main, ["list", kind, "--json"])
    assert said.exit_code == 0, said.output
    return {row["name"]: row for row in json.loads(said.output)}


@pytest.mark.usefixtures("in_iris")
def test_what_the_project_registers_is_listed_with_what_runcard_brings() -> None:
    models = listed("models")
    assert {"sparse_logistic", "random_forest", "xgboost", "ridge"} <= set(models)
    assert models["sparse_logistic"]["tasks"] == ["classification"]
    assert {"iris", "iris_v1", "diabetes"} <= set(listed("datasets"))
    assert "iris_v1_features_v1" in listed("features")
    assert {"accuracy", "rmse", "roc_auc"} <= set(listed("metrics"))


@pytest.mark.usefixtures("in_iris")
def test_the_table_has_a_line_for_each() -> None:
    said = CliRunner().invoke(main, ["list", "datasets"])
    assert said.exit_code == 0
    assert "iris_v1" in said.output
    assert "Fisher's iris flowers" in said.output


def test_other_kinds_are_refused(tmp_path: Path) -> None:
    assert CliRunner().invoke(main, ["list", "cards"]).exit_code == 2
