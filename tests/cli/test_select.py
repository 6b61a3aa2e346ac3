"""`runcard select` and the decision of `runcard run`, on a server over PostgreSQL."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from mlflow import MlflowClient
from mlflow.entities import Run
from projects import customers_card, make_customers, write_project

from runcard.cli import main

pytestmark = pytest.mark.slow

CARD = customers_card(
    models=[{"name": "random_forest", "params": {"n_estimators": [5, 10, 20], "max_depth": 4}}],
    selection={"rule": "one_standard_error", "cost": ["model_mb"], "constraints": {"cv_log_loss_mean": "<= 5"}},
)


def runcard_does(*arguments: str, exit_code: int = 0) -> Result:
    answer = CliRunner().invoke(main, arguments)
    assert answer.exit_code == exit_code, answer.output
    return answer


def select(*arguments: str, **how: int) -> dict[str, Any]:
    return dict(json.loads(runcard_does("select", *arguments, "--json", **how).stdout))


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory, mlflow_server_on_postgres: str) -> tuple[Path, dict[str, Any]]:
    """Run a card whose rule chooses another trial than the best."""
    folder = tmp_path_factory.mktemp("select") / "project"
    path = write_project(folder, CARD, table=make_customers())
    settings = folder / "pyproject.toml"
    settings.write_text(settings.read_text() + f'tracking_uri = "{mlflow_server_on_postgres}"\n')
    return folder, json.loads(runcard_does("run", str(path), "--json", "--workers", "2").stdout)


@pytest.fixture
def told(ran: tuple[Path, dict[str, Any]], monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Give what the run said, in its folder, MLflow being as the run left it."""
    folder, found = ran
    monkeypatch.chdir(folder)
    runcard_does("select")
    return found


@pytest.fixture
def client(mlflow_server_on_postgres: str) -> MlflowClient:
    return MlflowClient(mlflow_server_on_postgres)


def chosen_in(client: MlflowClient, experiment: str) -> list[Run]:
    """Find who says to be the chosen one; the card's own run is not among them."""
    found = client.get_experiment_by_name(experiment)
    runs = client.search_runs([found.experiment_id], filter_string="tags.`runcard.decision` = 'chosen'")
    return [run for run in runs if run.data.tags.get("runcard.kind") != "card"]


def decision_of(client: MlflowClient, run_id: str, folder: Path) -> dict[str, Any]:
    return dict(json.loads(Path(client.download_artifacts(run_id, "decision.json", str(folder))).read_text()))


def test_a_run_decides_and_the_chosen_one_is_a_finalist(
    told: dict[str, Any], client: MlflowClient, tmp_path: Path
) -> None:
    best, chosen = told["trials"][0], next(row for row in told["trials"] if row["chosen"])
    assert chosen["model_mb"] < best["model_mb"]
    assert [row["test_roc_auc"] is not None for row in (best, chosen)] == [True, True]
    card = client.get_run(told["run_id"])
    stored = decision_of(client, told["run_id"], tmp_path)
    assert stored["winner"]["run_id"] == chosen["run_id"] == card.data.tags["runcard.decision_run"]
    assert stored["winner"]["id"] == chosen["trial_key"] == card.data.tags["runcard.decision_trial"]
    assert (stored["test"]["score"], stored["test"]["n_openings"]) == (chosen["test_roc_auc"], 2)
    assert set(stored["test"]) == {"score", "n_openings", "copies"}
    assert stored["constraints"][0] | {"rejected": []} == {
        "name": "log_loss", "bound": "<= 5", "measured": "", "rejected": [], "unrecorded": [],
    }  # fmt: skip
    assert card.data.tags["runcard.test_openings"] == "2"
    assert card.data.metrics["chosen_test_roc_auc"] == chosen["test_roc_auc"]
    assert [run.info.run_id for run in chosen_in(client, "customers")] == [chosen["run_id"]]


def test_running_again_runs_nothing_and_decides_the_same(told: dict[str, Any]) -> None:
    again = json.loads(runcard_does("run", "card", "--json").stdout)
    assert (again["n_run"], again["run_id"]) == (0, told["run_id"])
    assert again["decision"] == told["decision"]


