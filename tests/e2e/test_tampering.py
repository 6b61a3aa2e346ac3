"""The tampering matrix of docs/reproducibility.md: what is changed, and the verdict it must get, as the page has it.

One project is recorded once, with a pushed commit and one that is not; every tampering works on a copy of its own.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from mlflow import MlflowClient
from projects import COMMAND, customers_card, environment, make_customers, write_project

import runcard
from runcard import errors
from runcard.project import find_project
from runcard.provenance.rebuild.uv import find_uv
from runcard.replay import Replay
from runcard.workflow.replay import reproduce
from runcard.workflow.replay.options import MODE_VARIABLE

pytestmark = [pytest.mark.slow, pytest.mark.long]

PAGE = Path(__file__).parents[2] / "docs" / "reproducibility.md"
VERDICTS = dict(re.findall(r"^\| ([^|]+) \| ([a-z ]+|refused, RC\d+) \| [^|]*\|$", PAGE.read_text(), re.MULTILINE))
"""What is changed -> the verdict, as the page says it."""
del VERDICTS["what is changed"]
OTHER_VERSION = "scikit-learn==1.8.0"

OWN = '''
"""The project's own code."""

import numpy as np
import runcard
from sklearn.base import BaseEstimator, ClassifierMixin


@runcard.features(rowwise=True)
def bills(frame):
    """Numbers without gaps."""
    age = frame["age"].astype(float).fillna(40.0)
    return frame[["bill"]].assign(age=age, share=frame["bill"] / (age + 1.0))


@runcard.model(task="classification")
class Dice(ClassifierMixin, BaseEstimator):
    """Draws from a generator that nobody seeded."""

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        return np.random.default_rng().choice(self.classes_, len(X))

    def predict_proba(self, X):
        first = np.random.default_rng().random(len(X))
        return np.stack([first, 1 - first], axis=1)
