"""`runcard import`, on the sweeps of tests/golden/sweeps/: the card and what is said, to the letter."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from projects import make_customers

from runcard.card import load_card
from runcard.cli import main

GOLDEN = Path(__file__).parents[1] / "golden" / "sweeps"
CUSTOMERS = ("--data", "table.csv", "--target", "left")
OPTIONS: dict[str, tuple[str, ...]] = {
    "churn_grid": ("--model", "logistic_regression", *CUSTOMERS),
    "contradictions": ("--model", "logistic_regression", *CUSTOMERS),
    "doubts": (),
    "every_distribution": (),
    "keras_bayes": (),
    "mistakes": (),
    "nested_launch": ("--model", "mlp", *CUSTOMERS),
    "old_yaml": (),
    "ridge_neg_mse": ("--model", "ridge", "--data", "diabetes"),
    "xgboost_random": ("--model", "xgboost", *CUSTOMERS),
}
"""Case -> how it is imported."""


def call(*arguments: str) -> Result:
    return CliRunner().invoke(main, list(arguments))


def codes(answer: Result) -> list[str]:
    return re.findall(r"^error\[(RC\d+)\]", answer.stderr, re.MULTILINE)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "pyproject.toml").write_text("[tool.runcard]\n")
    make_customers().to_csv(tmp_path / "table.csv", index=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def put(project: Path, case: str) -> Path:
    sweep = project / "sweep.yaml"
    sweep.write_bytes((GOLDEN / case / "sweep.yaml").read_bytes())
    return sweep


def test_there_is_no_sweep_too_many() -> None:
    assert {path.name for path in GOLDEN.iterdir()} == set(OPTIONS)


@pytest.mark.parametrize("case", OPTIONS)
def test_golden(case: str, project: Path, request: pytest.FixtureRequest) -> None:
    put(project, case)
    answer = call("import", "sweep.yaml", "-o", "card.yaml", *OPTIONS[case])
    assert answer.exit_code in (0, 2), answer.stderr
    assert answer.stdout == ""
    said, card = GOLDEN / case / "stderr.txt", GOLDEN / case / "card.yaml"
    if request.config.getoption("--write-golden"):
        said.write_text(answer.stderr, encoding="utf-8")
        if answer.exit_code == 0:
            card.write_text((project / "card.yaml").read_text(encoding="utf-8"), encoding="utf-8")
    assert answer.stderr == said.read_text(encoding="utf-8")
    assert (answer.exit_code == 0) is card.exists() is (project / "card.yaml").exists()
    if card.exists():
        assert (project / "card.yaml").read_text(encoding="utf-8") == card.read_text(encoding="utf-8")


def test_the_same_on_standard_output(project: Path) -> None:
    put(project, "churn_grid")
    answer = call("import", "sweep.yaml", *OPTIONS["churn_grid"])
    assert answer.exit_code == 0
    assert answer.stdout == (GOLDEN / "churn_grid" / "card.yaml").read_text(encoding="utf-8")
    assert answer.stderr + "Wrote card.yaml\n" == (GOLDEN / "churn_grid" / "stderr.txt").read_text(encoding="utf-8")
    assert call("import", "sweep.yaml", "-o", "-", *OPTIONS["churn_grid"]).stdout == answer.stdout


@pytest.mark.parametrize("case", ["churn_grid", "ridge_neg_mse"])
def test_with_model_data_and_target_the_card_passes_check(project: Path, case: str) -> None:
    put(project, case)
    assert call("import", "sweep.yaml", "-o", "card.yaml", *OPTIONS[case]).exit_code == 0
    checked = call("check", "card.yaml")
    assert checked.exit_code == 0, checked.stderr
    assert "card.yaml is valid" in checked.stdout


@pytest.mark.parametrize("case", ["nested_launch", "xgboost_random"])
def test_the_card_of_a_random_search_is_a_card(project: Path, case: str) -> None:
    put(project, case)
    assert call("import", "sweep.yaml", "-o", "card.yaml", *OPTIONS[case]).exit_code == 0
    card = load_card(project / "card.yaml")
    assert card.search.method == "random"
    assert card.search.early_terminate is not None


def test_without_them_check_names_what_is_to_be_filled_in(project: Path) -> None:
    put(project, "keras_bayes")
    places = re.findall(r"^fill in: (card.yaml:\d+:\d+, [^:]+):", said(project), re.MULTILINE)
    assert len(places) == 4
    checked = call("check", "card.yaml")
    assert checked.exit_code == 2
    assert re.findall(r"^  where: (.*)$", checked.stderr, re.MULTILINE) == places
    assert codes(checked) == ["RC105", "RC105", "RC105", "RC103"]


def said(project: Path) -> str:
    return call("import", "sweep.yaml", "-o", "card.yaml").stderr


def test_once_filled_in_it_is_a_card(project: Path) -> None:
    put(project, "keras_bayes")
    said(project)
    card = project / "card.yaml"
    text = re.sub(r"  # fill in: .*", "", card.read_text())
    for blank, filled in (
        ("raw_path:", "raw_path: table.csv"),
        ("target:", "target: left"),
        ("- name:", "- name: mlp"),
        ("validation_loss", "log_loss"),
        ("optimizer", "solver"),
        ("learning_rate", "learning_rate_init"),
        ("epochs", "max_iter"),
    ):
        text = text.replace(blank, filled)
    card.write_text(text)
    assert load_card(card).models[0].name == "mlp"


def test_hyperparameters_that_the_model_lacks(project: Path) -> None:
    put(project, "churn_grid")
    answer = call("import", "sweep.yaml", "--model", "ridge", *CUSTOMERS)
    assert (answer.exit_code, answer.stdout) == (2, "")
    assert codes(answer) == ["RC110"]
    assert "where: sweep.yaml:15:3, parameters.C" in answer.stderr


def test_a_model_that_there_is_not(project: Path) -> None:
    put(project, "churn_grid")
    answer = call("import", "sweep.yaml", "--model", "random_forrest")
    assert answer.exit_code == 2
    assert answer.stderr.startswith("error[RC109]: unknown model `random_forrest`\n  where: --model\n")
    assert "use `random_forest`" in answer.stderr


def test_a_card_is_not_overwritten(project: Path) -> None:
    put(project, "churn_grid")
    (project / "card.yaml").write_text("mine")
    answer = call("import", "sweep.yaml", "-o", "card.yaml")
    assert (answer.exit_code, codes(answer)) == (2, ["RC001"])
    assert "`card.yaml` is there already" in answer.stderr
    assert (project / "card.yaml").read_text() == "mine"


def test_where_nothing_can_be_written(project: Path) -> None:
    put(project, "churn_grid")
    answer = call("import", "sweep.yaml", "-o", "nowhere/card.yaml")
    assert (answer.exit_code, codes(answer)) == (2, ["RC001"])
    assert "`nowhere/card.yaml` cannot be written" in answer.stderr


def test_what_the_options_say_is_checked_too(project: Path) -> None:
    put(project, "churn_grid")
    answer = call("import", "sweep.yaml", "-o", "card.yaml", "--model", "svc", "--data", "table.csv", "--target", "")
    assert answer.exit_code == 2
    assert not (project / "card.yaml").exists()


def test_data_are_named_from_the_projects_root(
    project: Path, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    put(project, "churn_grid")
    (project / "configs").mkdir()
    monkeypatch.chdir(project / "configs")
    assert "raw_path: table.csv\n" in call("import", "../sweep.yaml", "--data", "../table.csv").stdout
    assert "raw_path: later.csv\n" in call("import", "../sweep.yaml", "--data", "later.csv").stdout
    assert "dataset: iris\n" in call("import", "../sweep.yaml", "--data", "iris").stdout
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    sweep, table = str(project / "sweep.yaml"), str(project / "table.csv")
    assert f"raw_path: {table}\n" in call("import", sweep, "--data", table).stdout
    card = project / "configs" / "card.yaml"
    assert call("import", sweep, "--data", table, "-o", str(card)).exit_code == 0
    assert "raw_path: table.csv\n" in card.read_text()
