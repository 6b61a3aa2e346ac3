"""Names: every command takes every spelling of what it takes, and of anything else says what it is and who takes it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess
from typing import get_args

import pytest
from golden_store import read_store
from mlflow import MlflowClient
from projects import call_cli

from runcard import errors
from runcard.names import CardRef, DatasetRef, ExperimentRef, Ref, RunRef, VersionRef
from runcard.project import Project, find_project
from runcard.tracking.backends import open_reader
from runcard.workflow.models.load import open_model
from runcard.workflow.promote import register
from runcard.workflow.refs import Subject, find, find_trial
from runcard.workflow.replay.reproduce import find_recorded

pytestmark = pytest.mark.slow

RUN, CARD_RUN = "b322e1f84b82409c82c9f070495fa9d5", "51cf1e771e8d4f7482b1fca3be1467b1"
"""The trial that was chosen of the latest card's run, which became leavers/2, and that card's run."""
OTHER_RUN, OTHER_CARD_RUN = "36bc9d620a414bd785c3cbac147d22d7", "513290602bc744429c0e294172abdcbe"
"""The trial that was chosen of the card's run before, which became leavers/1, and that card's run."""
FORMS: dict[str, str] = {
    **dict.fromkeys(("configs/card.yaml", "card"), "card"),
    "customers": "experiment",
    **dict.fromkeys((RUN, RUN[:4], "decision_tree-d73f1e50"), "run"),
    **dict.fromkeys((CARD_RUN, CARD_RUN[:6], "20261201-091615-customers-cc846487"), "card's run"),
    **dict.fromkeys(("leavers@production", "leavers/2", "models:/leavers/2"), "version"),
    "leavers": "model",
    **dict.fromkeys(("table.csv", "dataset:iris", "iris"), "dataset"),
}
"""Spelling -> what it stands for; all that stand for a run stand for the same trial, or its card's."""
REFS: dict[str, type[Ref]] = {
    "card": CardRef, "experiment": ExperimentRef, "run": RunRef, "card's run": RunRef,
    "version": VersionRef, "model": VersionRef, "dataset": DatasetRef,
}  # fmt: skip
RUNS = ("card", "experiment", "run", "card's run", "version")
Asked = Callable[[Path, str], CompletedProcess[str]]


def asking(*words: str) -> Asked:
    return lambda folder, text: call_cli(folder, *(text if word == "NAME" else word for word in words))


def reproduce(folder: Path, text: str) -> CompletedProcess[str]:
    """Do what `reproduce` does up to the training."""
    try:
        return CompletedProcess([], 0, find_recorded(text, find_project(folder)).run.run_id, "")
    except errors.RuncardError as error:
        return CompletedProcess([], error.exit_code, "", str(error))


def serve(folder: Path, text: str) -> CompletedProcess[str]:
    """Do what `serve` does before it listens."""
    try:
        with open_model(text, find_project(folder)) as loaded:
            return CompletedProcess([], 0, str(loaded.version), "")
    except errors.RuncardError as error:
        return CompletedProcess([], error.exit_code, "", str(error))


COMMANDS: dict[str, tuple[Asked, tuple[str, ...], str]] = {
    "compare": (asking("compare", "NAME", "--format", "json"), RUNS, RUN),
    "compare --baseline": (asking("compare", "card", "--baseline", "NAME", "--format", "json"), RUNS, RUN),
    "select": (asking("select", "NAME", "--dry-run", "--json"), ("card", "experiment", "card's run"), OTHER_RUN),
    "register": (asking("register", "NAME"), RUNS, "leavers/2"),
    "reproduce": (reproduce, RUNS, RUN),
    "diff": (asking("diff", OTHER_RUN, "NAME", "--json"), RUNS, ""),
    "audit": (asking("audit", "NAME", "--json"), RUNS, RUN),
    "promote": (asking("promote", "NAME", "--to", "production"), ("version", "model"), "leavers/2"),
    "rollback": (asking("rollback", "NAME", "--to", "2"), ("model",), "leavers/2"),
    "history": (asking("history", "NAME", "--json"), ("model",), '"model": "leavers"'),
    "predict": (
        asking("predict", "NAME", "table.csv", "-o", "out.csv"),
        ("version", "model"),
        "by leavers/2",
    ),
    "serve": (serve, ("version", "model"), "leavers/2"),
    "lock": (asking("lock", "NAME"), ("dataset",), "is locked already"),
    "data verify": (asking("data", "verify", "NAME"), ("dataset",), "as locked"),
    "data restore": (asking("data", "restore", "NAME"), ("dataset",), "table.csv is as it was locked"),
}
"""Command -> how it is asked, what it takes, and what its answer says of any spelling of that."""
SAID = {
    ("select", "run"): "a choice is made among the trials of a card",
    ("select", "version"): "a choice is made among the trials of a card",
    ("rollback", "version"): "names one version of `leavers`, and here the model is asked for",
    ("history", "version"): "names one version of `leavers`, and here the model is asked for",
}
"""What is said of a name where the command takes the like of it, but not it."""


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = read_store(tmp_path_factory.mktemp("names") / "project")
    assert call_cli(folder, "lock", "iris").returncode == 0
    return folder