'''
FEATURES = {"set": "bills", "target": "left", "positive": "yes"}
CARD = customers_card(
    features=FEATURES,
    models=[
        {"name": "logistic_regression", "params": {"C": [0.1, 1.0]}},
        {"name": "random_forest", "params": {"n_estimators": [3, 5], "max_depth": 4}},
        {"name": "hist_gradient_boosting", "params": {"max_iter": [3, 5]}},
    ],
)
ONE_METRIC = {"metrics": ["accuracy"], "cv_folds": 2}
DICE = customers_card(experiment={"name": "dice"}, features=FEATURES, models=[{"name": "Dice"}], evaluation=ONE_METRIC)
SMALL = customers_card(
    experiment={"name": "small"}, features=FEATURES, models=[{"name": "gaussian_nb"}], evaluation=ONE_METRIC
)


@dataclass(frozen=True)
class Recorded:
    """A project that was run, and what names its runs."""

    folder: Path
    remote: Path
    uri: str
    winner: str
    linear: str
    """A logistic regression with C = 0.1."""
    second_fold: float
    """What that got there, by roc_auc."""
    shared: tuple[str, ...]
    """Trials that shared a fit with a longer one."""
    dice: str

    def copy(self, place: Path) -> Path:
        """Copy the tree, without anything that runs left behind."""
        ignored = shutil.ignore_patterns(".runcard", "mlflow.db*", "mlartifacts", "__pycache__")
        return Path(shutil.copytree(self.folder, place / "copy", ignore=ignored))

    def replay(self, folder: Path, run: str = "", **how: int) -> Replay:
        return reproduce(
            run or self.winner, isolated=False, workers=1, tracking_uri=self.uri, project=find_project(folder), **how
        )


def git(folder: Path, *words: str) -> str:
    identity = ["-c", "user.name=Ada", "-c", "user.email=ada@example.org"]
    done = subprocess.run(
        ["git", *identity, *words], cwd=folder, check=True, env=environment(), capture_output=True, text=True
    )
    return done.stdout.strip()


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory, empty_mlflow_db: Path) -> Recorded:
    place = tmp_path_factory.mktemp("tampering")
    folder, remote = place / "project", place / "remote.git"
    path = write_project(folder, CARD, modules={"own": OWN}, table=make_customers(), db=empty_mlflow_db)
    for name, card in {"dice": DICE, "small": SMALL}.items():
        (folder / "configs" / f"{name}.yaml").write_text(json.dumps(card))
    (folder / ".gitignore").write_text("mlflow.db*\nmlartifacts/\n.runcard/\n__pycache__/\n")
    git(place, "init", "-q", "--bare", str(remote))
    git(folder, "init", "-q", "-b", "main")
    git(folder, "add", ".")
    git(folder, "commit", "-q", "-m", "pushed")
    git(folder, "remote", "add", "origin", str(remote))
    git(folder, "push", "-q", "origin", "main")
    (folder / "NOTES.md").write_text("A commit that is never pushed.\n")
    git(folder, "add", ".")
    git(folder, "commit", "-q", "-m", "not pushed")
    result, dice = runcard.run(path, workers=2), runcard.run(folder / "configs" / "dice.yaml", workers=2)
    runs = dict(zip(result.table["trial_key"], result.table["run_id"], strict=True))
    records = [standing.record for standing in result.comparison.standings]
    (linear,) = (record for record in records if record.params.get("C") == 0.1)
    return Recorded(
        folder,
        remote,
        uri=f"sqlite:///{folder}/mlflow.db",
        winner=runs[result.best.record.trial_key],
        linear=runs[linear.trial_key],
        second_fold=linear.scores["roc_auc"][1],
        shared=tuple(runs[record.trial_key] for record in records if 3 in record.params.values()),
        dice=dice.table["run_id"][0],
    )


# The work tree is changed


def edit(name: str, old: str, new: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        text = (folder / name).read_text()
        assert old in text
        (folder / name).write_text(text.replace(old, new, 1))

    return change


def one_byte(folder: Path) -> None:
    lines = (folder / "table.csv").read_bytes().split(b"\n")
    digit = re.search(rb"\d(?=\d*\.)", lines[7])
    assert digit is not None
    place = digit.start()
    lines[7] = lines[7][:place] + (b"1" if lines[7][place : place + 1] != b"1" else b"2") + lines[7][place + 1 :]
    (folder / "table.csv").write_bytes(b"\n".join(lines))


def swap_rows(folder: Path) -> None:
    lines = (folder / "table.csv").read_text().splitlines()
    lines[3], lines[90] = lines[90], lines[3]
    (folder / "table.csv").write_text("\n".join(lines) + "\n")


def dirty(folder: Path) -> None:
    (folder / "NOTES.md").write_text("Something else.\n")
    (folder / "later.py").write_text("print('not imported by anything')\n")


MATRIX: dict[str, tuple[Callable[[Path], None], str]] = {
    "one byte of the data": (one_byte, "data column `bill`"),
    "two rows swapped": (swap_rows, "data column"),
    "a column renamed": (edit("table.csv", "bill", "fee"), "data column `bill`"),
    "the data deleted": (lambda folder: (folder / "table.csv").unlink(), "data"),
    "a line of a feature function": (edit("own.py", "40.0", "41.0"), "code own.py"),
    "a hyperparameter in the card": (edit("configs/card.yaml", "0.1", "0.2"), "card"),
    "the seed in the card": (
        edit("configs/card.yaml", '"id": "customer"', '"random_state": 7, "id": "customer"'),
        "card",
    ),
    "words in the card": (edit("configs/card.yaml", "Who leaves?", "Who stays?"), ""),
    "files that nothing imports": (dirty, ""),
    "nothing": (lambda folder: None, ""),
}


@pytest.mark.parametrize("name", MATRIX)
def test_a_changed_work_tree(recorded: Recorded, tmp_path: Path, name: str) -> None:
    change, first = MATRIX[name]
    folder = recorded.copy(tmp_path)
    change(folder)
    found = recorded.replay(folder, recorded.linear if "hyperparameter" in name else "")
    assert found.words == VERDICTS[name], found.first_divergence
    assert found.first_divergence.startswith(first)
    if "line" in name:
        changed = next(each for each in found.differences if each.name == "own.py")
        assert [line[:1] for line in changed.lines if "age" in line and "fillna" in line] == ["-", "+"]


@pytest.mark.parametrize("change", [one_byte, lambda folder: (folder / "table.csv").unlink()], ids=["byte", "deleted"])
@pytest.mark.parametrize("is_kept", [True, False], ids=["kept", "gone"])
def test_changed_data_isolated(
    recorded: Recorded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: Callable[[Path], None], is_kept: bool
) -> None:
    """As the process does it that `--isolated` starts: the recorded data are taken from wherever they are kept."""
    folder = recorded.copy(tmp_path)
    change(folder)
    monkeypatch.setenv(MODE_VARIABLE, "isolated")
    monkeypatch.setenv("RUNCARD_DATA_STORE", str((recorded.folder if is_kept else tmp_path) / ".runcard" / "data"))
    kept = "the data changed or deleted, kept in the data store; isolated"
    gone = "the data changed or deleted, kept nowhere; isolated"
    assert recorded.replay(folder).words == VERDICTS[kept if is_kept else gone]


# The clone, the environment, the model


def test_a_clone_that_lacks_the_commit(recorded: Recorded, tmp_path: Path) -> None:
    """What the project's modules hold decides; which commit they came from is said."""
    git(tmp_path, "clone", "-q", "-b", "main", str(recorded.remote), "clone")
    found = recorded.replay(tmp_path / "clone")
    assert found.words == VERDICTS["a commit that was never pushed, in a clone without it"]
    assert [each.part for each in found.differences] == ["commit"]
    assert (
        VERDICTS["a commit that was never pushed, in a clone without it; isolated"]
        == f"refused, {errors.CommitMissing.code}"
    )
    with pytest.raises(errors.CommitMissing, match="is not in this clone"):
        reproduce(recorded.winner, tracking_uri=recorded.uri, project=find_project(tmp_path / "clone"))


def test_a_run_of_a_dirty_tree(recorded: Recorded, tmp_path: Path) -> None:
    """It comes out the same where the changes still are, and is refused where they are not."""
    folder = recorded.copy(tmp_path)
    edit("own.py", "40.0", "50.0")(folder)
    result = runcard.run(folder / "configs" / "small.yaml", workers=2, tracking_uri=recorded.uri)
    assert result.run_id is not None
    assert recorded.replay(folder, result.run_id).words == VERDICTS["the changes of a dirty tree kept"]
    git(folder, "checkout", "-q", "own.py")
    found = in_process(recorded, folder, result.run_id)
    assert found["words"] == VERDICTS["the changes of a dirty tree lost"]
    assert found["differences"][0]["name"] == "own.py"
    assert '+    age = frame["age"].astype(float).fillna(40.0)' in found["differences"][0]["lines"]


def test_threads_of_libraries_change_nothing_and_are_named(recorded: Recorded, tmp_path: Path) -> None:
    found = in_process(recorded, recorded.copy(tmp_path), recorded.winner, OPENBLAS_NUM_THREADS="3")
    assert found["words"] == VERDICTS["threads of BLAS"]
    assert "OPENBLAS_NUM_THREADS" in [each["name"] for each in found["differences"]]


def test_a_package_one_minor_version_off(recorded: Recorded, tmp_path: Path) -> None:
    """Installed for real; whatever comes out, it is never identical."""
    folder, place = recorded.copy(tmp_path), tmp_path / "packages"
    install = [find_uv(), "pip", "install", "-q", "--no-deps", "--target", str(place), OTHER_VERSION]
    subprocess.run([*install, "--python", sys.executable], check=True, timeout=300)
    found = in_process(recorded, folder, recorded.winner, PYTHONPATH=f"{place}:{os.environ.get('PYTHONPATH', '')}")
    assert found["words"] in (VERDICTS["a package one minor version off"], "different")
    assert ["scikit-learn", version("scikit-learn"), OTHER_VERSION.partition("==")[2]] in [
        [each["name"], each["recorded"], each["now"]] for each in found["differences"]
    ]


def test_a_model_that_draws_unseeded_numbers(recorded: Recorded, tmp_path: Path) -> None:
    folder = recorded.copy(tmp_path)
    once, twice = recorded.replay(folder, recorded.dice), recorded.replay(folder, recorded.dice, repeat=2)
    assert (once.words, once.is_deterministic) == (VERDICTS["a model that draws unseeded numbers"], None)
    assert "--repeat 2" in once.notes[0]
    assert (twice.verdict, twice.is_deterministic) == ("different", False)
    assert twice.why.startswith("not deterministic: 2 replays differ from each other")


def in_process(recorded: Recorded, folder: Path, run: str, **given: str) -> dict[str, Any]:
    """Replay by the command line, in a process with its own settings and modules."""
    command = [*COMMAND, "reproduce", run, "--here", "--json", "--workers", "1", "--tracking-uri", recorded.uri]
    done = subprocess.run(
        command, cwd=folder, env=environment(**given), capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode in (0, 3), done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    assert (done.returncode == 0) == (found["verdict"] in ("identical", "equivalent"))
    return found


# The record itself is changed, in MLflow


RECORD: dict[str, tuple[Callable[[MlflowClient, str], None], str]] = {
    "hyperparameters in MLflow": (
        lambda client, run: client.set_tag(run, "runcard.params", '{"C":0.3}'),
        'tag `runcard.params` is {"C":0.3}, its record says {"C":0.1}',
    ),
    "a score in MLflow": (
        lambda client, run: client.log_metric(run, "cv_roc_auc", 0.9999, step=1),
        "metric `cv_roc_auc` of fold 2 is not what its record says",
    ),
    "a mean in MLflow": (
        lambda client, run: client.log_metric(run, "cv_roc_auc_mean", 0.9999, step=0),
        "metric `cv_roc_auc_mean` is 0.9999, its record says 0.",
    ),
    "a metric added in MLflow": (
        lambda client, run: client.log_metric(run, "test_f1", 0.9999),
        "metric `test_f1` is not in its record",
    ),
    "a parameter added in MLflow": (
        lambda client, run: client.log_param(run, "solver", "saga"),
        "parameter `solver` is not in its record",
    ),
    "a tag removed in MLflow": (
        lambda client, run: client.delete_tag(run, "runcard.outputs"),
        "tag `runcard.outputs` was removed",
    ),
    "the seal removed in MLflow": (
        lambda client, run: client.delete_tag(run, "runcard.seal"),
        "it has no seal: the tag `runcard.seal` was removed",
    ),
    "the digests of outputs in MLflow": (
        lambda client, run: client.set_tag(run, "runcard.outputs", json.dumps(["0" * 16] * 3)),
        "tag `runcard.outputs` is",
    ),
    "notes, and tags and metrics of one's own in MLflow": (
        lambda client, run: [
            client.set_tag(run, "mlflow.note.content", "look at this"),
            client.set_tag(run, "reviewed", "yes"),
            client.log_metric(run, "val_loss", 1.0),
        ][0],
        "",
    ),
}


@pytest.mark.parametrize("name", RECORD)
def test_a_changed_record(recorded: Recorded, tmp_path: Path, name: str) -> None:
    """Whoever changes what MLflow has of a run cannot make it come out identical."""
    edited = tmp_path / "edited.db"
    shutil.copy(recorded.folder / "mlflow.db", edited)
    change, said = RECORD[name]
    change(MlflowClient(f"sqlite:///{edited}"), recorded.linear)
    found = replace(recorded, uri=f"sqlite:///{edited}").replay(recorded.copy(tmp_path), recorded.linear)
    assert found.words == VERDICTS[name]
    assert said in found.first_divergence


def exchange_rows(path: Path) -> None:
    table = pd.read_parquet(path)
    table.iloc[::-1].to_parquet(path, index=False)


FILES: dict[str, tuple[str, Callable[[Path], None], str]] = {
    "the card in MLflow": (
        "card.yaml",
        lambda path: path.write_text(path.read_text().replace("Who leaves?", "Who goes?")) and None,
        "file `card.yaml` hashes to",
    ),
    "rows exchanged in split.parquet": ("split.parquet", exchange_rows, "file `split.parquet` hashes to"),
    "rows exchanged in predictions.parquet": (
        "predictions.parquet",
        exchange_rows,
        "file `predictions.parquet` hashes to",
    ),
    "a file of the record deleted": ("split.parquet", Path.unlink, "file `split.parquet` is gone"),
    "a file of the model damaged": (
        "model.skops",
        lambda path: path.write_bytes(path.read_bytes()[:-1]) and None,
        "the files of its model hash to",
    ),
}


@pytest.mark.parametrize("name", FILES)
def test_a_changed_file(recorded: Recorded, tmp_path: Path, name: str) -> None:
    file, change, said = FILES[name]
    before = {path: path.read_bytes() for path in (recorded.folder / "mlartifacts").rglob(file)}
    try:
        for path in before:
            change(path)
        found = recorded.replay(recorded.copy(tmp_path))
    finally:
        for path, content in before.items():
            path.write_bytes(content)
    assert (found.words, found.differences[0].part) == (VERDICTS[name], "record")
    assert said in found.first_divergence


def test_trials_that_were_read_off_a_longer_fit(recorded: Recorded, tmp_path: Path) -> None:
    """A replay makes a fit of its own for each of them."""
    folder = recorded.copy(tmp_path)
    for run in recorded.shared:
        found = recorded.replay(folder, run)
        assert found.words == VERDICTS["nothing"], (found.model, found.params, found.first_divergence)


def test_every_line_of_the_page_is_one_of_these() -> None:
    here = Path(__file__).read_text()
    assert len(VERDICTS) > 20
    assert [name for name in VERDICTS if f'"{name}"' not in here] == []
