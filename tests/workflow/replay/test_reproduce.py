"""Runs run again, one card for all: every verdict for what it must be for, and nothing of the original touched."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from click.testing import CliRunner
from crashes import let_go_of_databases
from engines import HereEngine
from mlflow import MlflowClient
from projects import make_customers, write_project
from sealing import reseal

import runcard
from runcard import errors
from runcard.cli import main
from runcard.engine.base import Later
from runcard.project import Project, find_project
from runcard.replay import Replay, read_replay
from runcard.tracking.mlflow import quiet_mlflow
from runcard.workflow.choose.compare import compare_runs
from runcard.workflow.replay import diff_runs, here, reproduce

pytestmark = pytest.mark.slow

OWN = """import random

import numpy as np
import runcard
from sklearn.base import BaseEstimator, ClassifierMixin

from again_helper import doubled


@runcard.features(rowwise=True)
def twice(frame):
    return doubled(frame[["bill"]])


class Dice(ClassifierMixin, BaseEstimator):
    def fit(self, X, y):
        self.classes_ = np.unique(y)
        self.bias_ = random.SystemRandom().random()
        return self

    def predict_proba(self, X):
        first = (np.arange(len(X)) * self.bias_) % 1
        return np.column_stack([first, 1 - first])

    def predict(self, X):
        return self.classes_[self.predict_proba(X).argmax(axis=1)]


@runcard.model(task="classification")
def dice():
    return Dice()
"""
HELPER = "def doubled(frame):\n    return frame * 2.0\n"
CARD: dict[str, Any] = {
    "experiment": {"name": "again", "description": "as it was"},
    "data": {"raw_path": "table.csv", "id": "customer"},
    "features": {"target": "left", "positive": "yes", "set": "twice"},
    "models": [
        {"name": "logistic_regression", "params": {"C": [0.1, 1.0]}},
        {"name": "random_forest", "params": {"n_estimators": [3, 6], "max_depth": 3}},
        {"name": "dice"},
    ],
    "evaluation": {"metrics": ["roc_auc", "f1"], "cv_folds": 3, "tolerance": {"f1": 0.1}},
}


class Engine(HereEngine):
    """Does every task, each time anew."""

    def run(self, function: Callable[[Any], Any], tasks: Iterable[Any]) -> Iterator[tuple[int, Any]]:
        for number, task in enumerate(task for task in tasks if not isinstance(task, Later)):
            yield number, function(task)


class Again:
    """A copy of the project whose card was run, and its runs by what they are of."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        with quiet_mlflow():
            self.client = MlflowClient(self.uri, self.uri)
        self.experiment_id = self.client.get_experiment_by_name("again").experiment_id

    @property
    def uri(self) -> str:
        return f"sqlite:///{self.folder / 'mlflow.db'}"

    @property
    def project(self) -> Project:
        return find_project(self.folder)

    def runs(self, kind: str) -> list[Any]:
        return list(self.client.search_runs([self.experiment_id], f"tags.`runcard.kind` = '{kind}'"))

    def run_of(self, model: str, *, finalist: bool = True) -> Any:
        trials = [run for run in self.runs("trial") if run.data.params["model"] == model]
        return next(run for run in trials if ("runcard.finalist" in run.data.tags) == finalist)

    def again(self, run: Any, **how: Any) -> Replay:
        name = run if isinstance(run, str) else run.info.run_id
        return reproduce(name, isolated=False, project=self.project, **how)

    def edit(self, name: str, old: str, new: str) -> None:
        path = self.folder / name
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new, 1))

    def artifact(self, run: Any, name: str) -> Path:
        return Path(run.info.artifact_uri.removeprefix("file://"), name)


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory, empty_mlflow_db: Path) -> Path:
    folder = tmp_path_factory.mktemp("again") / "project"
    card = write_project(folder, CARD, modules={"again_own": OWN}, table=make_customers(), db=empty_mlflow_db)
    (folder / "again_helper.py").write_text(HELPER)
    assert runcard.run(card, workers=1).problem is None
    return folder


@pytest.fixture
def kept(original: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Again]:
    """The project as it was run; what a test does to it is undone, since MLflow knows where its files are."""
    monkeypatch.setattr(here, "choose_engine", Engine())
    shutil.copytree(original, tmp_path / "kept")
    yield Again(original)
    let_go_of_databases()
    shutil.rmtree(original)
    shutil.copytree(tmp_path / "kept", original)


