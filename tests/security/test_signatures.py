"""Signatures of model versions and of the ledger's events: who signed is said, and what does not hold is refused."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from mlflow import MlflowClient
from sklearn.linear_model import LogisticRegression

from runcard import errors
from runcard.project import Project, find_project
from runcard.provenance.signing import SigningFailed, check_signature, has_key, sign
from runcard.tracking.mlflow import quiet_mlflow, save_model
from runcard.tracking.models.digest import model_digest
from runcard.workflow.models.load import open_model
from runcard.workflow.promote import promote, verify_history

MODEL = "churn"
TAG = "runcard.signature"


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("keys")
    for name in ("ada", "eve"):
        command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(folder / name)]
        subprocess.run(command, check=True)
    return folder


def configure(root: Path, **settings: str) -> None:
    for name, value in settings.items():
        subprocess.run(["git", "-C", str(root), "config", name.replace("_", "."), value], check=True)


def clone(root: Path, keys: Path, *, signs: str = "ada", allows: tuple[str, ...] = ("ada",)) -> Path:
    """Make a clone whose git signs with somebody's key and allows some."""
    root.mkdir(exist_ok=True)
    subprocess.run(["git", "init", "-q", str(root)], check=True)
    lines = [f"{name}@example.org {(keys / name).with_suffix('.pub').read_text()}" for name in allows]
    (root / "allowed").write_text("".join(lines))
    configure(root, gpg_format="ssh", user_signingkey=str(keys / signs), gpg_ssh_allowedSignersFile="allowed")
    return root


def test_who_signed_is_told(keys: Path, tmp_path: Path) -> None:
    root = clone(tmp_path, keys)
    assert has_key(root)
    signature = sign(root, "text\n")
    found = check_signature(root, "text\n", signature)
    assert (found.verdict, found.said) == ("good", "ada@example.org")


@pytest.mark.parametrize(
    ("how", "verdict", "said"),
    [
        ({"text": "texts\n"}, "bad", "it is of something else"),
        ({"allowed": "eve@example.org {eve}"}, "bad", "its key is not one that allowed allows for `runcard`"),
        ({"allowed": 'ada@example.org namespaces="git" {ada}'}, "bad", "its key is not one"),
        ({"allowed": 'ada@example.org valid-before="20200101" {ada}'}, "bad", "its key is not one"),
        ({"allowed": "-Oprint-pubkey {eve}"}, "bad", "its key is not one"),
        ({"signature": "nothing"}, "bad", "it is no signature"),
        ({"signature": "-----BEGIN SSH SIGNATURE-----\nAAAA\n-----END SSH SIGNATURE-----\n"}, "bad", "something else"),
        ({"signature": "A" * 100_000}, "bad", "it is no signature"),
        ({"setting": ""}, "unknown", "does not say whose keys count"),
        ({"setting": "nowhere"}, "unknown", "nowhere, which says whose keys count, is not there"),
    ],
)
def test_a_signature_that_does_not_hold(
    keys: Path, tmp_path: Path, how: dict[str, str], verdict: str, said: str
) -> None:
    root = clone(tmp_path, keys)
    signature = how.get("signature") or sign(root, "text\n")
    if "allowed" in how:
        public = {name: (keys / f"{name}.pub").read_text() for name in ("ada", "eve")}
        (root / "allowed").write_text(how["allowed"].format(**public))
    if "setting" in how:
        configure(root, gpg_ssh_allowedSignersFile=how["setting"])
    found = check_signature(root, how.get("text", "text\n"), signature)
    assert found.verdict == verdict
    assert said in found.said


@pytest.mark.parametrize("key", ["nowhere", "key::ssh-ed25519 AAAA", "-Ox"])
def test_a_key_that_cannot_sign(keys: Path, tmp_path: Path, key: str) -> None:
    root = clone(tmp_path, keys)
    configure(root, user_signingkey=key)
    with pytest.raises(SigningFailed):
        sign(root, "text\n")


def test_a_signature_of_a_commit_is_none_of_a_model(keys: Path, tmp_path: Path) -> None:
    root = clone(tmp_path, keys)
    (root / "text").write_text("text\n")
    command = ["ssh-keygen", "-q", "-Y", "sign", "-n", "git", "-f", str(keys / "ada"), str(root / "text")]
    subprocess.run(command, check=True)
    assert check_signature(root, "text\n", (root / "text.sig").read_text()).verdict == "bad"


class Store:
    """A registry with a model that is the same twice, and a clone."""

    def __init__(self, root: Path, keys: Path) -> None:
        self.root, self.keys = root, keys
        with quiet_mlflow():
            self.client = MlflowClient(self.project.tracking_uri, self.project.tracking_uri)

    @property
    def project(self) -> Project:
        return find_project(self.root)

    def gates(self, text: str) -> None:
        (self.root / "pyproject.toml").write_text(f"[tool.runcard.gates]\n{text}\n")

    def promote(self, version: int, to: str = "staging", **more: Any) -> list[str]:
        notes: list[str] = []
        promote(f"{MODEL}/{version}", to=to, project=self.project, note=notes.append, **more)
        return notes

    def signature(self, version: int) -> str | None:
        return self.client.get_model_version(MODEL, str(version)).tags.get(TAG)

    def tag(self, version: int, name: str, value: str) -> None:
        self.client.set_model_version_tag(MODEL, str(version), name, value)

    def said(self, version: int = 1) -> str:
        with open_model(f"{MODEL}/{version}", self.project) as loaded:
            return loaded.signed


