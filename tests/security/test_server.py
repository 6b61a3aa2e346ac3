"""An attacker who may write to a tracking server, and knows how seals are made, has no command run by a colleague."""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import skops.io
from mlflow import MlflowClient
from numpy.testing._private.utils import runstring
from projects import call_cli, environment, write_project
from sealing import reseal
from sklearn.preprocessing import FunctionTransformer

import runcard
from runcard import errors
from runcard.names import VersionRef
from runcard.project import Project, find_project
from runcard.provenance.signing import sign
from runcard.tracking.models.digest import model_digest
from runcard.tracking.versions import ModelVersion
from runcard.workflow.models.fetch import fetch
from runcard.workflow.models.predict import predict
from runcard.workflow.promote import promote, register, verify_history
from runcard.workflow.replay import diff_runs, reproduce
from runcard.workflow.replay.audit import audit_run

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
        with contextlib.suppress(errors.RecordUnsafe):
            assert audit_run(shared.trials[0], shared.clone).items
        attack(shared, file, {}, {})
    assert shared.canary.read_text() == "kept"
    assert not (shared.clone.root / ".runcard" / "venvs").exists()
    assert not list(shared.clone.root.rglob("it-ran"))


def test_a_registered_model_with_a_digest_of_its_own_runs_nothing(shared: Shared, tmp_path: Path) -> None:
    """Whoever may write to the server may take a model that was registered, change it, and tag the digest of that."""
    made = register(shared.card, project=shared.clone).version
    fetched = fetch(VersionRef(made.name, version=made.version), shared.clone.tracking_uri, tmp_path)
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
    shared.client.delete_model_version(made.name, version.version)  # which no event tells of


# Text


ODD = "\x1b]0;mine\x07\x1b[2Jpay\u200b\u202etxt\x9b5m\r\nerror[RC000]: trust me"


def shown(shared: Shared, *words: str) -> str:
    """Give what a command of the colleague's prints, which must act on nothing."""
    done = call_cli(shared.clone.root, *words, "--tracking-uri", shared.clone.tracking_uri)
    said = done.stdout + done.stderr
    assert not re.findall(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u202e]", said), words
    assert "\nerror[RC000]" not in said
    return said


def test_text_that_was_written_through_the_server_is_shown(shared: Shared) -> None:
    client, run = shared.client, shared.trials[0]
    before = client.get_run(run).info.run_name
    experiment = client.create_experiment(f"odd {ODD}")
    plain = client.create_run(experiment, run_name=ODD, tags={"team": ODD, "mlflow.user": ODD})
    client.log_param(plain.info.run_id, "model", ODD)
    client.log_metric(plain.info.run_id, "accuracy", 0.5)
    client.update_run(run, name=ODD)
    client.set_tag(run, "runcard.warnings", ODD)
    try:
        assert "pay" in shown(shared, "compare", f"odd {ODD}", "--metric", "accuracy")
        for words in (
            ("compare", "shared"),
            ("compare", "shared", "--format", "markdown"),
            ("compare", "shared", "--format", "csv"),
            ("compare", "nothing of that name"),
            ("select", "shared", "--dry-run"),
            ("diff", *shared.trials),
            ("audit", run),
            ("reproduce", run, "--here"),
        ):
            shown(shared, *words)
    finally:
        client.update_run(run, name=before)
        client.delete_tag(run, "runcard.warnings")
        client.delete_experiment(experiment)


# The ledger and signatures


SIGNATURE = "runcard.signature"


@dataclass(frozen=True)
class Promoted:
    """The card's model on the server, promoted and signed, and who could sign something else."""

    shared: Shared
    version: ModelVersion
    eves: Path
    """A clone of somebody whose key is not allowed."""

    @property
    def name(self) -> str:
        return self.version.name

    @property
    def root(self) -> Path:
        return self.shared.clone.root

    @property
    def events(self) -> list[str]:
        """The runs that the ledger's events are, the first first."""
        (ledger,) = self.shared.client.search_experiments(filter_string="name = 'runcard-ledger'")
        runs = self.shared.client.search_runs([ledger.experiment_id], order_by=["attributes.start_time"])
        return [run.info.run_id for run in runs]

    def sign(self, signature: str) -> None:
        self.shared.client.set_model_version_tag(self.name, str(self.version.version), SIGNATURE, signature)

    def load(self, folder: Path) -> None:
        predict(str(self.version), self.root / "table.csv", folder / "said.csv", project=self.shared.clone)


