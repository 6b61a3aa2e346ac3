from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from projects import customers_card, make_customers, write_project

from runcard.cli import main


def check(*arguments: str, columns: int | None = None) -> Result:
    environment = {"COLUMNS": str(columns)} if columns else {}
    return CliRunner().invoke(main, ["check", *arguments], env=environment)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    write_project(tmp_path / "project", customers_card(), table=make_customers())
    monkeypatch.chdir(tmp_path / "project")
    return tmp_path / "project"


def rewrite(project: Path, **changes: Any) -> None:
    (project / "configs" / "card.yaml").write_text(json.dumps(customers_card(**changes), indent=2))


def codes(answer: Result) -> list[str]:
    return [line[6:11] for line in answer.stderr.splitlines() if line.startswith("error[")]


def test_the_plan_is_printed(project: Path) -> None:
    answer = check("card")
    assert answer.exit_code == 0, answer.stderr
    said = " ".join(answer.stdout.split())
    for part in (
        "configs/card.yaml is valid",
        "table.csv: 160 rows, 6 columns, fingerprint",
        "classification of `left`",
        "positive: yes",
        "stratified: 120 training and 40 test rows, seed 42",
        "3, each fits on and scores 80 + 40 rows",
        "ranked by roc_auc, greater is better",
        "4: logistic_regression 2, random_forest 2",
        "9 on the folds, 2 on all training rows",
        "numerical 10 56",
        "customer string id 0 160",
    ):
        assert part in said
    assert answer.stderr == ""


@pytest.mark.parametrize(
    ("search", "said"),
    [
        ({"method": "bayes", "trials": 20}, ["20 by a Bayesian search of `logistic_regression`", "60 on the folds"]),
        (
            {"method": "random", "trials": 20, "early_terminate": {"type": "hyperband", "min_iter": 2}},
            ["20: logistic_regression 20; those that fall behind are stopped early", "at most 60 on the folds"],
        ),
    ],
)
def test_searches_are_told(project: Path, search: dict[str, Any], said: list[str]) -> None:
    rewrite(project, models=[{"name": "logistic_regression", "params": {"C": {"min": 0.1, "max": 9.0}}}], search=search)
    answer = check("card", columns=160)
    assert answer.exit_code == 0, answer.stderr
    for part in said:
        assert part in " ".join(answer.stdout.split())


def test_a_space_with_fewer_points_than_trials_is_said(project: Path) -> None:
    models = [{"name": "logistic_regression", "params": {"C": [0.1, 1.0]}}]
    rewrite(project, models=models, search={"method": "random", "trials": 9})
    assert "2: logistic_regression 2; there are no more than these 2" in " ".join(check("card").stdout.split())


@pytest.mark.parametrize("columns", [80, 160])
def test_it_fits_the_terminal(project: Path, columns: int) -> None:
    lines = check("card", columns=columns).stdout.splitlines()
    assert max(len(line.rstrip()) for line in lines) <= 160


def test_nothing_is_trained_or_recorded(project: Path) -> None:
    assert check("card").exit_code == 0
    assert not (project / ".runcard").exists()
    assert not (project / "mlflow.db").exists()


def test_the_plan_as_json(project: Path) -> None:
    answer = check("card", "--json")
    plan = json.loads(answer.stdout)
    assert (plan["task"], plan["primary"], len(plan["trials"])) == ("classification", "roc_auc", 4)
    assert plan["split"]["n_train"] == 120
    assert plan["hash"] == json.loads(check("configs/card.yaml", "--json").stdout)["hash"]


def test_a_card_given_by_path_finds_its_data_from_elsewhere(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    answer = check("project/configs/card.yaml")
    assert answer.exit_code == 0, answer.stderr
    assert "project/configs/card.yaml is valid" in answer.stdout
    monkeypatch.chdir(project / "configs")
    assert check("card.yaml").exit_code == 0


def test_faults_of_the_text_come_first_and_all_at_once(project: Path) -> None:
    rewrite(project, features={"target": "gone", "numerical": ["age", "age"]}, selection={"rule": "bst"})
    answer = check("card")
    assert (answer.exit_code, answer.stdout) == (2, "")
    assert codes(answer) == ["RC211", "RC106"]


def test_then_all_faults_of_the_data_at_once(project: Path) -> None:
    frame = make_customers()
    frame["bill"] = frame["bill"].astype(object)
    frame.loc[7, "bill"] = "?"
    frame.loc[3, "customer"] = "c0002"
    frame.to_csv(project / "table.csv", index=False)
    rewrite(
        project,
        data={"raw_path": "table.csv", "id": "customer", "test_where": {"yaer": 1}},
        features={"target": "left", "numerical": ["age", "bill", "tenure"], "categorical": ["citty"]},
        models=[{"name": "svc", "features": {"numerical": ["aeg"]}}],
        evaluation={"metrics": ["rmse", "accuracy"]},
    )
    answer = check("card")
    assert answer.exit_code == 2
    assert codes(answer) == ["RC205"] * 4 + ["RC208", "RC210", "RC303"]
    assert "data.test_where.yaer" in answer.stderr
    assert "models[0].features.numerical[0]" in answer.stderr


def test_targets_folds_and_columns_fail_at_once(project: Path) -> None:
    frame = make_customers()
    frame["left"] = ["yes"] * 3 + ["no"] * 157
    frame["bill"] = "much"
    frame.to_csv(project / "table.csv", index=False)
    assert codes(check("card")) == ["RC208"]  # the folds are made of good columns
    rewrite(
        project,
        features={"target": "left", "numerical": ["age"]},
        evaluation={"cv_folds": 5, "metrics": ["roc_auc_ovr"]},
    )
    assert codes(check("card")) == ["RC302", "RC207"]


def test_values_that_estimators_reject_are_found_before_training(project: Path) -> None:
    rewrite(project, models=[{"name": "logistic_regression", "params": {"C": [1, -1], "penalty": "l3"}}])
    answer = check("card")
    assert set(codes(answer)) == {"RC301"}


@pytest.mark.parametrize("arguments", [["gone"], ["card", "--nothing"], []])
def test_wrong_usage(project: Path, arguments: list[str]) -> None:
    assert check(*arguments).exit_code == 2
