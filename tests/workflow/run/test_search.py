"""Trials that depend on those before them: the same whatever ends first, and after whatever interruption.

The engine here does every task in this process and chooses by chance which of those in flight ends next.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd
import pytest
from projects import MOODY, write_project

from runcard.engine.base import Later
from runcard.plan import Bench, Plan, Trial
from runcard.record import Record
from runcard.tabular import FitTask, stage_table
from runcard.workflow.resolve import resolve
from runcard.workflow.run.search import RunningSearch, sweep

MODELS = [
    {"name": "logistic_regression", "params": {"C": {"distribution": "log_uniform_values", "min": 0.001, "max": 10}}},
    {
        "name": "hist_gradient_boosting",
        "params": {"max_iter": {"min": 3, "max": 12}, "learning_rate": {"min": 0.01, "max": 0.5}, "max_leaf_nodes": 4},
    },
]
pytestmark = pytest.mark.slow
BANDS = {"type": "hyperband", "min_iter": 2, "eta": 2}


class Shuffled:
    """Does tasks as they come and gives their results in an order of chance."""

    def __init__(self, n_workers: int, seed: int) -> None:
        self.n_workers = n_workers
        self.fits: list[FitTask] = []
        self._chance = random.Random(seed)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None: ...

    def run(self, function: Callable[[Any], Any], tasks: Iterable[Any | Later]) -> Iterator[tuple[int, Any]]:
        source, flying, n_taken = iter(tasks), [], 0
        while True:
            while len(flying) < self.n_workers and not isinstance(task := next(source, Later()), Later):
                flying.append((n_taken, task))
                n_taken += 1
                self.fits += [task] if isinstance(task, FitTask) else []
            if not flying:
                return
            number, task = flying.pop(self._chance.randrange(len(flying)))
            yield number, function(task)


class Story:
    """A plan, and what came of it in some order."""

    def __init__(self, folder: Path, **card: Any) -> None:
        rng = np.random.default_rng(3)
        self.frame = pd.DataFrame(rng.normal(size=(120, 3)), columns=["a", "b", "c"]).round(4)
        self.frame["y"] = (self.frame["a"] + self.frame["b"] ** 2 + rng.normal(0, 0.5, 120) > 0.8).astype(int)
        full = {
            "data": {"raw_path": "table.csv"},
            "features": {"target": "y"},
            "models": MODELS,
            "evaluation": {"metrics": ["roc_auc", "log_loss"], "cv_folds": 3},
            **card,
        }
        self.plan: Plan = resolve(
            write_project(folder / "project", full, table=self.frame, modules={"moods": MOODY})
        ).plan
        self._folder = folder
        stage_table(self.frame, self.plan.work.target.values, folder / "table")

    def run(
        self, n_workers: int = 2, seed: int = 0, known: dict[str, Record] | None = None, stop_after: int | None = None
    ) -> dict[str, Record]:
        """Run until some trials are done; return all that is known then."""
        found = dict(known or {})

        def find(trial: Trial) -> Record | None:
            return (known or {}).get(trial.key)

        self.engine = Shuffled(n_workers, seed)
        self.state = RunningSearch(self.plan, find)
        bench = Bench(self.engine, self._folder, self._folder / "scratch")
        self.state.ask_known()
        for record in sweep(self.plan, self.state, bench):
            assert record.trial_key not in found
            found[record.trial_key] = record
            if len(found) == stop_after:
                break
        return found


def essence(records: dict[str, Record]) -> dict[str, Any]:
    """Return all that must come out the same."""
    return {
        key: (r.index, r.model, r.params, r.status, r.scores, r.stopped_at, r.curves, r.error)
        for key, r in records.items()
    }


@pytest.fixture(scope="module", params=["bayes", "bayes with brackets", "random with brackets"])
def story(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Story:
    method, _, brackets = request.param.partition(" ")
    search = {"method": method, "trials": 12, "lag": 3} | ({"early_terminate": BANDS} if brackets else {})
    return Story(tmp_path_factory.mktemp("sweep"), search=search)


@pytest.fixture(scope="module")
def calm(story: Story) -> dict[str, Any]:
    """Return what comes of it one after the other."""
    found = essence(story.run(n_workers=1))
    assert len(found) == 12
    assert [trial.index for trial in story.state.trials] == list(range(12))
    return found


@pytest.mark.parametrize(("n_workers", "seed"), [(2, 1), (16, 3)])
def test_the_order_in_which_tasks_end_changes_nothing(story: Story, calm: Any, n_workers: int, seed: int) -> None:
    assert essence(story.run(n_workers, seed)) == calm


@pytest.mark.parametrize(("n_done", "n_workers"), [(1, 3), (8, 4)])
def test_an_interrupted_search_goes_on_as_if_it_had_not_been(
    story: Story, calm: Any, n_done: int, n_workers: int
) -> None:
    known = story.run(n_workers, seed=n_done, stop_after=n_done)
    assert len(known) == n_done
    assert essence(story.run(n_workers, seed=9, known=known)) == calm
    fitted = {stage.key for task in story.engine.fits for stage in task.stages}
    assert not fitted & set(known)


def test_a_search_that_is_over_runs_nothing(story: Story, calm: Any) -> None:
    known = story.run()
    state = RunningSearch(story.plan, lambda trial: known.get(trial.key))
    state.ask_known()
    assert state.pending == []
    assert state.is_over
    assert [trial.key for trial in state.trials] == sorted(calm, key=lambda key: calm[key][0])


# Brackets


def test_trials_that_fall_behind_are_stopped_and_cost_less(tmp_path: Path) -> None:
    story = Story(tmp_path, search={"method": "random", "trials": 18, "lag": 4, "early_terminate": BANDS})
    records = sorted(story.run().values(), key=lambda record: record.index)
    stopped = [record for record in records if record.status == "stopped"]
    done = [record for record in records if record.status == "done"]
    assert len(stopped) >= 4
    assert len(done) >= 4
    assert [record.stopped_at for record in records[:4]] == [None] * 4  # nobody was known before them
    for record in stopped:
        assert record.scores == {}
        assert record.error is None
        assert record.mean("roc_auc") is None
        assert max(record.curves["roc_auc"]) == record.stopped_at
    whole = [task for task in story.engine.fits if len(task.metrics) == 2]
    n_folds = {record.trial_key: 0 for record in records}
    for task in whole:
        n_folds[task.stages[0].key] += 1
    assert {n_folds[record.trial_key] for record in done} == {3}
    steps = {record.trial_key: record for record in stopped if record.model == "hist_gradient_boosting"}
    assert {n_folds[key] for key in steps} <= {0}
    folds = {record.trial_key: record for record in stopped if record.model == "logistic_regression"}
    assert {n_folds[key] for key in folds} <= {2}
    assert steps
    assert folds


def test_what_a_trial_is_judged_by_is_what_a_fit_of_so_many_rounds_gives(tmp_path: Path) -> None:
    search = {"method": "random", "trials": 6, "lag": 4, "early_terminate": BANDS}
    story = Story(tmp_path, search=search, models=MODELS[1:])
    for record in list(story.run().values())[:2]:
        points = record.curves["roc_auc"]
        assert {2} <= set(points)
        short = Story(
            tmp_path / record.trial_key[:8],
            models=[{"name": record.model, "params": record.params | {"max_iter": [2, 3]}}],
            search={"method": "grid", "early_terminate": {"type": "hyperband", "min_iter": 100}},
        )
        two = next(r for r in short.run().values() if r.params["max_iter"] == 2)
        assert points[2] == two.scores["roc_auc"][0]


def test_trials_that_only_differ_in_how_they_may_be_stopped_are_not_taken_for_each_other(tmp_path: Path) -> None:
    search = {"method": "random", "trials": 6}
    plain = Story(tmp_path / "a", search=search).plan
    more = Story(tmp_path / "b", search=search | {"trials": 9}).plan
    banded = Story(tmp_path / "c", search=search | {"early_terminate": BANDS}).plan
    longer = Story(tmp_path / "d", search=search | {"trials": 9, "early_terminate": BANDS}).plan
    other = Story(tmp_path / "e", search=search | {"early_terminate": BANDS | {"eta": 3}}).plan
    assert [t.key for t in more.trials[:6]] == [t.key for t in plain.trials]
    assert [t.key for t in longer.trials[:6]] == [t.key for t in banded.trials]
    keys = [{trial.key for trial in plan.trials} for plan in (plain, banded, other)]
    assert len(set.union(*keys)) == 18
    assert {plain.protocol} == {banded.protocol} == {other.protocol}


# What is not as it should be


def test_the_failed_are_told_and_the_others_go_on(tmp_path: Path) -> None:
    params = {"shift": {"min": -1.0, "max": 1.0}, "mood": ["good", "shy"]}
    story = Story(
        tmp_path,
        search={"method": "bayes", "trials": 12, "lag": 2},
        models=[{"name": "moody", "params": params}],
        evaluation={"metrics": ["accuracy"], "cv_folds": 3},
    )
    records = story.run().values()
    assert len(records) == 12
    shy = [record.error or "" for record in records if record.params["mood"] == "shy"]
    assert shy
    assert all(error.endswith(": RuntimeError: too many rows") for error in shy)
    assert {r.status for r in records if r.params["mood"] == "good"} == {"done"}


def test_impossible_points_are_told_apart_and_the_search_goes_on(tmp_path: Path) -> None:
    params = {
        "penalty": ["l1", "l2"],
        "loss": ["hinge", "squared_hinge"],
        "dual": [True, False],
        "C": {"distribution": "log_uniform_values", "min": 0.01, "max": 10},
    }
    stories = [
        Story(
            tmp_path / name,
            search={"method": "bayes", "trials": 20, "lag": 3},
            models=[{"name": "linear_svc", "params": params}],
            evaluation={"metrics": ["accuracy"], "cv_folds": 3},
        )
        for name in ("calm", "wild")
    ]
    calm, wild = stories[0].run(n_workers=1), stories[1].run(n_workers=5, seed=7)
    assert essence(calm) == essence(wild)
    works = {
        ("l1", "squared_hinge", False),
        ("l2", "hinge", True),
        ("l2", "squared_hinge", True),
        ("l2", "squared_hinge", False),
    }
    for record in calm.values():
        chosen = tuple(record.params[name] for name in ("penalty", "loss", "dual"))
        assert record.status == ("done" if chosen in works else "impossible")
        assert ("not supported" in (record.error or "")) is (record.status == "impossible")
    assert {record.status for record in calm.values()} == {"done", "impossible"}
    assert not any(
        task.estimator.get_params()["penalty"] == "l1" and task.estimator.dual for task in stories[0].engine.fits
    )
    half = stories[1].run(n_workers=2, stop_after=7)
    assert essence(stories[1].run(n_workers=2, known=half)) == essence(calm)


def test_a_space_that_is_used_up_is_run_whole(tmp_path: Path) -> None:
    models = [{"name": "logistic_regression", "params": {"C": [0.1, 1.0], "fit_intercept": [True, False]}}]
    story = Story(tmp_path, search={"method": "bayes", "trials": 50}, models=models)
    assert story.plan.n_trials == 4
    assert len(story.plan.trials) == 4