@pytest.fixture
def project(kept: Path) -> Project:
    return find_project(kept)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_takes_every_form_or_says_what_it_is(
    command: str, kept: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(kept)
    ask, takes, answer = COMMANDS[command]
    for text, kind in FORMS.items():
        said = ask(kept, text)
        if kind not in takes:
            assert said.returncode in (errors.EXIT_ERROR, errors.EXIT_USAGE), (text, said.stdout)
            assert f"{text.removeprefix('dataset:')}`" in said.stderr
            expected = SAID.get((command, kind)) or REFS[kind].TAKEN_BY.splitlines()[0]
            assert expected in said.stderr, (text, said.stderr)
        elif command == "data restore" and "iris" in text:
            assert "`iris` is made by a function, and has no file to restore" in said.stderr
        elif command == "diff":
            other = RUN if kind in ("run", "version") else CARD_RUN
            assert json.loads(said.stdout)["run_ids"] == [OTHER_RUN, other], text
        else:
            assert said.returncode == 0, (text, said.stderr)
            assert answer in said.stdout + said.stderr, (text, said.stdout)


def test_what_a_thing_is_said_to_be_taken_by_takes_it() -> None:
    assert {*REFS.values()} == {*get_args(Ref)}
    for kind, ref in REFS.items():
        named = {name for name in COMMANDS if f"`{name}`" in ref.TAKEN_BY}
        takes = {name for name, (_, takes, _) in COMMANDS.items() if kind in takes and name != "compare --baseline"}
        assert takes <= named, kind
    assert not {name for name, (_, takes, _) in COMMANDS.items() if "card" in takes} & {"promote", "lock"}


# Names of two things


def test_a_name_of_two_things_is_refused_and_each_has_another_name(kept: Path, project: Project) -> None:
    client = MlflowClient(project.tracking_uri)
    with open_reader(project) as reader:
        client.create_experiment("other")  # the card `other` is of the experiment `customers`
        with pytest.raises(errors.UsageError, match=r"may be the card configs/other\.yaml, or the experiment"):
            find("other", reader, project)
        assert find(str(kept / "configs" / "other.yaml"), reader, project).experiment == "customers"

        by_hand = client.create_experiment("by hand")
        twins = [client.create_run(by_hand, run_name="twin") for _ in range(2)]
        with pytest.raises(errors.RunUnknown, match="2 runs are called `twin`"):
            find("twin", reader, project)
        assert find(twins[0].info.run_id[:12], reader, project).run.run_id == twins[0].info.run_id

        named = client.create_run(by_hand, run_name="leavers/2").info.run_id
        with pytest.raises(errors.UsageError, match="may be the run that leavers/2 came from, or the run"):
            find("leavers/2", reader, project)
        for text in ("models:/leavers/2", "models:/leavers@production", "models:/leavers/latest"):
            assert find(text, reader, project).run.run_id == RUN
        client.delete_run(named)
        with pytest.raises(errors.RunUnknown, match="was deleted"):
            find(named, reader, project)


def test_whole_names_go_before_beginnings_of_ids_and_experiments_before_runs(kept: Path, project: Project) -> None:
    client = MlflowClient(project.tracking_uri)
    client.create_run(client.create_experiment(RUN[:5]), run_name=OTHER_RUN[:6])
    client.create_run(client.get_experiment_by_name(RUN[:5]).experiment_id, run_name="customers")
    with open_reader(project) as reader:
        assert find(RUN[:5], reader, project).run is None
        assert find(RUN[:4], reader, project).run.run_id == RUN
        assert find(OTHER_RUN[:6], reader, project).run.name == OTHER_RUN[:6]
        assert find("customers", reader, project).run is None
        with pytest.raises(errors.ExperimentUnknown, match="`b32` is no card, experiment or run"):
            find(RUN[:3], reader, project)


# The trial that a card's run stands for


def test_register_and_reproduce_take_the_same_trial_of_a_cards_run(kept: Path, project: Project) -> None:
    """The chosen one, else the best finalist, and the reason is said; where the chosen one was deleted, none."""
    client = MlflowClient(project.tracking_uri)

    def trial() -> Subject:
        with open_reader(project) as reader:
            return find_trial(OTHER_CARD_RUN, reader, project)

    found = trial()
    assert (found.run.run_id, found.chosen_as.partition(" of ")[0]) == (OTHER_RUN, "the chosen trial")
    assert find_recorded(OTHER_CARD_RUN, project).run.run_id == OTHER_RUN
    assert str(register(OTHER_CARD_RUN, project=project).version) == "leavers/1"

    client.delete_run(OTHER_RUN)
    for take in (trial, lambda: register(OTHER_CARD_RUN, project=project)):
        with pytest.raises(errors.RunUnknown, match=r"the chosen trial of `2026.*` was deleted"):
            take()
    client.restore_run(OTHER_RUN)

    decided = client.get_run(OTHER_CARD_RUN).data.tags["runcard.decision_run"]
    client.delete_tag(OTHER_CARD_RUN, "runcard.decision_run")
    assert (trial().run.run_id, trial().chosen_as.partition(" of ")[0]) == (OTHER_RUN, "the best finalist")
    client.set_tag(OTHER_CARD_RUN, "runcard.decision_run", decided)


def test_an_unknown_name_in_an_empty_folder_makes_nothing(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool.runcard]\n")
    for words in (("lock", "nothing"), ("data", "verify", "nothing")):
        said = call_cli(tmp_path, *words)
        assert said.returncode == errors.EXIT_USAGE
        assert "nothing" in said.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["pyproject.toml"]