def test_select_reads_from_mlflow_what_the_run_decided(told: dict[str, Any]) -> None:
    found, decided = select("--dry-run"), told["decision"]

    def named(decision: dict[str, Any]) -> dict[str, Any]:
        text = json.dumps({name: value for name, value in decision.items() if name != "experiment"})
        return dict(json.loads(text, object_hook=lambda part: {k: v for k, v in part.items() if k != "run_id"}))

    assert named(found).keys() == named(decided).keys()
    for name in ("rule", "why", "runner_up", "ties", "pareto", "test", "n_compared", "left_out"):
        assert named(found)[name] == named(decided)[name], name


def test_selecting_anew_moves_the_tags_and_twice_is_as_once(
    told: dict[str, Any], client: MlflowClient, tmp_path: Path
) -> None:
    for _ in range(2):
        found = select("customers", "--rule", "best", "--min", "accuracy=0.1")
        (winner,) = chosen_in(client, "customers")
        assert winner.info.run_id == found["winner"]["run_id"] == told["trials"][0]["run_id"]
        assert winner.data.tags["runcard.decision_rule"] == "best"
        assert [bound["name"] for bound in found["constraints"]] == ["log_loss", "accuracy"]
        stored = decision_of(client, told["run_id"], tmp_path)
        assert stored == {name: value for name, value in found.items() if name != "experiment"}
    assert client.get_run(told["run_id"]).info.status == "FINISHED"


def test_a_dry_run_writes_nothing(told: dict[str, Any], client: MlflowClient) -> None:
    before = client.get_run(told["run_id"]).data.tags, chosen_in(client, "customers")[0].data.tags
    said = runcard_does("select", "--rule", "best", "--dry-run")
    assert "Nothing was written" in said.stderr
    assert (client.get_run(told["run_id"]).data.tags, chosen_in(client, "customers")[0].data.tags) == before


def test_where_nothing_qualifies_nobody_stays_chosen(told: dict[str, Any], client: MlflowClient) -> None:
    said = runcard_does("select", "--max", "model_mb=1e-9", exit_code=3)
    assert "none: no candidate qualifies" in said.stdout
    assert "error[RC701]: none of the 3 candidates qualifies" in said.stderr
    assert chosen_in(client, "customers") == []
    tags = client.get_run(told["run_id"]).data.tags
    assert (tags["runcard.decision"], tags["runcard.decision_run"]) == ("none", "none")


def test_one_that_is_no_finalist_is_said_to_have_no_test_score(told: dict[str, Any]) -> None:
    other = next(row for row in told["trials"] if "test_roc_auc" not in row)
    bound = f"{other['model_mb']!r}"
    said = runcard_does("select", "--dry-run", "--max", f"model_mb={bound}", "--min", f"model_mb={bound}")
    assert "none, nor a model: it is no finalist" in said.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--metric", "test_roc_auc"], "error[RC113]: `test_roc_auc` cannot decide"),
        (["--max", "test_log_loss=1"], "error[RC113]: `test_log_loss` cannot decide"),
        (["--metric", "roc_acu"], "hint:  use `roc_auc`"),
        (["--max", "predict_ms=5"], "hint:  use `predict_ms_p95`"),
        (["--max", "model_mb"], "hint:  write `--max model_mb=5`"),
        (["--max", "model_mb=nan"], "is no bound"),
        (["customers", "--experiment", "customers"], "exclude each other"),
        (["--experiment", "customers"], "hint:  add `--metric NAME`"),
        (["--experiment", "customers", "--metric", "test_roc_auc", "--maximize"], "error[RC113]"),
    ],
)
def test_what_cannot_be_asked(told: dict[str, Any], arguments: list[str], said: str) -> None:
    assert said in runcard_does("select", *arguments, exit_code=2).stderr


