"""The three examples, each copied as it stands and run with the real command."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from projects import EXAMPLES, call_cli, copy_example, count_rows, json_scores, run_cli

import runcard
from runcard.tracking.mlflow import MlflowTracker

pytestmark = [pytest.mark.slow, pytest.mark.long]

GOLDEN = Path(__file__).parents[1] / "golden" / "iris_scores.json"


def tracked_runs(folder: Path, experiment: str) -> list[tuple[str, str]]:
    with MlflowTracker(f"sqlite:///{folder / 'mlflow.db'}", artifact_root=folder) as tracker:
        return sorted((row.run_id, row.status) for row in tracker.read_runs(experiment))


def golden_scores() -> dict[tuple[str, str], dict[str, float]]:
    rows = json.loads(GOLDEN.read_text())
    return {(row["model"], json.dumps(row["params"])): row["scores"] for row in rows}


def found_scores(rows: list[dict]) -> dict[tuple[str, str], dict[str, float]]:
    return {
        (row["model"], json.dumps({k[6:]: v for k, v in row.items() if k.startswith("param_")})): {
            k: v for k, v in row.items() if k.startswith(("cv_", "test_"))
        }
        for row in rows
    }


@pytest.fixture(scope="module")
def iris(tmp_path_factory: pytest.TempPathFactory):
    folder = copy_example("iris", tmp_path_factory.mktemp("examples"))
    return folder, run_cli(folder, "run", "exp_v1")


def test_the_iris_card_is_found_by_its_bare_name_and_ranked(iris) -> None:
    _, answer = iris
    assert answer.returncode == 0, answer.stderr
    lines = answer.stdout.splitlines()
    assert lines[0].startswith("Trials by accuracy")
    assert lines[1].split() == ["rank", "parameters", "accuracy", "fit", "s", "f1_macro", "log_loss"]
    assert [line.split()[1] for line in lines[2:5]] == ["strength=0.1", "strength=1.0", "strength=10.0"]
    assert lines[5] == "The same in all: model=sparse_logistic."
    assert lines[6].startswith("* chosen")  # the Pareto view counts milliseconds: it may hold one trial or more
    assert lines[7].startswith("Finalists")
    assert lines[9].split()[1:4] == ["sparse_logistic", "strength=0.1", "1.0000"]
    assert lines[9].strip().startswith("1*")
    assert lines[10] == "Decision by accuracy, rule best"


def test_progress_goes_to_standard_error(iris) -> None:
    _, answer = iris
    said = answer.stderr.splitlines()
    assert said[0] == "iris_exp_v1: 3 trials, 5 folds, 120 training and 30 test rows"
    assert said[-1] == "Recorded in MLflow, experiment `iris_exp_v1`. Open it: runcard ui"
    assert "3 done, 0 failed, 0 left" in answer.stderr
    assert "warning" not in answer.stderr.lower()


def test_running_again_from_python_runs_nothing_and_the_scores_are_the_golden_ones(iris) -> None:
    folder, _ = iris
    result = runcard.run(folder / "configs" / "exp_v1.yaml")
    assert (result.n_run, result.n_left, result.experiment) == (0, 0, "iris_exp_v1")
    golden = golden_scores()
    found = found_scores(result.table.to_dict("records"))
    assert found.keys() == golden.keys()
    for trial, scores in golden.items():
        assert {name: found[trial][name] for name in scores} == pytest.approx(scores, rel=0, abs=1e-12)


def test_running_again_runs_nothing(iris) -> None:
    folder, first = iris
    before = tracked_runs(folder, "iris_exp_v1"), count_rows(folder, "records"), count_rows(folder, "parcels")
    again = call_cli(folder, "run", "exp_v1")
    assert again.returncode == 0, again.stderr
    assert again.stderr.splitlines()[0] == "Nothing to run: all 3 trials are done."
    assert again.stdout == first.stdout
    after = tracked_runs(folder, "iris_exp_v1"), count_rows(folder, "records"), count_rows(folder, "parcels")
    assert after == before
    assert count_rows(folder, "executions") == 1
    assert {status for _, status in after[0]} == {"FINISHED"}


def test_compare_ranks_what_mlflow_has(iris) -> None:
    folder, _ = iris
    answer = call_cli(folder, "compare")
    assert answer.returncode == 0, answer.stderr
    strengths = ["strength=0.1", "strength=1.0", "strength=10.0"]
    assert [line.split()[1] for line in answer.stdout.splitlines()[2:5]] == strengths
    said = json.loads(call_cli(folder, "compare", "iris_exp_v1", "--format", "json").stdout)
    assert [row["params"]["strength"] for row in said["runs"]] == ["0.1", "1.0", "10.0"]


def test_fresh_runs_all_again_and_gets_the_same(iris) -> None:
    folder, _ = iris
    known = json_scores(call_cli(folder, "run", "exp_v1", "--json"))
    n_runs = len(tracked_runs(folder, "iris_exp_v1"))
    fresh = call_cli(folder, "run", "exp_v1", "--fresh", "--json", "--workers", "1")
    assert json.loads(fresh.stdout)["n_run"] == 3
    assert json_scores(fresh) == known
    assert len(tracked_runs(folder, "iris_exp_v1")) == n_runs + 4
    assert count_rows(folder, "executions") == 2


@pytest.mark.parametrize("workers", ["1", "2"])
def test_scores_do_not_depend_on_workers_or_folder(iris, workers: str, tmp_path: Path) -> None:
    folder, _ = iris
    elsewhere = copy_example("iris", tmp_path)
    answer = run_cli(elsewhere, "run", "exp_v1", "--workers", workers, "--json", PYTHONHASHSEED=workers)
    assert answer.returncode == 0, answer.stderr
    assert json_scores(answer) == json_scores(call_cli(folder, "run", "exp_v1", "--json"))


def test_diabetes_goes_straight_to_the_test(tmp_path: Path) -> None:
    folder = copy_example("diabetes", tmp_path)
    (card,) = (EXAMPLES / "diabetes" / "configs").glob("*.yaml")
    answer = call_cli(folder, "run", card.stem)
    assert answer.returncode == 0, answer.stderr
    lines = answer.stdout.splitlines()
    assert lines[0].startswith("Finalists")
    assert lines[1].split()[:4] == ["rank", "model", "parameters", "rmse"]
    row = lines[2].split()
    assert row[:2] == ["1*", "random_forest"]
    assert re.search(r"n_estimators=150, max_depth=6 +5[0-9]\.\d{4}", lines[2])
    assert lines[3] == "Decision by rmse, rule best"
    again = call_cli(folder, "run", card.stem)
    assert again.stderr.startswith("Nothing to run: all 1 trials are done.") or again.stderr.startswith(
        "Nothing to run: the trial is done."
    )
    assert again.stdout == answer.stdout


def test_the_full_churn_card(tmp_path: Path) -> None:
    folder = copy_example("churn", tmp_path)
    answer = run_cli(folder, "run", "churn", "--workers", "2")
    assert answer.returncode == 0, answer.stderr
    assert "58 trials, 5 folds, 5,634 training and 1,409 test rows" in answer.stderr
    lines = answer.stdout.splitlines()
    assert lines[0].startswith("Trials by roc_auc")
    assert any("20 of 58 trials" in line for line in lines)
    best = lines[2].split()
    assert best[0].startswith("1*")
    assert 0.84 < float(best[best.index("±") - 1]) < 0.86
    assert (folder / "data" / "processed" / "customers_processed.parquet").is_file()
    again = call_cli(folder, "run", "churn", "--json")
    said = json.loads(again.stdout)
    assert (said["n_run"], len(said["trials"])) == (0, 58)
    finalists = {row["model"] for row in said["trials"] if "test_roc_auc" in row}
    assert finalists == {"logistic_regression", "random_forest", "xgboost"}
    assert len(tracked_runs(folder, "customer_churn_prediction")) == 59
