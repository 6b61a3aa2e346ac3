"""Every classifier and regressor that a card can name, run through cards: each trial is done, and done again the same.

Many models share a card, so that this takes minutes: one card for each table and task. What the replays come to is
counted in docs/reproducibility.md.
"""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import pytest
from estimator_cases import COLUMNS, EXCEPTIONS, Case, all_cases, make_table
from projects import write_project
from sklearn.utils import all_estimators

import runcard
from runcard.catalog.models import find_model, model_names
from runcard.catalog.registered import Catalog
from runcard.plan import Bench
from runcard.project import find_project
from runcard.replay import judge_outcome
from runcard.workflow.replay.again import train_again
from runcard.workflow.replay.reproduce import find_recorded
from runcard.workflow.resolve import resolve
from runcard.workflow.run.bench import choose_engine

PAGE = Path(__file__).parents[2] / "docs" / "reproducibility.md"
NOT_IDENTICAL: dict[tuple[str, str], str] = {}
"""Model and task -> the verdict of a faithful replay, where it is another one; the page says why."""


def groups() -> dict[tuple[str, str], list[Case]]:
    found: dict[tuple[str, str], list[Case]] = defaultdict(list)
    for case in all_cases():
        found[case.table, case.task].append(case)
    return dict(found)


def card_for(table: str, task: str, cases: list[Case]) -> dict[str, Any]:
    numerical, categorical = COLUMNS[table]
    return {
        "experiment": {"name": f"{table}-{task}"},
        "data": {"raw_path": "table.csv"},
        "features": {"numerical": numerical, "categorical": categorical, "target": "target"},
        "models": [{"name": case.model, "params": {n: {"value": v} for n, v in case.params.items()}} for case in cases],
        "evaluation": {"metrics": ["accuracy" if task == "classification" else "rmse"], "cv_folds": 2},
    }


def test_every_estimator_of_scikit_learn_has_a_case_or_a_reason() -> None:
    names = {name for kind in ("classifier", "regressor") for name, _ in all_estimators(type_filter=kind)}
    assert set(EXCEPTIONS) <= names
    n_cases = len({(case.model, case.task) for case in all_cases()})
    n_boosters = 6
    assert n_cases >= len(names) - len(EXCEPTIONS) + n_boosters
    assert {case.model for case in all_cases()} == set(model_names(Catalog()))


def test_the_page_counts_them() -> None:
    counted: Counter[tuple[str, str]] = Counter()
    otherwise: Counter[str] = Counter()
    for case in all_cases():
        spec = find_model(case.model, Catalog())
        assert spec is not None
        counted[spec.package, case.task] += 1
        otherwise[spec.package] += (case.model, case.task) in NOT_IDENTICAL
    rows = re.findall(r"^\| ([\w-]+) \| (\d+) \| (\d+) \| (\d+) \| (\d+) \|$", PAGE.read_text(), re.MULTILINE)
    assert {(row[0], *map(int, row[1:])) for row in rows} == {
        (package, n_of := counted[package, "classification"], n_to := counted[package, "regression"],
         n_of + n_to - otherwise[package], otherwise[package])
        for package, _ in counted
    }  # fmt: skip


@pytest.mark.long
@pytest.mark.slow
@pytest.mark.parametrize(("table", "task"), sorted(groups()))
def test_it_runs_through_a_card(table: str, task: str, tmp_path: Path, empty_mlflow_db: Path) -> None:
    cases = groups()[table, task]
    path = write_project(
        tmp_path / "project", card_for(table, task, cases), table=make_table(table), db=empty_mlflow_db
    )
    result = runcard.run(path, workers=2)
    standings = result.comparison.standings
    failed = {s.record.model: s.record.error for s in standings if s.record.status != "done"}
    assert failed == {}
    assert {s.record.model for s in standings} == {case.model for case in cases}
    assert result.problem is None, str(result.problem)
    assert all(s.final is not None for s in standings)
    unsaved = {s.record.model: s.final.unsaved for s in standings if s.final.unsaved}
    assert unsaved == {}
    assert result.n_left == 0
    assert len(json.loads(path.read_text())["models"]) == len(standings)
    assert verdicts(path, result, tmp_path) == {
        s.record.model: NOT_IDENTICAL.get((s.record.model, task), "identical") for s in standings
    }


def verdicts(path: Path, result: runcard.Result, folder: Path) -> dict[str, str]:
    """Run each recorded trial again, alone, and judge it as `runcard reproduce` does; the worker is shared."""
    project = find_project(path)
    resolved = resolve(path, project=project)
    plan, runs = resolved.plan, dict(zip(result.table["trial_key"], result.table["run_id"], strict=True))
    found = {}
    plan.work.stage(resolved.table, folder)
    with choose_engine(resolved.card, project, workers=1) as engine:
        for trial in plan.trials:
            recorded = find_recorded(runs[trial.key], project)
            bench = Bench(engine, folder, folder / trial.key)
            again = train_again(plan, trial, bench, is_finalist=recorded.is_finalist)
            found[trial.model] = again.error or judge_outcome(recorded.account.outcome, again.outcome).verdict
    return found