def test_another_rule_in_the_card_is_another_execution_and_trains_nothing(
    told: dict[str, Any], client: MlflowClient, ran: tuple[Path, dict[str, Any]]
) -> None:
    path = ran[0] / "configs" / "card.yaml"
    path.write_text(json.dumps({**CARD, "selection": {"constraints": {"model_mb": "<= 0.000001"}}}))
    try:
        none = json.loads(runcard_does("run", "card", "--json", exit_code=3).stdout)
        assert (none["n_run"], none["decision"]["winner"]) == (0, None)
        assert none["run_id"] != told["run_id"]
        assert client.get_run(none["run_id"]).info.status == "FINISHED"
        assert client.get_run(none["run_id"]).data.tags["runcard.decision"] == "none"
        assert chosen_in(client, "customers") == []
        runcard_does("run", "card", exit_code=3)
    finally:
        path.write_text(json.dumps(CARD))


@pytest.fixture
def scripted(client: MlflowClient) -> tuple[str, dict[str, str]]:
    """Make runs as any script would."""
    name = "scripted"
    if (found := client.get_experiment_by_name(name)) is None:
        experiment_id = client.create_experiment(name)
        for run, rmse, seconds, status in (
            ("a", 2.0, 1.0, "FINISHED"),
            ("b", 1.0, 9.0, "FINISHED"),
            ("c", 0.5, 1.0, "FAILED"),
            ("d", None, 1.0, "FINISHED"),
        ):
            run_id = client.create_run(experiment_id, run_name=run).info.run_id
            if rmse is not None:
                client.log_metric(run_id, "rmse", rmse)
            client.log_metric(run_id, "seconds", seconds)
            client.set_terminated(run_id, status)
        found = client.get_experiment_by_name(name)
    return name, {run.info.run_name: run.info.run_id for run in client.search_runs([found.experiment_id])}


def test_runs_of_any_script(scripted: tuple[str, dict[str, str]], client: MlflowClient, tmp_path: Path) -> None:
    name, ids = scripted
    asked = ["--experiment", name, "--metric", "rmse", "--tracking-uri", client.tracking_uri]
    found = select(*asked)
    assert (found["winner"]["label"], found["greater_is_better"]) == ("b", False)
    assert found["left_out"] == {"failed": 1, "without `rmse`": 1}
    assert decision_of(client, ids["b"], tmp_path)["winner"]["run_id"] == ids["b"]
    assert [run.info.run_id for run in chosen_in(client, name)] == [ids["b"]]
    found = select(*asked, "--max", "seconds=5")
    assert [run.info.run_id for run in chosen_in(client, name)] == [ids["a"]] == [found["winner"]["run_id"]]
    assert found["pareto"]["greater_is_better"] == {"seconds": False, "rmse": False}
    assert "runcard.decision_why" not in client.get_run(ids["b"]).data.tags
    select(*asked, "--max", "seconds=0", exit_code=3)
    assert chosen_in(client, name) == []


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--metric", "rmsee"], 2, "is more or less of `rmsee` better?"),
        (["--metric", "rmsee", "--minimize"], 1, "hint:  use `--metric rmse`"),
        (["--metric", "rmse", "--rule", "one_standard_error"], 2, "needs folds"),
        (["--metric", "rmse", "--max", "second=3"], 2, "use `seconds`"),
    ],
)
def test_what_runs_of_a_script_cannot_be_asked(
    scripted: tuple[str, dict[str, str]], client: MlflowClient, arguments: list[str], code: int, said: str
) -> None:
    where = ["--experiment", scripted[0], "--tracking-uri", client.tracking_uri]
    assert said in runcard_does("select", *where, *arguments, exit_code=code).stderr


def test_an_audit_reads_the_files_of_a_run_through_the_server(told: dict[str, Any]) -> None:
    found = {item["item"]: item for item in json.loads(runcard_does("audit", "--json").stdout)["items"]}
    kept = ("versioned", "split indices kept", "model kept", "all hyperparameters", "Python version")
    assert {name: found[name]["verdict"] for name in kept} == dict.fromkeys(kept, "passed")
    assert found["non-determinism known"]["mend"].startswith("runcard reproduce ")
