"""An attacker who may write to a tracking server, and knows how seals are made, has no command run by a colleague."""

from __future__ import annotations

import hashlib
import json
import subprocess
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import skops.io
from mlflow import MlflowClient
from numpy.testing._private.utils import runstring
from projects import environment, write_project
from sealing import reseal
from sklearn.preprocessing import FunctionTransformer

import runcard
from runcard import errors
from runcard.project import Project, find_project
from runcard.tracking.modelfiles import model_digest
from runcard.workflow.fetching import fetch
from runcard.workflow.predict import predict
from runcard.workflow.registry.register import register
from runcard.workflow.replay import diff_runs, reproduce

pytestmark = pytest.mark.slow

CARD = {
    "experiment": {"name": "shared"},
    "data": {"raw_path": "table.csv"},
    "features": {"numerical": ["x"], "target": "y"},
    "models": [{"name": "decision_tree", "params": {"max_depth": [1, 2]}}],
    "evaluation": {"metrics": ["accuracy"], "cv_folds": 2},
}
EVIL = b"import os; os.system('touch it-ran')\n"
KEPT = {"bytes": len(EVIL), "sha256": hashlib.sha256(EVIL).hexdigest()}
MISSING = "0123456789abcdef0123456789abcdef01234567"


@dataclass(frozen=True)
class Shared:
    """A server that has a run of a card, and the clone of a colleague."""

    client: MlflowClient
    card: str
    trials: tuple[str, str]
    recorded: dict[str, str]
    """What was recorded of code and environment."""
    clone: Project
    canary: Path
    """A file that commands of attacks would empty or make anew."""


def git(folder: Path, *words: str) -> None:
    author = ["-c", "user.name=Ada", "-c", "user.email=ada@example.org", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", *author, *words], cwd=folder, env=environment(), check=True, capture_output=True)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory, mlflow_server: str) -> Shared:
    top = tmp_path_factory.mktemp("shared")
    table = pd.DataFrame({"x": range(30), "y": [0, 1] * 15})
    path = write_project(top / "made", CARD, table=table)
    for words in (("init", "-q", "-b", "main"), ("add", "."), ("commit", "-qm", "one")):
        git(top / "made", *words)
    git(top, "clone", "-q", "made", "clone")
    result = runcard.run(path, workers=1, tracking_uri=mlflow_server)
    assert result.run_id is not None
    canary = top / "canary"
    canary.write_text("kept")
    clone = find_project(top / "clone").with_settings(tracking_uri=mlflow_server)
    first, second = result.runs.values()
    client = MlflowClient(mlflow_server, mlflow_server)
    folder = Path(client.download_artifacts(result.run_id, "provenance"))
    recorded = {name: (folder / f"{name}.json").read_text() for name in ("code", "environment")}
    return Shared(client, result.run_id, (first, second), recorded, clone, canary)


def attack(shared: Shared, file: str, change: dict[str, Any], files: dict[str, bytes]) -> None:
    """Change a file of the run's provenance, and seal it as if it had been recorded so."""
    about = json.loads(shared.recorded[file])
    for name, value in change.items():
        about[name] = {**about[name], **value} if isinstance(value, dict) else value
    shared.client.log_text(shared.card, json.dumps(about), f"provenance/{file}.json")
    for name, content in files.items():
        shared.client.log_text(shared.card, content.decode(), f"provenance/{name}")
    reseal(shared.client, shared.card, *(f"provenance/{name}" for name in files))


def test_a_run_that_was_edited_and_sealed_anew_runs_nothing(shared: Shared) -> None:
    ran = f"touch {shared.canary}"
    attacks: list[tuple[str, dict[str, Any], dict[str, bytes], type[errors.ReplayError]]] = [
        ("code", {"commit": f"--output={shared.canary}"}, {}, errors.RecordUnsafe),
        ("code", {"commit": MISSING, "remote": f"--upload-pack={ran}"}, {}, errors.CommitMissing),
        ("code", {"untracked": {"sitecustomize.py": KEPT}}, {"untracked/sitecustomize.py": EVIL}, errors.CodeForeign),
        ("environment", {"packages": {"evil-package": "1.0"}}, {}, errors.CodeForeign),
        ("environment", {"packages": ["numpy"]}, {}, errors.NotReplayable),
    ]
    for file, change, files, refused in attacks:
        attack(shared, file, change, files)
        with pytest.raises(refused):
            reproduce(shared.trials[0], project=shared.clone)
        diff_runs(*shared.trials, project=shared.clone)
        attack(shared, file, {}, {})
    assert shared.canary.read_text() == "kept"
    assert not (shared.clone.root / ".runcard" / "venvs").exists()
    assert not list(shared.clone.root.rglob("it-ran"))


def test_a_registered_model_with_a_digest_of_its_own_runs_nothing(shared: Shared, tmp_path: Path) -> None:
    """Whoever may write to the server may take a model that was registered, change it, and tag the digest of that."""
    made = register(shared.card, project=shared.clone).version
    fetched = fetch(f"{made.name}/{made.version}", shared.clone.tracking_uri, tmp_path)
    files = fetched.folder
    code = f"open({str(tmp_path / 'it-ran')!r}, 'w')"
    (files / "model.skops").write_bytes(skops.io.dumps(FunctionTransformer(partial(runstring, code))))
    run = shared.client.create_run(shared.client.get_run(shared.card).info.experiment_id).info.run_id
    shared.client.log_artifacts(run, str(files), "model")
    version = shared.client.create_model_version(made.name, f"runs:/{run}/model", run)
    shared.client.set_model_version_tag(made.name, version.version, "runcard.model_digest", model_digest(files))
    with pytest.raises(errors.TypesUntrusted, match="runstring"):
        predict(
            f"{made.name}/{version.version}",
            shared.clone.root / "table.csv",
            tmp_path / "said.csv",
            project=shared.clone,
        )
    assert not (tmp_path / "it-ran").exists()
    assert not (tmp_path / "said.csv").exists()
