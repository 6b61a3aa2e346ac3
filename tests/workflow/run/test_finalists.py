"""A finalist that fails: the next that the rule allows takes its place, and nothing is trained again for nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from projects import customers_card, journal_of, make_customers, write_project

import runcard
from runcard.project import find_project
from runcard.workflow.choose.select import select
from runcard.workflow.resolve import resolve

pytestmark = pytest.mark.slow

FRAGILE = """
import os
from pathlib import Path

import runcard
from sklearn.linear_model import LogisticRegression


@runcard.model
class fragile(LogisticRegression):
    def __init__(self, bound=1000, dies=False, C=1.0):
        super().__init__(C=C)
        self.bound, self.dies = bound, dies

    def fit(self, X, y, sample_weight=None):
        if len(X) > self.bound and self.dies:
            mark = Path(__file__).with_name("died")
            if not mark.exists() or mark.read_text() != "twice":
                mark.write_text("twice" if mark.exists() else "once")
                os._exit(1)
        elif len(X) > self.bound:
            with open(Path(__file__).with_name("tried"), "a") as file:
                file.write("x")
            raise ArithmeticError("it does not converge")
        return super().fit(X, y, sample_weight)
"""


def project(folder: Path, db: Path, models: list[dict[str, Any]], **selection: Any) -> Path:
    card = customers_card(models=models, evaluation={"metrics": ["roc_auc"], "cv_folds": 3})
    card |= {"selection": selection} if selection else {}
    return write_project(folder / "project", card, modules={"fragile_model": FRAGILE}, table=make_customers(), db=db)


def test_the_next_best_is_chosen_in_its_place(tmp_path: Path, empty_mlflow_db: Path) -> None:
    models = [{"name": "fragile", "params": {"bound": 110}}, {"name": "dummy"}]
    path = project(tmp_path, empty_mlflow_db, models)
    first = runcard.run(path, workers=1)
    assert first.comparison.best.record.model == "fragile"
    assert first.decision.winner.label.startswith("dummy")
    assert first.decision.test is not None
    assert [found.reason for found in first.decision.failed] == ["ArithmeticError: it does not converge"]
    assert first.problem.what == "the finalist `fragile bound=110` could not be scored on the test rows"
    assert first.problem.why == "ArithmeticError: it does not converge"
    assert "running it again will not help" in first.problem.hint
    assert first.problem.hint.endswith("; `dummy` was chosen in its place")

    with journal_of(path.parent.parent) as journal:
        assert journal.latest_execution(resolve(path).plan.hash, "customers").status == "failed"
    tried = (path.parent.parent / "tried").read_text()
    again = runcard.run(path, workers=1)
    assert (again.n_run, str(again.problem)) == (0, str(first.problem))
    assert again.decision == first.decision
    assert (path.parent.parent / "tried").read_text() == tried  # it was not trained once more

    selected = select("customers", find_project(path))
    assert selected.decision.winner.label.startswith("dummy")


def test_one_standard_error_allows_only_what_lies_within_it(tmp_path: Path, empty_mlflow_db: Path) -> None:
    models = [{"name": "fragile", "params": {"bound": 110, "C": [1, 1.01]}}, {"name": "dummy"}]
    path = project(tmp_path, empty_mlflow_db, models, rule="one_standard_error")
    result = runcard.run(path, workers=1)
    assert result.decision.winner is None
    assert len(result.decision.failed) == 2
    assert result.problem.hint.endswith("; the rule allows no other trial")


def test_one_whose_worker_died_is_tried_again(tmp_path: Path, empty_mlflow_db: Path) -> None:
    models = [{"name": "fragile", "params": {"bound": 110, "dies": True}}, {"name": "dummy"}]
    path = project(tmp_path, empty_mlflow_db, models)
    first = runcard.run(path, workers=1)
    assert first.decision.winner.label.startswith("fragile")
    assert first.problem.hint == "run the card again to try once more"
    again = runcard.run(path, workers=1)
    assert again.problem is None
    assert again.decision.test is not None
