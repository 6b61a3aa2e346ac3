"""A run made in one folder, reproduced from a clone in another, where neither code nor tree is what it was."""

import json
import os
import shutil
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import psutil
import pytest
from mlflow import MlflowClient
from projects import COMMAND, can_confine, environment, write_project

pytestmark = [pytest.mark.slow, pytest.mark.long]

FEATURES = """
import runcard
from pieces.scaling import by

@runcard.features(rowwise=True)
def scaled(table):
    return table[["x"]] * by()
"""
CARD = {
    "experiment": {"name": "apart"},
    "data": {"raw_path": "table.csv"},
    "features": {"set": "scaled", "target": "y"},
    "models": [{"name": "logistic_regression", "params": {"C": [0.5, 2]}}],
    "evaluation": {"metrics": ["roc_auc"], "cv_folds": 3},
}


@dataclass
class Place:
    """A clone of the repository, the tracking address, and the run of a finalist made elsewhere."""

    clone: Path
    project: Path
    uri: str
    run_id: str
    store: Path
    temporary: Path

    def command(self, *words: str) -> dict:
        given = {"MLFLOW_TRACKING_URI": self.uri, "RUNCARD_DATA_STORE": str(self.store), "TMPDIR": str(self.temporary)}
        variables = environment(**given)
        return {"args": [*COMMAND, *words], "cwd": self.project, "env": variables}


def git(folder: Path, *words: str) -> str:
    author = ["-c", "user.name=Ada", "-c", "user.email=ada@example.org", "-c", "commit.gpgsign=false"]
    done = subprocess.run(["git", *author, *words], cwd=folder, env=environment(), check=True, capture_output=True)
    return done.stdout.decode()


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, empty_mlflow_db: Path) -> Place:
    root = tmp_path_factory.mktemp("apart")
    rng = np.random.default_rng(3)
    frame = pd.DataFrame({"x": rng.normal(size=150).round(6), "y": rng.integers(0, 2, 150)})
    frame["x"] += frame["y"]
    project = root / "made" / "studies" / "first"
    write_project(project, CARD, modules={"ideas": FEATURES.replace("* by()", "")}, table=frame, db=empty_mlflow_db)
    (root / "made" / ".gitignore").write_text("*.csv\nmlflow.db*\nmlartifacts/\n__pycache__/\n")
    git(root / "made", "init", "-q", "-b", "main")
    git(root / "made", "add", ".")
    git(root / "made", "commit", "-q", "-m", "first")
    (project / "ideas.py").write_text(FEATURES)
    (project / "uv.toml").write_text('required-version = "==0.0.1"\n')  # no setting of a restored tree counts
    (project / "pieces").mkdir()
    (project / "pieces" / "scaling.py").write_text("def by():\n    return 3.0\n")
    uri = f"sqlite:///{project / 'mlflow.db'}"
    subprocess.run([*COMMAND, "run", "card", "--json"], cwd=project, env=environment(), capture_output=True, check=True)
    git(root, "clone", "-q", str(root / "made"), "clone")
    clone = root / "clone" / "studies" / "first"
    (clone / "ideas.py").write_text("raise SystemExit('the present work tree is another')\n")
    shutil.rmtree(project / "pieces")
    (root / "tmp").mkdir()
    client = MlflowClient(uri)
    (experiment,) = [found for found in client.search_experiments() if found.name == "apart"]
    (run,) = client.search_runs([experiment.experiment_id], "tags.`runcard.finalist` != ''")
    return Place(root / "clone", clone, uri, run.info.run_id, project / ".runcard" / "data", root / "tmp")


def content_of(folder: Path) -> dict[str, bytes]:
    names = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return {str(name): (folder / name).read_bytes() for name in names if ".runcard" not in name.parts}


def test_a_run_of_uncommitted_code_is_reproduced_from_a_clone(place: Place) -> None:
    client = MlflowClient(place.uri)
    tree, original = content_of(place.clone), client.get_run(place.run_id).to_dictionary()
    done = subprocess.run(**place.command("reproduce", place.run_id, "--json"), capture_output=True, check=False)
    assert (done.returncode, done.stdout) == (3, b"")
    assert b"error[RC811]: nobody here is known to answer for the code" in done.stderr
    command = place.command("reproduce", place.run_id, "--json", "--allow-code")
    done = subprocess.run(**command, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    found = json.loads(done.stdout)
    assert found["trusted"] == "--allow-code was said"
    assert (found["verdict"], found["mode"], found["same_environment"]) == ("identical", "isolated", True)
    replay = client.get_run(found["replay_run_id"])
    assert (replay.data.tags["runcard.replay_of"], replay.data.tags["runcard.replay_mode"]) == (
        place.run_id,
        "isolated",
    )
    assert replay.data.tags["runcard.replay_trusted"] == "--allow-code was said"
    assert content_of(place.clone) == tree
    assert client.get_run(place.run_id).to_dictionary() == original
    assert git(place.clone, "worktree", "list").count("\n") == 1
    assert not list(place.temporary.glob("runcard-replay-*"))
    assert len([path for path in (place.project / ".runcard" / "venvs").iterdir() if path.is_dir()]) == 1


def test_in_a_sandbox_it_comes_out_the_same(place: Place) -> None:
    """It reaches no server, store or home, here not even the project; MLflow is told by whoever asked."""
    command = place.command("reproduce", place.run_id, "--json", "--allow-code", "--sandbox")
    cache = os.environ.get("UV_CACHE_DIR", str(Path.home() / ".cache" / "uv"))
    command["env"] |= {"HOME": str(place.temporary.parent), "UV_CACHE_DIR": cache}
    done = subprocess.run(**command, capture_output=True, check=False)
    if not can_confine():
        assert (done.returncode, done.stdout) == (3, b"")
        assert b"error[RC812]: bubblewrap does not work here" in done.stderr
        return
    assert done.returncode == 0, done.stderr.decode()
    found = json.loads(done.stdout)
    assert (found["verdict"], found["mode"], found["sandboxed"]) == ("identical", "isolated", True)
    original, replay = (MlflowClient(place.uri).get_run(name).data for name in (place.run_id, found["replay_run_id"]))
    assert replay.tags["runcard.replay_sandboxed"] == "true"
    assert replay.metrics["test_roc_auc"] == original.metrics["test_roc_auc"]


@pytest.mark.parametrize(("number", "asked"), [(signal.SIGINT, ["--sandbox"]), (signal.SIGTERM, [])])
def test_an_interruption_leaves_nothing_behind(place: Place, number: signal.Signals, asked: list[str]) -> None:
    command = place.command("reproduce", place.run_id, "--allow-code", *(asked if can_confine() else []))
    with subprocess.Popen(**command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr
        for line in process.stderr:
            if line.startswith("Running"):
                break
        started = psutil.Process(process.pid).children(recursive=True)
        os.kill(process.pid, number)
        process.stderr.read()
        assert process.wait(60) == 130
    assert started
    assert not [child for child in started if child.is_running() and child.status() != psutil.STATUS_ZOMBIE]
    assert not list(place.temporary.glob("runcard-replay-*"))