@pytest.fixture
def store(tmp_path: Path, keys: Path, saved: Path, empty_mlflow_db: Path) -> Iterator[Store]:
    root = clone(tmp_path / "project", keys)
    (root / "mlflow.db").write_bytes(empty_mlflow_db.read_bytes())
    store = Store(root, keys)
    store.gates("")
    with quiet_mlflow():
        store.client.create_registered_model(MODEL)
        for _ in range(2):
            tags = {"runcard.model_digest": model_digest(saved)}
            store.client.create_model_version(MODEL, saved.as_uri(), tags=tags)
        yield store


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("saved") / "model"
    rows = pd.DataFrame({"bill": [1.0, 50.0, 90.0]})
    pipeline = LogisticRegression().fit(rows, ["no", "yes", "yes"])
    save_model(pipeline, folder, input_example=rows, predictions=pipeline.predict(rows), requirements=[])
    return folder


@pytest.mark.slow
def test_promote_signs_and_predict_says_who_did(store: Store) -> None:
    assert store.said() == ""
    store.promote(1)
    assert store.said() == "churn/1 is signed by ada@example.org"
    configure(store.root, gpg_ssh_allowedSignersFile="")
    assert store.said().startswith("churn/1 is signed, and by whom cannot be told: git's setting")


@pytest.mark.slow
def test_what_was_promoted_before_there_was_a_key_is_signed_by_promoting_it_again(store: Store) -> None:
    configure(store.root, gpg_format="openpgp")
    store.promote(1)
    configure(store.root, gpg_format="ssh")
    digest = store.client.get_model_version(MODEL, "1").tags["runcard.model_digest"]
    store.tag(1, "runcard.model_digest", "0" * 64)
    assert "churn/1 is not signed: failed: digest" in store.promote(1)[-1]
    store.tag(1, "runcard.model_digest", digest)
    assert store.promote(1)[-1] == "churn/1 is signed now"
    assert store.said() == "churn/1 is signed by ada@example.org"


@pytest.mark.slow
def test_without_a_key_nothing_is_signed(store: Store) -> None:
    configure(store.root, gpg_format="openpgp")
    assert not [line for line in store.promote(1) if "sign" in line]
    assert store.signature(1) is None
    assert store.said() == ""


@pytest.mark.slow
def test_a_key_that_nobody_here_accepts_signs_nothing(store: Store) -> None:
    configure(store.root, user_signingkey=str(store.keys / "eve"))
    (note,) = [line for line in store.promote(1) if "not signed" in line]
    assert "its key is not one that allowed allows" in note
    assert store.said() == ""


def of_another_version(store: Store) -> None:
    store.promote(2)
    store.tag(1, TAG, str(store.signature(2)))


def of_other_files(store: Store) -> None:
    store.tag(1, "runcard.model_digest", "0" * 64)
    store.promote(1, force=True, reason="to sign it")
    store.tag(1, "runcard.model_digest", store.client.get_model_version(MODEL, "2").tags["runcard.model_digest"])


def of_somebody_else(store: Store) -> None:
    store.tag(1, TAG, sign(clone(store.root.parent / "eves", store.keys, signs="eve"), version_of(store)))


def version_of(store: Store) -> str:
    digest = store.client.get_model_version(MODEL, "1").tags["runcard.model_digest"]
    return f"runcard model version\nname: {MODEL}\nversion: 1\nsha256: {digest}\n"


def no_longer_allowed(store: Store) -> None:
    store.promote(1)
    (store.root / "allowed").write_text("")


def taken_off(store: Store) -> None:
    store.promote(1)
    store.gates("signed = true")
    store.client.delete_model_version_tag(MODEL, "1", TAG)


ATTACKS = {
    "of another version": (of_another_version, "it is of something else"),
    "of other files": (of_other_files, "it is of something else"),
    "of somebody else": (of_somebody_else, "its key is not one that allowed allows"),
    "of one who is no longer allowed": (no_longer_allowed, "its key is not one that allowed allows"),
    "taken off": (taken_off, r"signed = true"),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", ATTACKS)
def test_a_model_whose_signature_does_not_hold_is_not_loaded(name: str, store: Store) -> None:
    attack, why = ATTACKS[name]
    attack(store)
    with pytest.raises(errors.SignatureInvalid) as caught:
        store.said()
    assert why in caught.value.why


@pytest.mark.slow
def test_the_gate_signed(store: Store) -> None:
    store.gates("signed = true")
    store.promote(1)
    configure(store.root, gpg_format="openpgp")
    store.promote(1, to="production")  # who signed it before counts
    with pytest.raises(errors.GateFailed, match="unknown: signed: nobody signed it"):
        store.promote(2)
    store.tag(2, TAG, str(store.signature(1)))
    with pytest.raises(errors.GateFailed, match="failed: signed: it is of something else"):
        store.promote(2)


@pytest.mark.slow
def test_events_are_signed(store: Store) -> None:
    store.promote(1)
    configure(store.root, gpg_format="openpgp")
    store.promote(2, force=True, reason="as good")
    store.client.delete_model_version_tag(MODEL, "2", "runcard.model_digest")
    store.client.delete_model_version_tag(MODEL, "1", "runcard.model_digest")
    assert str(verify_history(MODEL, project=store.project)).endswith("each in its place; 1 signed by ada@example.org")
    (experiment,) = [e for e in store.client.search_experiments() if e.name == "runcard-ledger"]
    runs = store.client.search_runs([experiment.experiment_id], order_by=["attributes.start_time"])
    store.client.set_tag(runs[0].info.run_id, TAG, sign(store.root, "something else\n"))
    with pytest.raises(
        errors.LedgerAltered, match=r"the signature of `churn/1 to staging` .*: it is of something else"
    ):
        verify_history(MODEL, project=store.project)
    store.client.delete_tag(runs[0].info.run_id, TAG)
    with pytest.raises(errors.LedgerAltered, match=r"`churn/2 to staging` .* was not written after"):
        verify_history(MODEL, project=store.project)
