"""Warnings of estimators are counted in one line, with the first text."""

from __future__ import annotations

from pathlib import Path

import pytest
from projects import call_cli, customers_card, make_customers, write_project


@pytest.mark.slow
def test_warnings_are_one_line_with_their_number_and_the_first_text(tmp_path: Path, empty_mlflow_db: Path) -> None:
    models = [{"name": "logistic_regression", "params": {"max_iter": [1, 2000]}}]
    folder = tmp_path / "project"
    write_project(folder, customers_card(models=models), table=make_customers(), db=empty_mlflow_db)
    done = call_cli(folder, "run", "card", "--workers", "1")
    assert done.returncode == 0, done.stderr
    (line,) = [line for line in done.stderr.splitlines() if "fits warned" in line]
    assert line.startswith("warning: 3 of 7 fits warned: ConvergenceWarning: lbfgs failed to converge")
    assert "(the first: logistic_regression max_iter=1)" in line
    quiet = call_cli(folder, "run", "card", "--workers", "1", "--json")
    assert "ConvergenceWarning" in quiet.stdout