def test_a_finalist_is_identical_and_the_original_untouched(kept: Again) -> None:
    """By the card's run, whose chosen trial is meant; the replay is a run of its own with all that was found."""
    (card,) = kept.runs("card")
    chosen = kept.client.get_run(card.data.tags["runcard.decision_run"])
    before = (chosen.to_dictionary(), (kept.folder / ".runcard" / "journal.db").read_bytes(), tree_of(kept.folder))
    replay = kept.again(card.info.run_id)
    assert (replay.verdict, replay.run_id, replay.differences) == ("identical", chosen.info.run_id, ())
    assert replay.chosen_as == f"the chosen trial of {card.info.run_name}"
    after = kept.client.get_run(chosen.info.run_id).to_dictionary()
    assert (after, (kept.folder / ".runcard" / "journal.db").read_bytes(), tree_of(kept.folder)) == before

    (run,) = kept.runs("replay")
    assert run.info.status == "FINISHED"
    tags = run.data.tags
    assert (tags["runcard.replay_of"], tags["runcard.verdict"], tags["runcard.environment_same"]) == (
        chosen.info.run_id, "identical", "true",
    )  # fmt: skip
    assert {
        k: v for k, v in chosen.data.metrics.items() if k.startswith(("test_", "cv_")) and not k.endswith("_std")
    } == (run.data.metrics)
    files = {file.path for file in kept.client.list_artifacts(run.info.run_id)}
    assert files == {"card.yaml", "predictions.parquet", "provenance", "replay.json"}
    assert read_replay(kept.artifact(run, "replay.json").read_text()) == replay
    tables = [pd.read_parquet(kept.artifact(each, "predictions.parquet")) for each in (chosen, run)]
    pd.testing.assert_frame_equal(*tables)
    compared = compare_runs(["again"], kept.project)
    assert run.info.run_id not in {row.run.run_id for row in compared.rows}
    everything = compare_runs(["again"], kept.project, metric="test_f1")
    assert run.info.run_id not in {row.run.run_id for row in everything.rows}


def test_a_trial_read_off_a_longer_fit_is_identical_to_one_alone(kept: Again) -> None:
    shorter = min(
        (run for run in kept.runs("trial") if run.data.params["model"] == "random_forest"),
        key=lambda run: int(run.data.params["n_estimators"]),
    )
    assert kept.again(shorter).verdict == "identical"


def test_a_model_that_draws_without_a_seed_is_not_deterministic(kept: Again) -> None:
    dice = kept.run_of("dice")
    once = kept.again(dice)
    assert (once.verdict, once.is_deterministic, once.divergence.fold) == ("different", None, 1)
    assert "--repeat 2" in once.notes[0]
    twice = kept.again(dice, repeat=2)
    assert (twice.verdict, twice.is_deterministic) == ("different", False)
    assert twice.why.startswith("not deterministic: ")


@pytest.mark.parametrize(("shift", "verdict"), [(0.25, "different"), (0.05, "within tolerance")])
def test_a_deterministic_result_that_is_not_the_recorded_one(kept: Again, shift: float, verdict: str) -> None:
    """A number that was recorded otherwise: fold and amount are named, and that it is not chance."""
    run = kept.run_of("logistic_regression")
    with closing(sqlite3.connect(kept.folder / "mlflow.db")) as db, db:
        one = "run_uuid = ? AND key = 'cv_f1' AND step = 1"
        db.execute(f"UPDATE metrics SET value = value + ? WHERE {one}", (shift, run.info.run_id))
    reseal(kept.client, run.info.run_id)
    replay = kept.again(run, repeat=2)
    assert (replay.verdict, replay.is_deterministic) == (verdict, True)
    assert "so the result changed" in replay.why
    assert (replay.divergence.what, replay.divergence.fold, round(replay.divergence.by, 9)) == ("f1", 2, shift)


def test_predictions_that_were_recorded_otherwise(kept: Again) -> None:
    run = kept.run_of("logistic_regression")
    file = kept.artifact(run, "predictions.parquet")
    table = pd.read_parquet(file)
    table.loc[2, "probability_yes"] += 1e-3
    table.to_parquet(file, index=False)
    reseal(kept.client, run.info.run_id)
    found = kept.again(run).divergence
    assert (found.what, found.row, found.id) == ("probability_yes", table.row[2], table.customer[2])
    assert found.by == pytest.approx(1e-3)


