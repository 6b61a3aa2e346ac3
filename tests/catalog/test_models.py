from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from importlib import resources
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from sklearn.dummy import DummyRegressor
from sklearn.ensemble import BaggingClassifier, RandomForestClassifier, RandomForestRegressor
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from runcard import errors
from runcard.catalog import models
from runcard.catalog.models import (
    EstimatorEntry,
    ModelSpec,
    build_estimator,
    can_give,
    check_values,
    find_model,
    has_parameter,
    model_names,
    parameters_of,
    unknown_model,
    unknown_parameter,
)
from runcard.catalog.registered import Catalog, collect, model

NOTHING = Catalog()
SCRIPT = Path(__file__).parents[2] / "scripts" / "make_estimator_table.py"


def spec_of(name: str, catalog: Catalog = NOTHING) -> ModelSpec:
    spec = find_model(name, catalog)
    assert spec is not None
    return spec


def catalog_with(**functions: object) -> Catalog:
    module = ModuleType("project")
    vars(module).update(functions)
    return collect([module])


@pytest.mark.slow
def test_the_table_is_current() -> None:
    subprocess.run([sys.executable, str(SCRIPT), "--check"], check=True)


def test_a_card_is_judged_without_the_packages() -> None:
    code = (
        "import sys; from runcard.catalog import listing, registered as r;"
        "listing.list_models(r.Catalog()); listing.list_metrics(r.Catalog());"
        "listing.list_datasets(r.Catalog());"
        "import runcard.catalog.features, runcard.catalog.staging;"
        "print([m for m in ('sklearn', 'numpy', 'pandas', 'scipy', 'xgboost') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"


def test_a_pair_shares_one_name() -> None:
    forest = spec_of("random_forest")
    assert forest.tasks == ("classification", "regression")
    assert isinstance(build_estimator(forest, "classification", {}, seed=1), RandomForestClassifier)
    assert isinstance(build_estimator(forest, "regression", {}, seed=1), RandomForestRegressor)


@pytest.mark.parametrize(
    ("name", "class_name"),
    [
        ("ard_regression", "ARDRegression"),
        ("gaussian_nb", "GaussianNB"),
        ("k_neighbors", "KNeighborsRegressor"),
        ("linear_svc", "LinearSVC"),
        ("logistic_regression_cv", "LogisticRegressionCV"),
        ("mlp", "MLPRegressor"),
        ("pls_regression", "PLSRegression"),
        ("ridge_cv", "RidgeCV"),
        ("svc", "SVC"),
        ("xgboost", "XGBRegressor"),
        ("lightgbm", "LGBMRegressor"),
        ("catboost", "CatBoostRegressor"),
    ],
)
def test_names_are_the_classes_in_snake_case(name: str, class_name: str) -> None:
    spec = spec_of(name)
    assert spec.entries[spec.tasks[-1]].class_name == class_name


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("random_forest_classifier", "random_forest"),
        ("RandomForestRegressor", "random_forest"),
        ("SVC", "svc"),
        ("xgb", "xgboost"),
        ("lgbm", "lightgbm"),
        ("logistic_regresion", "logistic_regression"),
    ],
)
def test_an_unknown_name_gets_the_nearest(written: str, meant: str) -> None:
    assert find_model(written, NOTHING) is None
    assert unknown_model(written, NOTHING).hint == f"use `{meant}`; `runcard list models` shows all"


def test_parameters_come_sorted_and_with_the_parents() -> None:
    names = parameters_of(spec_of("xgboost"), "classification")
    assert names is not None
    assert list(names) == sorted(names)
    assert {"learning_rate", "scale_pos_weight", "rate_drop", "random_state"} <= set(names)


@pytest.mark.parametrize("name", ["logistic_regression", "xgboost", "lightgbm", "catboost"])
def test_a_typing_mistake_is_found(name: str) -> None:
    spec = spec_of(name)
    assert has_parameter(spec, "classification", "random_state")
    assert not has_parameter(spec, "classification", "random_statte")
    with pytest.raises(errors.HyperparameterUnknown, match="no hyperparameter `random_statte`") as caught:
        build_estimator(spec, "classification", {"random_statte": 1}, seed=1)
    assert caught.value.hint == "use `random_state`"


def test_an_unknown_hyperparameter_names_the_class() -> None:
    error = unknown_parameter(spec_of("random_forest"), "regression", "zzz")
    assert error.why == "RandomForestRegressor does not take it"
    assert error.hint.startswith("it has `bootstrap`, `ccp_alpha`")


