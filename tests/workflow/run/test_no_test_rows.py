"""A card that keeps no rows for the test."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from projects import call_cli, customers_card, make_customers, write_project

import runcard
from runcard import errors
from runcard.workflow.resolve import resolve

CHOSEN_BY = "the score is the one that it was chosen by"


def card_of(**more: Any) -> dict[str, Any]:
    models = [{"name": "logistic_regression", "params": {"C": [0.1, 1.0]}}, {"name": "random_forest"}]
    data = {"raw_path": "table.csv", "train_test_split": 0}
    return customers_card(data=data, models=models, **more)


def test_all_rows_are_in_the_folds(tmp_path: Path) -> None:
    path = write_project(tmp_path / "project", card_of(), table=make_customers())
    plan = resolve(path).plan
    assert (len(plan.work.split.train), len(plan.work.split.test)) == (160, 0)
    assert sorted(row for _, score in plan.work.split.folds for row in score) == list(range(160))
    shown = " ".join(call_cli(path.parents[1], "check", str(path)).stdout.split())
    assert "all 160 rows are trained on, none are kept for the test" in shown


def test_without_folds_either_nothing_would_be_measured(tmp_path: Path) -> None:
    card = card_of(evaluation={"metrics": ["accuracy"]}) | {"models": [{"name": "svc"}]}
    with pytest.raises(errors.SplitImpossible, match="neither folds nor test rows") as caught:
        resolve(write_project(tmp_path / "project", card, table=make_customers()))
    assert "data.train_test_split" in caught.value.where


@pytest.mark.slow
def test_every_command_says_that_its_score_is_the_one_it_was_chosen_by(tmp_path: Path, empty_mlflow_db: Path) -> None:
    table = make_customers()
    path = write_project(tmp_path / "project", card_of(), table=table, db=empty_mlflow_db)
    folder = path.parents[1]

    def say(*arguments: str, code: int = 0) -> str:
        answer = call_cli(folder, *arguments)
        assert answer.returncode == code, (arguments, answer.stdout, answer.stderr)
        return " ".join((answer.stdout + answer.stderr).split())

    said = say("run", str(path), "--workers", "1")
    assert "refitted on all rows; none are kept for the test" in said
    assert CHOSEN_BY in said
    assert "Nothing to run" in say("run", str(path))
    told = json.loads(say("run", str(path), "--json").partition("Nothing to run")[0] or "null")
    assert told["decision"]["has_test_rows"] is False
    assert not [name for row in told["trials"] for name in row if name.startswith("test_")]
    assert "No rows are kept for the test" in say("compare", "card")
    assert CHOSEN_BY in say("select", "card")
    assert "by which it was chosen: there are no test rows" in say("register", "card")
    promoted = say("promote", f"{told['experiment']}/1", "--to", "production")
    assert "no holder yet; its card keeps no rows for the test" in promoted
    assert "no test rows: scores are those that were chosen by" in say("audit", "card")
    chosen = next(row["run_id"] for row in told["trials"] if row["chosen"])
    assert "identical" in say("reproduce", chosen, "--here")
    say("predict", f"{told['experiment']}@production", "table.csv", "--output", "said.csv")
    assert len(pd.read_csv(folder / "said.csv")) == len(table)

    others = {row["run_id"] for row in told["trials"] if row["run_id"] != chosen and row["model"] == "random_forest"}
    say("register", others.pop())
    refused = say("promote", f"{told['experiment']}/2", "--to", "production", code=3)
    assert "unknown: beats_holder:" in refused
    assert "has no test rows; its score is the one that it was chosen by" in refused


@pytest.mark.slow
def test_python_and_leave_one_out(tmp_path: Path, empty_mlflow_db: Path) -> None:
    table = make_customers().head(24)
    card = card_of(evaluation={"metrics": ["accuracy", "f1"], "cv_folds": "leave_one_out"})
    card["models"] = card["models"][:1]
    result = runcard.run(write_project(tmp_path / "project", card, table=table, db=empty_mlflow_db), workers=1)
    assert result.problem is None
    assert result.chosen is not None
    assert len(result.chosen.record.scores["accuracy"]) == 24
    assert result.chosen.final is not None
    assert result.chosen.final.scores == {}
    assert result.decision is not None
    assert result.decision.test is None
