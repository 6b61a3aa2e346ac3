"""`runcard audit` on the runs of one project, and after somebody touched what they kept."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from mlflow import MlflowClient
from projects import commit, customers_card, environment, make_customers, write_project

import runcard
from runcard.cli import main

pytestmark = pytest.mark.slow

OPEN = {"commit pinned", "notebooks stripped of output", "non-determinism known"}

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
def project(ran: tuple[Path, runcard.Result], monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(ran[0])
    return ran[0]


def ask(*arguments: str, code: int = 0) -> Result:
    answer = CliRunner().invoke(main, ["audit", *arguments])
    assert answer.exit_code == code, answer.output
    return answer


def items(*arguments: str) -> dict[str, dict[str, str]]:
    return {item["item"]: item for item in json.loads(ask(*arguments, "--json").stdout)["items"]}


def failed(*arguments: str) -> set[str]:
    return {name for name, item in items(*arguments).items() if item["verdict"] == "failed"}


def files_of(run_id: str, folder: Path) -> Path:
    uri = MlflowClient(f"sqlite:///{folder}/mlflow.db").get_run(run_id).info.artifact_uri
    return Path(uri.removeprefix("file://"))


@contextmanager
def otherwise(path: Path, content: bytes | None) -> Iterator[None]:
    """Have a file hold something else, or not be there, for a while."""
    before = path.read_bytes()
    path.unlink() if content is None else path.write_bytes(content)
    try:
        yield
    finally:
        path.write_bytes(before)


def test_a_card_stands_for_its_chosen_trial_and_all_names_for_the_same_run(project: Path, ran: Any) -> None:
    found = json.loads(ask("card", "--json").stdout)
    chosen = ran[1].decision.winner
    assert found["run"].endswith(chosen.id[:8])
    assert found["card_run_id"] == ran[1].run_id
    for name in ("customers", "configs/card.yaml", found["run_id"], found["run_id"][:8], found["card_run_id"]):
        assert json.loads(ask(name, "--json").stdout) == found


def test_what_was_recorded_holds_and_what_was_not_says_how_to_mend_it(project: Path) -> None:
    found = items()
    assert {name for name, item in found.items() if item["verdict"] == "failed"} == OPEN
    assert found["notebooks stripped of output"]["evidence"] == "with output: look.ipynb (1 cell)"
    assert "jupyter nbconvert --clear-output --inplace look.ipynb" in found["notebooks stripped of output"]["mend"]
    assert "the diff and 2 uncommitted files" in found["uncommitted changes kept"]["evidence"]
    assert "Removed two test customers" in found["manual steps written down"]["evidence"]
    assert "ghcr.io/team/train@sha256:0123" in found["container image"]["evidence"]
    assert "128 train, 32 test rows, 3 folds" in found["split indices kept"]["evidence"]


def test_it_looks_at_the_record_and_not_at_the_work_tree(project: Path) -> None:
    before = items()
    with (
        otherwise(project / "look.ipynb", b"{}"),
        otherwise(project / "table.csv", b"a\n1\n"),
        otherwise(project / "notes.py", None),
        otherwise(project / "configs" / "card.yaml", b"{}"),
    ):
        assert items("customers") == before


@pytest.mark.parametrize(
    ("name", "content", "items"),
    [
        ("provenance/diff.patch", b"other", {"uncommitted changes kept"}),
        ("provenance/untracked/notes.py", None, {"uncommitted changes kept"}),
        ("provenance/seeds.json", b"other", {"seeds"}),
        ("split.parquet", b"other", {"split indices kept"}),
        ("split.parquet", None, {"split indices kept"}),
        ("card.yaml", b"other", {"manual steps written down", "collection described"}),
    ],
)
def test_a_file_that_is_gone_or_was_touched_is_noticed(
    project: Path, ran: Any, name: str, content: bytes | None, items: set[str]
) -> None:
    with otherwise(files_of(ran[1].run_id, project) / name, content):
        assert failed() == OPEN | items | {"record as it was written"}


def test_data_that_the_store_lost_are_noticed(project: Path) -> None:
    (path,) = (project / ".runcard" / "data" / "files").iterdir()
    path.chmod(0o644)
    with otherwise(path, b"other"):
        assert "damaged" in items()["versioned"]["evidence"]
    with otherwise(path, None):
        assert items()["versioned"]["verdict"] == "failed"


def test_a_commit_that_was_pushed_since_is_pinned(project: Path, tmp_path: Path) -> None:
    def git(*words: str) -> None:
        subprocess.run(["git", *words], cwd=project, check=True, env=environment())

    git("init", "-q", "--bare", str(tmp_path))
    git("push", "-q", str(tmp_path), "main:main")
    git("fetch", "-q", str(tmp_path), "+main:refs/remotes/origin/main")
    try:
        assert "on a remote branch of this clone now" in items()["commit pinned"]["evidence"]
    finally:
        git("update-ref", "-d", "refs/remotes/origin/main")


@pytest.mark.parametrize(
    ("name", "more"), [("MLmodel", b"\nextra: 1\n"), ("MLmodel", b"\n: - ]"), ("model.skops", b"#")]
)
def test_a_model_that_was_touched_is_noticed(project: Path, name: str, more: bytes) -> None:
    run_id = json.loads(ask("--json").stdout)["run_id"]
    path = next(
        path for path in (project / "mlartifacts").rglob(name) if run_id in (path.parent / "MLmodel").read_text()
    )
    with otherwise(path, path.read_bytes() + more):
        assert items()["model kept"]["evidence"].startswith("the files of the model are not those that were saved")


def test_a_model_that_is_gone_is_noticed(project: Path) -> None:
    run_id = json.loads(ask("--json").stdout)["run_id"]
    (folder,) = (path.parent for path in (project / "mlartifacts").rglob("MLmodel") if run_id in path.read_text())
    shutil.move(folder, folder.with_name("away"))
    try:
        assert items()["model kept"]["evidence"] == "the files of the model are gone"
    finally:
        shutil.move(folder.with_name("away"), folder)


def test_require_counts_what_holds(project: Path) -> None:
    n_held = 17 - len(OPEN)
    assert f"{n_held} of 17 hold" in ask("--require", str(n_held)).stdout
    said = ask("--require", str(n_held + 1), code=3)
    assert "failed: `commit pinned`, `notebooks stripped of output`, `non-determinism known`" in said.stderr
    assert "mend: runcard reproduce" in said.stdout
    ask("--require", "18", code=2)


def test_runs_of_others_are_audited_by_what_mlflow_has(project: Path) -> None:
    client = MlflowClient(f"sqlite:///{project}/mlflow.db")
    experiment = client.create_experiment("notebooks", artifact_location=str(project / "mlartifacts"))
    tags = {"mlflow.source.git.commit": "c" * 40}
    run_id = client.create_run(experiment, run_name="by hand", tags=tags).info.run_id
    client.log_param(run_id, "depth", "3")
    client.set_terminated(run_id)
    found = items("by hand")
    assert {name for name, item in found.items() if item["verdict"] != "failed"} == {"commit pinned"}
    assert found["all hyperparameters"]["evidence"] == "1 parameters as text; whether they are all is not known"
    assert "no card was run in the experiment `notebooks`" in ask("notebooks", code=1).stderr