def test_another_version_of_the_package_is_asked_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    # The table as an older package would have given it: without max_depth.
    spec = spec_of("random_forest")
    entry = spec.entries["classification"]
    older = replace(entry, parameters=tuple(p for p in entry.parameters if p != "max_depth"))
    spec = replace(spec, entries={"classification": older})
    assert not has_parameter(spec, "classification", "max_depth")

    document = {**models._document(), "made_with": {"scikit-learn": "1.6.0"}}
    monkeypatch.setattr(models, "_document", lambda: document)
    assert has_parameter(spec, "classification", "max_depth")
    assert not has_parameter(spec, "classification", "max_dept")


def test_open_random_states_get_the_seed() -> None:
    assert build_estimator(spec_of("random_forest"), "regression", {}, seed=5).random_state == 5
    given = build_estimator(spec_of("random_forest"), "regression", {"random_state": 9}, seed=5)
    assert given.random_state == 9
    null = build_estimator(spec_of("random_forest"), "regression", {"random_state": None}, seed=5)
    assert null.random_state == 5
    # A default that is a number: the card's seed counts.
    assert build_estimator(spec_of("perceptron"), "classification", {}, seed=5).random_state == 5


@pytest.mark.parametrize(
    ("name", "params", "expected"),
    [
        ("xgboost", {}, {"n_jobs": 1, "verbosity": 0, "random_state": 5}),
        ("lightgbm", {}, {"n_jobs": 1, "verbosity": -1, "deterministic": True, "force_col_wise": True}),
        ("lightgbm", {"force_row_wise": True}, {"force_row_wise": True}),
        ("catboost", {}, {"thread_count": 1, "allow_writing_files": False, "logging_level": "Silent"}),
        ("catboost", {"verbose": True}, {"verbose": True, "random_state": 5}),
        ("catboost", {"random_seed": 2}, {"random_seed": 2}),
    ],
)
def test_boosting_is_quiet_and_on_one_thread(name: str, params: dict[str, object], expected: dict[str, object]) -> None:
    built = build_estimator(spec_of(name), "regression", params, seed=5).get_params()
    assert expected.items() <= built.items()
    # Of two spellings of one thing only the card's is left.
    for pair in ({"force_row_wise", "force_col_wise"}, {"verbose", "logging_level"}):
        assert len(pair & built.keys()) < 2
    assert len({"random_seed", "random_state"} & built.keys()) == 1


def test_a_model_of_the_other_task_is_refused() -> None:
    with pytest.raises(errors.TaskMismatch, match="`svc` is for classification"):
        build_estimator(spec_of("svc"), "regression", {}, seed=1)


def test_a_missing_package_is_named() -> None:
    entry = EstimatorEntry("notinstalledhere.Thing", "", ("depth",))
    spec = ModelSpec("thing", "xgboost", {"regression": entry})
    with pytest.raises(errors.PackageMissing) as caught:
        build_estimator(spec, "regression", {}, seed=1)
    assert caught.value.hint == "pip install 'runcard[xgboost]'"


def test_an_estimator_the_installed_package_lacks_is_named() -> None:
    entry = EstimatorEntry("sklearn.ensemble.FutureForest", "", ("depth",))
    spec = ModelSpec("future_forest", "scikit-learn", {"regression": entry})
    with pytest.raises(errors.ModelUnknown, match="not in the scikit-learn that is installed"):
        build_estimator(spec, "regression", {}, seed=1)


@pytest.mark.parametrize(
    ("name", "params", "message"),
    [
        ("logistic_regression", {"C": -1}, "The 'C' parameter of LogisticRegression must be a float"),
        ("random_forest", {"max_features": "all"}, "The 'max_features' parameter of RandomForest"),
        ("xgboost", {"learning_rate": -1}, "value -1 for Parameter learning_rate should be greater"),
        ("xgboost", {"max_depth": "deep"}, "Invalid Parameter format for max_depth expect int"),
        ("xgboost", {"objective": "binary:logit"}, "Unknown objective function: `binary:logit`"),
        ("xgboost", {"n_estimators": 0}, "The `n_estimators` parameter must be a positive int."),
        ("lightgbm", {"num_leaves": 1}, "Check failed: (num_leaves) > (1)"),
        ("catboost", {"depth": 40}, "Maximum tree depth is 16"),
        ("catboost", {"loss_function": "Loss"}, "Loss loss is not supported"),
    ],
)
def test_values_are_judged_before_training(
    name: str, params: dict[str, object], message: str, capfd: pytest.CaptureFixture[str]
) -> None:
    estimator = build_estimator(spec_of(name), "classification", params, seed=1)
    found = check_values(estimator)
    assert found is not None
    assert found.startswith(message)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("name", "task", "params"),
    [
        ("xgboost", "classification", {"objective": "multi:softprob"}),
        ("xgboost", "classification", {"objective": "binary:logistic", "scale_pos_weight": 3}),
        ("xgboost", "regression", {"objective": "count:poisson"}),
        ("xgboost", "regression", {"monotone_constraints": [1, 0, 0, 0, 0]}),
        ("lightgbm", "classification", {"objective": "multiclass"}),
        ("lightgbm", "regression", {"objective": "poisson", "n_estimators": 3000}),
        ("catboost", "classification", {"loss_function": "MultiClass"}),
        ("catboost", "regression", {"loss_function": "Poisson", "n_estimators": 7}),
        ("bagging", "classification", {}),
    ],
)
def test_good_values_pass(name: str, task: Any, params: dict[str, object]) -> None:
    assert check_values(build_estimator(spec_of(name), task, params, seed=1)) is None