@pytest.mark.parametrize(
    ("file", "old", "new", "expected"),
    [
        ("table.csv", "Ulm", "Bonn", ("data", "column `city`")),
        ("table.csv", ",city,", ",town,", ("data", "column `city`")),
        ("again_helper.py", "2.0", "2.1", ("code", "again_helper.py")),
        ("again_own.py", "import random", "import nowhere", ("code", "again_own.py")),
        ("configs/card.yaml", '"left"', '"city"', ("card", "configs/card.yaml")),
        ("configs/card.yaml", '"cv_folds": 3', '"cv_folds": 4', ("card", "configs/card.yaml")),
    ],
)
def test_what_is_not_as_recorded_is_not_comparable(
    kept: Again, file: str, old: str, new: str, expected: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Decided before anything is trained."""
    monkeypatch.setattr(here, "train_again", None)
    kept.edit(file, old, new)
    replay = kept.again(kept.run_of("logistic_regression"))
    assert (replay.verdict, replay.n_repeats, replay.scores) == ("not comparable", 0, ())
    found = next(each for each in replay.differences if (each.part, each.name) == expected)
    if expected[0] != "data":
        assert any(line.startswith("+") and new in line for line in found.lines)
    assert kept.runs("replay")[0].data.tags["runcard.verdict"] == "not comparable"


def test_data_that_are_gone(kept: Again) -> None:
    (kept.folder / "table.csv").unlink()
    replay = kept.again(kept.run_of("logistic_regression"))
    assert replay.verdict == "not comparable"
    assert "no such file: `table.csv`" in replay.first_divergence


def test_a_card_that_was_changed_in_mlflow(kept: Again) -> None:
    (card,) = kept.runs("card")
    file = kept.artifact(card, "card.yaml")
    file.write_text(file.read_text().replace("as it was", "as it was not"))
    replay = kept.again(kept.run_of("logistic_regression"))
    assert (replay.verdict, replay.differences[0].part) == ("not comparable", "record")


def test_a_card_changed_where_it_does_not_matter_is_noted(kept: Again) -> None:
    kept.edit("configs/card.yaml", "as it was", "in other words")
    replay = kept.again(kept.run_of("logistic_regression"))
    assert (replay.verdict, [each.part for each in replay.differences]) == ("identical", ["card file"])


def test_another_environment_is_equivalent_at_most(kept: Again) -> None:
    """As recorded, another version of a package that computes: the trial is found all the same."""
    (card,) = kept.runs("card")
    file = kept.artifact(card, "provenance/environment.json")
    recorded = json.loads(file.read_text())
    version = recorded["packages"]["joblib"]
    file.write_text(file.read_text().replace(f'"joblib": "{version}"', '"joblib": "0.0.1"'))
    reseal(kept.client, card.info.run_id)
    replay = kept.again(kept.run_of("logistic_regression"))
    assert (replay.verdict, replay.words) == ("equivalent", "equivalent in a different environment")
    assert str(replay.differences[0]) == f"package joblib: 0.0.1, now {version}"
    assert replay.first_divergence == str(replay.differences[0])


def test_mlflow_that_goes_away_meanwhile(kept: Again) -> None:
    """The verdict stands, and is kept in the project."""

    def delete(line: str) -> None:
        kept.client.delete_experiment(kept.experiment_id)

    replay = kept.again(kept.run_of("logistic_regression"), note=delete)
    assert (replay.verdict, replay.replay_run_id) == ("identical", None)
    (folder,) = (kept.folder / ".runcard" / "replays").iterdir()
    assert replay.kept.startswith(f".runcard/replays/{folder.name} (")
    kept_files = {file.name for file in folder.iterdir()}
    assert kept_files == {"replay.json", "predictions.parquet", "begun.json"}  # whose run the next replay ends


@pytest.mark.parametrize("lost", ["deleted", "never there"])
def test_a_killed_replay_of_an_experiment_that_is_gone_holds_up_no_other(kept: Again, lost: str) -> None:
    if lost == "deleted":
        kept.client.delete_experiment(kept.client.create_experiment(lost))
    killed = kept.folder / ".runcard" / "replays" / "20260101-000000-01234567"
    killed.mkdir(parents=True)
    (killed / "begun.json").write_text(json.dumps([lost, "0" * 32]))
    replay = kept.again(kept.run_of("logistic_regression"))
    assert (replay.verdict, replay.kept) == ("identical", None)
    assert replay.replay_run_id is not None
    assert (killed / "begun.json").exists() is (lost == "deleted")
    assert (kept.client.get_experiment_by_name(lost) is None) is (lost == "never there")


def test_the_command_says_it_and_its_exit_code_does(kept: Again, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(kept.folder)
    run = kept.run_of("logistic_regression")
    asked = ["reproduce", run.info.run_id[:8], "--here", "--workers", "1"]
    done = CliRunner().invoke(main, asked)
    assert (done.exit_code, "identical: every byte that the model said on 3 folds" in done.stdout) == (0, True), done
    kept.edit("table.csv", "Ulm", "Bonn")
    refused = CliRunner().invoke(main, [*asked, "--json"])
    assert refused.exit_code == errors.EXIT_GATE
    assert read_replay(refused.stdout).verdict == "not comparable"
    assert "error[RC704]" in refused.stderr


def test_what_cannot_be_run_again_says_why(kept: Again) -> None:
    run = kept.run_of("logistic_regression")
    (card,) = kept.runs("card")
    made = kept.client
    replay = kept.again(kept.run_of("random_forest"))

    def why(name: str) -> str:
        with pytest.raises((errors.NotReplayable, errors.RunUnknown)) as refused:
            kept.again(name)
        return f"{refused.value.what}; {refused.value.why}"

    assert "is itself a replay" in why(replay.replay_run_id)
    failed = made.create_run(kept.experiment_id, run_name="failed", tags={"runcard.error": "fold 1: too hot"})
    made.set_terminated(failed.info.run_id, "FAILED")
    assert "fold 1: too hot" in why("failed")
    made.set_tag(run.info.run_id, "runcard.seal_end", "open")
    assert "is still being written" in why(run.info.run_id)
    made.set_tag(run.info.run_id, "runcard.seal_end", run.data.tags["runcard.seal_end"])
    made.delete_tag(run.info.run_id, "runcard.outputs")
    assert "tag `runcard.outputs` was removed" in kept.again(run).first_divergence
    made.set_tag(run.info.run_id, "runcard.outputs", run.data.tags["runcard.outputs"])
    kept.artifact(card, "plan.json").unlink()
    assert "file `plan.json` is gone" in kept.again(run).first_divergence
    made.delete_run(card.info.run_id)
    assert "the card's run of" in why(run.info.run_id)
    made.delete_run(run.info.run_id)
    assert f"the run `{run.info.run_id}` was deleted" in why(run.info.run_id)


def test_two_runs_side_by_side(kept: Again) -> None:
    first, second = (kept.run_of("logistic_regression", finalist=each) for each in (True, False))
    names = [each.info.run_id for each in (first, second)]
    found = diff_runs(*names, project=kept.project)
    assert [(each.part, each.name) for each in found.differences] == [("param", "C")]
    assert {"0.1", "1.0"} == {found.differences[0].recorded, found.differences[0].now}
    assert {score.name for score in found.scores} >= {"cv_roc_auc_mean", "cv_f1_mean"}
    assert diff_runs(names[0], names[0], project=kept.project).differences == ()

    plain = kept.client.create_run(kept.experiment_id, run_name="by-hand", tags={"team": "sales"})
    kept.client.log_param(plain.info.run_id, "C", "0.1")
    found = diff_runs(names[0], "by-hand", project=kept.project)
    assert ("tag", "team") in [(each.part, each.name) for each in found.differences]
    assert "runcard did not make it" in found.unknown[0]


def tree_of(folder: Path) -> dict[str, bytes]:
    """The work tree, without what runcard and MLflow write."""
    ours = (".runcard", "mlflow.db", "mlartifacts", "__pycache__")
    files = [path for path in sorted(folder.rglob("*")) if path.is_file() and not set(path.parts) & set(ours)]
    return {str(path): path.read_bytes() for path in files if not path.name.startswith("mlflow.db")}
