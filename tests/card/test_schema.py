from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from ruamel.yaml import YAML

from runcard.card.schema import card_schema, plain_schema, schema_path
from runcard.catalog.models import find_model, model_names, parameters_of
from runcard.catalog.registered import Catalog

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted(ROOT.glob("examples/*/configs/*.yaml"))
SMALL: dict[str, Any] = {"data": {"dataset": "iris"}, "models": [{"name": "logistic_regression"}]}
DESIGN: dict[str, Any] = {
    "experiment": {"name": "churn", "description": "", "hypothesis": "x", "tags": {"project": "a", "n": 1}},
    "data": {
        "raw_path": "data/raw/customers.csv",
        "processed_path": "data/processed/customers.parquet",
        "na_values": ["NA"],
        "train_test_split": 0.2,
        "random_state": 42,
        "test_where": {"year": [2005], "city": "Ulm"},
    },
    "features": {"numerical": ["tenure"], "categorical": ["gender"], "target": "churn", "positive": "Yes"},
    "models": [
        {"name": "logistic_regression", "params": {"C": [0.01, 1], "max_iter": 1000}},
        {"name": "random_forest", "params": {"max_depth": [10, None]}, "features": {"numerical": ["age"]}},
        {
            "name": "xgboost",
            "params": {"learning_rate": {"distribution": "log_uniform_values", "min": 0.001, "max": 0.3}},
        },
        {"name": "one_of_the_project", "params": {"anything": {"value": [1, 2]}}},
    ],
    "search": {"method": "bayes", "trials": 50, "early_terminate": {"type": "hyperband", "min_iter": 2}},
    "evaluation": {
        "metrics": ["accuracy", "own_metric"],
        "primary": "accuracy",
        "cv_folds": 5,
        "cv_repeats": 1,
    },
    "selection": {
        "rule": "one_standard_error",
        "practical_difference": 0.01,
        "constraints": {"predict_ms_p95": "<= 5"},
        "cost": ["model_mb"],
    },
}


@pytest.fixture(scope="module")
def validator() -> Draft202012Validator:
    schema = card_schema()
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_the_examples_are_valid(path: Path, validator: Draft202012Validator) -> None:
    yaml = YAML(typ="safe", pure=True)
    assert list(validator.iter_errors(yaml.load(path.read_text(encoding="utf-8")))) == []


def test_there_are_examples() -> None:
    assert len(EXAMPLES) >= 3


@pytest.mark.parametrize("card", [SMALL, DESIGN, {**DESIGN, "evaluation": {"cv_folds": "leave_one_out"}}])
def test_good_cards_are_valid(card: dict[str, Any], validator: Draft202012Validator) -> None:
    assert [error.message for error in validator.iter_errors(card)] == []


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("experimnt",), {}),
        (("data", "raw_pth"), "a.csv"),
        (("data", "raw_path"), 3),
        (("data", "train_test_split"), 1),
        (("data", "train_test_split"), "0.2"),
        (("data", "random_state"), -1),
        (("data", "na_values"), "NA"),
        (("data", "test_where"), {"year": {}}),
        (("features", "numerical"), "age"),
        (("models",), []),
        (("models", 0), {"params": {}}),
        (("models", 0, "params"), {"n_trees": 3}),
        (("models", 0, "params"), {"C": []}),
        (("models", 0, "params"), {"C": {"distribution": "unifrm"}}),
        (("models", 0, "params"), {"C": {"mn": 1}}),
        (("search", "method"), "baies"),
        (("search", "early_terminate"), {"min_iter": 2}),
        (("evaluation", "metrics"), "accuracy"),
        (("evaluation", "cv_folds"), 1),
        (("evaluation", "cv_folds"), "all"),
        (("selection", "constraints"), {"model_mb": 5}),
        (("selection", "constraints"), {"model_mb": "5"}),
    ],
)
def test_bad_cards_are_not(path: tuple[Any, ...], value: object, validator: Draft202012Validator) -> None:
    card = copy.deepcopy(DESIGN)
    place: Any = card
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    assert list(validator.iter_errors(card))


@pytest.mark.parametrize("section", ["data", "models"])
def test_two_sections_are_required(section: str, validator: Draft202012Validator) -> None:
    card = {key: value for key, value in SMALL.items() if key != section}
    assert [error.message for error in validator.iter_errors(card)] == [f"'{section}' is a required property"]


def test_editors_are_offered_every_name() -> None:
    schema = card_schema()
    parts = schema["$defs"]
    assert parts["Model"]["properties"]["name"]["anyOf"][0]["enum"] == model_names(Catalog())
    assert "roc_auc" in parts["Evaluation"]["properties"]["metrics"]["items"]["anyOf"][0]["enum"]
    assert "iris" in parts["Data"]["properties"]["dataset"]["anyOf"][0]["enum"]
    given = {rule["if"]["properties"]["name"]["const"]: rule["then"] for rule in parts["Model"]["allOf"]}
    forest = find_model("random_forest", Catalog())
    assert forest is not None
    offered = given["random_forest"]["properties"]["params"]["properties"]
    assert set(offered) == {name for task in forest.tasks for name in parameters_of(forest, task) or ()}


def test_every_key_is_described_and_none_is_shown_as_null() -> None:
    schema = plain_schema()
    for section in (schema, *schema["$defs"].values()):
        assert section["description"]
        for key in section["properties"].values():
            assert key["description"]
            assert "null" not in str(key)


def test_the_schema_lies_where_the_editor_line_points(tmp_path: Path) -> None:
    card = tmp_path / "configs" / "card.yaml"
    card.parent.mkdir()
    lines = {
        "": card.parent / "runcard.schema.json",
        "# yaml-language-server: $schema=../own.json\n": card.parent / "../own.json",
        "data: {}\n#yaml-language-server:  $schema=x.json\n": card.parent / "x.json",
        "# yaml-language-server: $schema=https://example.org/card.json\n": None,
    }
    for text, place in lines.items():
        card.write_text(text)
        assert schema_path(card) == place