def test_values_of_estimators_inside_are_judged_too() -> None:
    inner = make_pipeline(StandardScaler(), LogisticRegression(C=-1))
    found = check_values(BaggingClassifier(estimator=inner))
    assert found is not None
    assert "'C' parameter" in found


def test_outputs_depend_on_hyperparameters() -> None:
    assert can_give(SVC(probability=False), "predict")
    assert can_give(SVC(), "score")
    assert not can_give(SVC(), "predict_proba")
    assert not can_give(DummyRegressor(), "score")


@model
def scaled_logistic(C: float = 1.0, random_state: int | None = None) -> Pipeline:
    """Logistic regression on standardised columns."""
    return make_pipeline(StandardScaler(), LogisticRegression(C=C, random_state=random_state))


@model(task="regression")
def anything(**hyperparameters: Any) -> DummyRegressor:
    return DummyRegressor(**hyperparameters)


@model
class Guess(DummyRegressor):  # type: ignore[misc]
    pass


@model
def number() -> Any:
    return 3


@model(name="random_forest")
def my_forest() -> Any:
    return RandomForestClassifier()


def test_a_projects_model_is_built_and_seeded() -> None:
    catalog = catalog_with(scaled_logistic=scaled_logistic)
    spec = spec_of("scaled_logistic", catalog)
    assert "scaled_logistic" in model_names(catalog)
    assert parameters_of(spec, "classification") == ("C", "random_state")
    built = build_estimator(spec, "classification", {"C": 3.0}, seed=5)
    assert built.get_params()["logisticregression__C"] == 3.0
    assert built.get_params()["logisticregression__random_state"] == 5
    assert spec.description == "Logistic regression on standardised columns."


def test_a_projects_model_tells_its_task() -> None:
    catalog = catalog_with(a=scaled_logistic, b=anything, c=Guess)
    assert spec_of("scaled_logistic", catalog).tasks == ("classification", "regression")
    assert spec_of("anything", catalog).tasks == ("regression",)
    assert spec_of("Guess", catalog).tasks == ("regression",)
    with pytest.raises(errors.TaskMismatch, match="`scaled_logistic` is for classification"):
        build_estimator(spec_of("scaled_logistic", catalog), "regression", {}, seed=1)


def test_a_projects_model_may_take_anything() -> None:
    spec = spec_of("anything", catalog_with(anything=anything))
    assert parameters_of(spec, "regression") is None
    assert has_parameter(spec, "regression", "whatever")
    with pytest.raises(errors.HyperparameterRejected, match="cannot be built") as caught:
        build_estimator(spec, "regression", {"whatever": 1}, seed=1)
    assert "unexpected keyword argument 'whatever'" in caught.value.why


def test_a_projects_model_must_be_an_estimator() -> None:
    spec = spec_of("number", catalog_with(number=number))
    with pytest.raises(errors.RegistrationInvalid, match="returns a `int`"):
        build_estimator(spec, "regression", {}, seed=1)


def test_a_project_cannot_take_a_packages_name() -> None:
    with pytest.raises(errors.RegistrationInvalid, match="a name that scikit-learn has"):
        find_model("random_forest", catalog_with(my_forest=my_forest))


def test_the_table_says_what_it_was_made_with() -> None:
    text = resources.files("runcard.catalog").joinpath("estimators.json").read_text(encoding="utf-8")
    assert set(json.loads(text)["made_with"]) == {"scikit-learn", "xgboost", "lightgbm", "catboost"}