@pytest.fixture(scope="module")
def promoted(shared: Shared, tmp_path_factory: pytest.TempPathFactory) -> Promoted:
    keys = tmp_path_factory.mktemp("keys")
    eves = tmp_path_factory.mktemp("eves")
    git(eves, "init", "-q")
    for name, root in (("ada", shared.clone.root), ("eve", eves)):
        words = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(keys / name)]
        subprocess.run(words, check=True)
        (root / "allowed").write_text(f"{name}@example.org {(keys / name).with_suffix('.pub').read_text()}")
        git(root, "config", "gpg.format", "ssh")
        git(root, "config", "user.signingkey", str(keys / name))
        git(root, "config", "gpg.ssh.allowedSignersFile", "allowed")
    version = register(shared.card, project=shared.clone).version
    for alias in ("staging", "production"):
        promote(str(version), to=alias, project=shared.clone)
    return Promoted(shared, version, eves)


@pytest.mark.parametrize(
    ("made", "why"),
    [
        (lambda p: sign(p.root, p.version.text.replace("version: ", "version: 9")), "it is of something else"),
        (lambda p: sign(p.root, p.version.text.replace(p.version.digest, "0" * 64)), "it is of something else"),
        (lambda p: sign(p.eves, p.version.text), "its key is not one that allowed allows"),
        (lambda p: "-----BEGIN SSH SIGNATURE-----\n" + "A" * 4000, "it is no signature"),
    ],
    ids=["of another version", "of other files", "of somebody else", "of nothing"],
)
def test_a_signature_that_was_changed_through_the_server_does_not_hold(
    promoted: Promoted, made: Callable[[Promoted], str], why: str, tmp_path: Path
) -> None:
    before = promoted.shared.client.get_model_version(promoted.name, str(promoted.version.version)).tags[SIGNATURE]
    promoted.load(tmp_path)
    (tmp_path / "said.csv").unlink()
    promoted.sign(made(promoted))
    with pytest.raises(errors.SignatureInvalid) as caught:
        promoted.load(tmp_path)
    assert why in caught.value.why
    assert not (tmp_path / "said.csv").exists()
    promoted.sign(before)


def tagged(name: str, value: str) -> Callable[[Promoted], None]:
    return lambda promoted: promoted.shared.client.set_tag(promoted.events[1], name, value)


def deleted(promoted: Promoted) -> None:
    promoted.shared.client.delete_run(promoted.events[1])


def moved(promoted: Promoted) -> None:
    promoted.shared.client.delete_registered_model_alias(promoted.name, "production")


def put_in(promoted: Promoted) -> None:
    """Write an event as any client can, after the last one."""
    client, last = promoted.shared.client, promoted.events[-1]
    run = client.get_run(last)
    tags = {name: value for name, value in run.data.tags.items() if name.startswith("runcard.")}
    new = client.create_run(run.info.experiment_id, tags=tags | {"runcard.after": last})
    for name, value in run.data.params.items():
        client.log_param(new.info.run_id, name, value)
    client.log_param(last, "next", new.info.run_id)
    client.log_text(new.info.run_id, tags["runcard.event"], "event.json")
    client.set_terminated(new.info.run_id)


# Each on what the ones before left: a server's record has no way back.
EDITS: list[tuple[Callable[[Promoted], None], str]] = [
    (tagged("runcard.who", "somebody else"), r"the tags of `shared/1 to staging` .* were edited: `runcard\.who`"),
    (tagged(SIGNATURE, "none"), r"the signature of `shared/1 to staging` .*: it is no signature"),
    (moved, "`production` is nowhere, the ledger left it on shared/1"),
    (put_in, r"was not written after `shared/1 to production`"),
    (tagged("runcard.void", "it never was"), r"`shared/1 to staging` .* is marked as void"),
    (deleted, r"`shared/1 to staging` .* was deleted"),
    (tagged("runcard.event", "{}"), r"its event [0-9a-f]{32} is not what runcard writes"),
]


def test_a_ledger_that_was_edited_through_the_server_is_seen(promoted: Promoted) -> None:
    assert verify_history(promoted.name, project=promoted.shared.clone).entries
    for edit, said in EDITS:
        edit(promoted)
        with pytest.raises((errors.LedgerAltered, errors.LedgerUnusable)) as caught:
            verify_history(promoted.name, project=promoted.shared.clone)
        assert re.search(said, str(caught.value))
