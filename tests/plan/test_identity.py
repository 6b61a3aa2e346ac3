"""What names a plan and its trials: equal for equal work, in every process, and different for other work."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from projects import customers_card, make_customers, write_project

from runcard.plan import Plan, digest
from runcard.workflow.resolve import resolve


@pytest.fixture(scope="module")
def plan_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Plan]:
    def make(table: pd.DataFrame | None = None, **changes: Any) -> Plan:
        folder = tmp_path_factory.mktemp("plan") / "project"
        frame = make_customers() if table is None else table
        return resolve(write_project(folder, customers_card(**changes), table=frame)).plan

    return make


@pytest.fixture(scope="module")
def base(plan_of: Callable[..., Plan]) -> Plan:
    return plan_of()


def keys(plan: Plan) -> list[str]:
    return [trial.key for trial in plan.trials]


def test_words_are_not_part_of_it(base: Plan, plan_of: Callable[..., Plan]) -> None:
    other = plan_of(
        experiment={"name": "other", "description": "x", "hypothesis": "y", "tags": {"a": 1}},
    )
    assert (keys(other), other.protocol, other.hash) == (keys(base), base.protocol, base.hash)


def test_the_order_of_models_and_params_does_not_change_a_trials_key(base: Plan, plan_of: Callable[..., Plan]) -> None:
    models = [
        {"name": "random_forest", "params": {"max_depth": 4, "n_estimators": [10, 5]}},
        {"name": "logistic_regression", "params": {"C": [1.0, 0.1]}},
    ]
    other = plan_of(models=models)
    assert set(keys(other)) == set(keys(base))
    assert other.protocol == base.protocol


def test_a_larger_grid_keeps_the_keys_of_what_it_had(base: Plan, plan_of: Callable[..., Plan]) -> None:
    other = plan_of(models=[{"name": "logistic_regression", "params": {"C": [0.1, 1.0, 10.0]}}])
    assert other.protocol == base.protocol
    assert set(keys(other)) & set(keys(base)) == set(keys(base)[:2])
    assert other.hash != base.hash


CHANGES = {
    "metrics": {"evaluation": {"metrics": ["roc_auc", "accuracy"], "cv_folds": 3}},
    "folds": {"evaluation": {"metrics": ["roc_auc", "accuracy", "log_loss"], "cv_folds": 4}},
    "repeats": {"evaluation": {"metrics": ["roc_auc", "accuracy", "log_loss"], "cv_folds": 3, "cv_repeats": 2}},
    "seed": {"data": {"raw_path": "table.csv", "id": "customer", "train_test_split": 0.25, "random_state": 1}},
    "split": {"data": {"raw_path": "table.csv", "id": "customer", "train_test_split": 0.3}},
    "features": {"features": {"numerical": ["bill"], "target": "left", "positive": "yes"}},
    "positive": {
        "features": {
            "numerical": ["age", "bill"],
            "categorical": ["contract", "city"],
            "target": "left",
            "positive": "no",
        }
    },
}


@pytest.mark.parametrize("what", CHANGES)
def test_what_changes_a_number_changes_every_key(base: Plan, plan_of: Callable[..., Plan], what: str) -> None:
    other = plan_of(**CHANGES[what])
    assert other.protocol != base.protocol
    assert not set(keys(other)) & set(keys(base))


def test_one_value_of_one_row_changes_every_key(base: Plan, plan_of: Callable[..., Plan]) -> None:
    table = make_customers()
    table.loc[150, "bill"] += 0.01
    other = plan_of(table)
    assert other.work.fingerprint.digest != base.work.fingerprint.digest
    assert not set(keys(other)) & set(keys(base))


def test_the_primary_metric_is_of_the_plan_and_not_of_a_trial(base: Plan, plan_of: Callable[..., Plan]) -> None:
    metrics = {"metrics": ["roc_auc", "accuracy", "log_loss"], "primary": "log_loss", "cv_folds": 3}
    other = plan_of(evaluation=metrics)
    assert keys(other) == keys(base)
    assert other.hash != base.hash
    assert not other.primary.greater_is_better


def test_another_version_of_a_package_changes_the_keys_it_computed(
    base: Plan, plan_of: Callable[..., Plan], monkeypatch: pytest.MonkeyPatch
) -> None:
    from importlib import metadata

    real = metadata.version
    monkeypatch.setattr(metadata, "version", lambda name: "0.0" if name == "scikit-learn" else real(name))
    from runcard.provenance.capture.environment import versions_of

    if hasattr(versions_of, "cache_clear"):
        versions_of.cache_clear()
    other = plan_of()
    assert other.protocol == base.protocol
    assert not set(keys(other)) & set(keys(base))


CODE = """
import runcard
from sklearn.linear_model import LogisticRegression


def strength():
    return {strength}


@runcard.model(task="classification")
def ours(C: float = 1.0):
    return LogisticRegression(C=C * strength())


@runcard.model(task="classification")
def theirs(C: float = 1.0):
    return LogisticRegression(C=C)
"""


def test_the_code_of_a_registered_model_is_part_of_its_keys_only(tmp_path: Path) -> None:
    plans = []
    for n, strength in enumerate((1, 2)):
        card = customers_card(models=[{"name": "ours"}, {"name": "theirs"}])
        path = write_project(
            tmp_path / str(n),
            card,
            table=make_customers(),
            modules={"codes": CODE.replace("{strength}", str(strength))},
        )
        plans.append(resolve(path).plan)
    first, second = plans
    assert first.protocol == second.protocol
    assert first.trials[0].key != second.trials[0].key
    assert first.trials[1].key == second.trials[1].key


@pytest.mark.slow
def test_it_is_the_same_in_every_process(base: Plan, tmp_path: Path) -> None:
    path = write_project(tmp_path / "project", customers_card(), table=make_customers())
    code = "import sys; from runcard.workflow.resolve import resolve; print(resolve(sys.argv[1]).plan.hash)"
    for seed in ("0", "12345"):
        found = subprocess.run(
            [sys.executable, "-c", code, str(path)],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        )
        assert found.stdout.strip() == base.hash


def test_rows_of_other_sizes_have_another_digest() -> None:
    """The same row numbers, one after the other, cut elsewhere."""
    import numpy as np

    from runcard.data.splitfile import digest_rows

    def cut(at: int) -> str:
        rows = np.arange(10)
        return digest_rows(rows, rows, [(rows[:at], rows[at:])])["folds"]

    assert cut(4) != cut(5)
    assert cut(4) == "82eaca94d9d5d3316bff5838678516e209b4b85455de67c19e45c97ef2b7f1ab"


def test_a_digest_is_pinned_for_good() -> None:
    """Journals and MLflow hold it: another one would make all that is known be trained again."""
    assert digest({"C": 0.1, "name": "é", "many": [1, None, True]}).startswith("e36e6b489202c98d")


def test_another_seed_is_another_protocol_where_the_rows_are_the_same(plan_of: Callable[..., Plan]) -> None:
    """A split by time asks no seed; what trains does."""
    table = make_customers()
    table["day"] = pd.date_range("2020-01-01", periods=len(table)).astype(str)
    data = {"raw_path": "table.csv", "id": "customer", "time": "day"}
    one, two = (plan_of(table, data=data | {"random_state": seed}) for seed in (1, 2))
    assert one.parts["split"] == two.parts["split"]
    assert not set(keys(one)) & set(keys(two))


def test_digests_are_of_values_and_not_of_their_order_or_types() -> None:
    import numpy as np

    assert digest({"a": 1, "b": [1.5, None]}) == digest({"b": (1.5, None), "a": 1})
    assert digest(np.array([1, 2])) == digest([1, 2])
    assert digest(1) != digest(1.0) != digest("1")


def test_fits_are_shared_by_trials_that_differ_in_length_only(base: Plan) -> None:
    fits = base.fits()
    assert [(fit.model, len(fit.stages)) for fit in fits] == [
        ("logistic_regression", 1),
        ("logistic_regression", 1),
        ("random_forest", 2),
    ]
    forest = fits[2]
    assert forest.params["n_estimators"] == 10
    assert [stage.n_stages for stage in forest.stages] == [5, None]
    (only,) = base.fits([base.trials[2].key])
    assert (only.params["n_estimators"], [s.n_stages for s in only.stages]) == (5, [None])


def test_the_plan_is_plain_json(base: Plan) -> None:
    said = json.loads(json.dumps(base.as_dict()))
    assert said["hash"] == base.hash
    assert said["split"]["n_train"] == 120
    assert said["classes"] == ["no", "yes"]
    assert said["positive"] == "yes"
    assert [trial["params"] for trial in said["trials"]][:2] == [{"C": 0.1}, {"C": 1.0}]


# Searches

SPACE = [{"name": "logistic_regression", "params": {"C": {"min": 0.1, "max": 9.0}, "fit_intercept": [True, False]}}]


def test_a_bayesian_plan_is_named_by_its_search(plan_of: Callable[..., Plan]) -> None:
    def make(seed: int = 42, models: Any = SPACE, **search: Any) -> Plan:
        data = customers_card()["data"] | {"random_state": seed}
        return plan_of(models=models, data=data, search={"method": "bayes", "trials": 30, **search})

    plan = make()
    assert (plan.trials, plan.n_trials, plan.draw.lag) == ((), 30, 8)
    assert make().hash == plan.hash
    narrower = [{"name": "logistic_regression", "params": {"C": {"min": 0.2, "max": 9.0}}}]
    others = [make(trials=31), make(lag=4), make(seed=1), make(models=narrower)]
    assert len({plan.hash, *(other.hash for other in others)}) == 5
    assert make(trials=31).draw.identity == plan.draw.identity
    said = json.loads(json.dumps(plan.as_dict()))
    assert (said["n_trials"], said["search"]["method"]) == (30, "bayes")


def test_probes_hold_every_choice_and_the_ends_of_numbers(plan_of: Callable[..., Plan]) -> None:
    for method in ("bayes", "random"):
        plan = plan_of(models=SPACE, search={"method": method, "trials": 40})
        assert {probe.params["fit_intercept"] for probe in plan.probes} == {True, False}
        assert len(plan.probes) <= 4
    plan = plan_of(models=SPACE, search={"method": "random", "trials": 40})
    numbers = sorted(trial.params["C"] for trial in plan.trials)
    assert {numbers[0], numbers[-1]} <= {probe.params["C"] for probe in plan.probes}


def test_every_value_of_a_short_list_is_probed(plan_of: Callable[..., Plan]) -> None:
    models = [{"name": "logistic_regression", "params": {"C": [0.1 * n for n in range(1, 8)]}}]
    assert len(plan_of(models=models).probes) == 7
    models = [{"name": "logistic_regression", "params": {"C": [0.1 * n for n in range(1, 60)]}}]
    assert [probe.params["C"] for probe in plan_of(models=models).probes] == [0.1, 0.1 * 59]


def test_a_search_of_one_trial_goes_straight_to_the_test(plan_of: Callable[..., Plan]) -> None:
    card = {"metrics": ["roc_auc"]}
    plan = plan_of(models=SPACE, search={"method": "bayes", "trials": 1}, evaluation=card)
    assert (len(plan.trials), plan.n_units) == (1, 0)


@pytest.mark.parametrize("package", ["optuna", "scikit-learn", "numpy", "scipy"])
def test_what_draws_the_trials_of_a_search_is_part_of_it(
    plan_of: Callable[..., Plan], monkeypatch: pytest.MonkeyPatch, package: str
) -> None:
    from importlib import metadata

    stop = {"type": "hyperband", "min_iter": 2}
    searches = [
        {"method": "bayes", "trials": 30},
        {"method": "bayes", "trials": 30, "early_terminate": stop},
        {"method": "random", "trials": 30, "early_terminate": stop},
    ]
    before = [plan_of(models=SPACE, search=search) for search in searches]
    real = metadata.version
    monkeypatch.setattr(metadata, "version", lambda name: "0.0" if name == package else real(name))
    after = [plan_of(models=SPACE, search=search) for search in searches]
    changed = [old.hash != new.hash for old, new in zip(before, after, strict=True)]
    assert changed == [True, True, package != "optuna"]  # a random search knows nothing of Optuna
    assert before[2].trials
    assert (keys(before[2]) != keys(after[2])) is (package != "optuna")


def test_every_combination_of_words_is_probed(plan_of: Callable[..., Plan]) -> None:
    params = {"penalty": ["l1", "l2"], "dual": [True, False], "C": [0.1 * n for n in range(1, 20)]}
    plan = plan_of(models=[{"name": "linear_svc", "params": params}], evaluation={"metrics": ["accuracy"]})
    assert len({(probe.params["penalty"], probe.params["dual"]) for probe in plan.probes}) == 4
    assert len(plan.probes) <= 6
