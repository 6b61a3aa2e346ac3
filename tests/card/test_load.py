from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

import runcard
from runcard import errors
from runcard.card import Card, find_card, load_card
from runcard.project import Project, find_project
from runcard.search.space import Categorical, Constant, Distribution

DESIGN = """\
# yaml-language-server: $schema=runcard.schema.json
experiment:
  name: customer_churn_prediction
  description: Predict customer churn using various ML models
  hypothesis: Contract type and tenure decide most of it
  tags: {project: customer_analytics, team: data_science}

data:
  raw_path: data/raw/customers.csv
  processed_path: data/processed/customers_processed.parquet
  na_values: ["NA"]
  train_test_split: 0.2
  random_state: 42

features:
  numerical: [tenure, monthly_charges, total_charges]
  categorical: [gender, contract_type, payment_method]
  target: churn
  positive: "Yes"

models:
  - name: logistic_regression
    params: {C: [0.01, 0.1, 1, 10], max_iter: 1000}
  - name: random_forest
    params: {n_estimators: [100, 200, 300], max_depth: [10, 20, 30, null]}
  - name: xgboost
    params:
      learning_rate: {distribution: log_uniform_values, min: 0.001, max: 0.3}

search: {method: bayes, trials: 50, early_terminate: {type: hyperband, min_iter: 2}}

evaluation:
  metrics: [accuracy, precision, recall, f1, roc_auc]
  primary: roc_auc
  cv_folds: 5
  cv_repeats: 1

selection:
  rule: one_standard_error
  practical_difference: 0.01
  constraints: {predict_ms_p95: "<= 5", model_mb: "<= 50"}
"""
SMALL = {"data": {"dataset": "iris"}, "models": [{"name": "logistic_regression"}]}


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of its own to stand in."""
    (tmp_path / "pyproject.toml").write_text("[tool.runcard]\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(folder: Path, text: str | bytes) -> Path:
    path = folder / "card.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def faults(source: Path | dict[str, Any]) -> list[errors.RuncardError]:
    try:
        load_card(source)
    except errors.CardErrors as several:
        return list(several.errors)
    except errors.RuncardError as error:
        return [error]
    return []


def test_the_card_of_the_design(place: Path) -> None:
    card = load_card(write(place, DESIGN))
    assert card.name == "customer_churn_prediction"
    assert card.features.numerical == ("tenure", "monthly_charges", "total_charges")
    assert card.models[0].space == {"C": Categorical((0.01, 0.1, 1, 10)), "max_iter": Constant(1000)}
    rate = card.models[2].space["learning_rate"]
    assert rate == Distribution("log_uniform_values", {"min": 0.001, "max": 0.3})
    assert card.search.early_terminate is not None
    assert card.search.early_terminate.eta == 3
    assert card.selection.constraints == {"predict_ms_p95": "<= 5", "model_mb": "<= 50"}
    assert card.where("evaluation", "metrics", 4) == "card.yaml:33:46, evaluation.metrics[4]"
    assert card.text == DESIGN
    assert card.shown == "card.yaml"


def test_the_smallest_card_has_defaults_everywhere() -> None:
    card = load_card(SMALL)
    assert (card.name, card.path, card.shown) == ("experiment", None, "the card")
    assert (card.data.train_test_split, card.data.random_state, card.data.na_values) == (0.2, 42, ())
    assert (card.search.method, card.evaluation.cv_folds, card.selection.rule) == ("grid", None, "best")
    assert card.where("data", "dataset") == "data.dataset"


def test_defaults_are_not_shared() -> None:
    first, second = load_card(SMALL), load_card(SMALL)
    assert first.models[0].params is not second.models[0].params
    assert first == second


@pytest.mark.parametrize("name", ["experiment", "features", "search", "evaluation", "selection"])
def test_a_section_without_keys_is_as_if_it_was_not_there(place: Path, name: str) -> None:
    text = f"data: {{dataset: iris}}\nmodels: [{{name: svc, params: , features: }}]\n{name}:\n"
    assert load_card(write(place, text)) == load_card({**SMALL, "models": [{"name": "svc"}]})


def test_a_key_without_value_is_as_if_it_was_not_there(place: Path) -> None:
    text = "data: {dataset: iris, train_test_split: , stratify: null}\nmodels: [{name: svc}]\nevaluation: {cv_folds: ~}"
    assert load_card(write(place, text)) == load_card({**SMALL, "models": [{"name": "svc"}]})


def test_numbers_are_read_as_yaml_1_2_does(place: Path) -> None:
    text = (
        "data: {dataset: iris, random_state: 010, train_test_split: 2e-1}\nfeatures: {positive: no}\n"
        "models: [{name: mlp, params: {alpha: 1e-3, hidden_layer_sizes: {value: [100, 50]}}}]\n"
    )
    card = load_card(write(place, text))
    assert (card.data.random_state, card.data.train_test_split) == (10, 0.2)
    assert card.features.positive == "no"
    assert card.models[0].space == {"alpha": Constant(0.001), "hidden_layer_sizes": Constant([100, 50])}


def test_lists_of_lists_are_choices_of_lists() -> None:
    card = load_card({**SMALL, "models": [{"name": "mlp", "params": {"hidden_layer_sizes": [[100, 50], [20]]}}]})
    assert card.models[0].space == {"hidden_layer_sizes": Categorical(([100, 50], [20]))}


@pytest.mark.parametrize("ends", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_line_ends_and_byte_order_marks_do_not_matter(place: Path, ends: str, mark: bytes) -> None:
    card = load_card(write(place, mark + DESIGN.replace("\n", ends).encode()))
    assert card.where("selection", "rule") == "card.yaml:39:9, selection.rule"
    assert card == load_card(write(place, DESIGN))


# Everything that is wrong, at once


BAD = """\
experiment: {name: 3, descripton: x, tags: {a: [1]}}
data:
  raw_path: a.csv
  dataset: iris
  na_values: [NA, -999, null]
  train_test_split: "0.2"
  random_state: -1
  stratify: yes
  test_where: {year: {a: 1}, month: []}
  cv_folds: 3
features:
  numerical: age, income
  categorical: [a, 3, a]
  target: [y]
models:
  - name: random_forst
    params: {n_estimators: []}
  - name: random_forest
    params: {n_estimator: 3, max_depth: {distribution: unifrm, min: 1, max: 2}}
    feature: {}
  - params: {C: 1}
  - svc
  - nme: svc
  - name: svc
    features: {numerical: [a, a], set: plain, target: y}
search: {method: baies, trials: 0, lag: 1.5, early_terminate: {type: hyperbend, min_itr: 2, eta: 1, strict: 1}}
evaluation: {metrics: [auc, auc, 3], primary: f1, cv_folds: 1, cv_repeats: 2.0}
selection: {rule: bst, practical_difference: -1, constraints: {model_mb: 5, latency: "<= 5", fit_seconds: "= 5"}}
modles: []
"""
EXPECTED = """\
1:20 RC106 put it in quotes: `"3"`
1:23 RC104 use `description`
1:48 RC106 write one text, no list
4:3 RC107 give either `raw_path` or `dataset`
5:3 RC107 handle missing values there
5:19 RC106 put it in quotes: `"-999"`
5:25 RC106 put it in quotes: `"null"`
6:21 RC106 take the quotes off: `train_test_split: 0.2`
7:17 RC106 correct the value
8:13 RC106 write `stratify: true`
9:22 RC106 correct the value
9:37 RC106 correct the value
10:3 RC104 it belongs below `evaluation:`
12:14 RC106 write a list: `numerical: [age, income]`
13:20 RC106 put it in quotes: `"3"`
13:23 RC211 remove one of them
14:11 RC106 name one column: several targets are not supported, make a card for each
16:11 RC109 use `random_forest`; `runcard list models` shows all
17:28 RC108 give at least one value
19:14 RC110 use `n_estimators`
19:56 RC108 use `uniform`
20:5 RC104 use `features`
21:5 RC105 add `name: ...`
22:5 RC106 write `- name: svc`
23:5 RC104 use `name`
25:16 RC107 keep one
25:31 RC211 remove one of them
25:40 RC112 `runcard list features` shows all
25:47 RC104 it belongs below `features:`
26:18 RC106 use `bayes`
26:33 RC106 correct the value
26:41 RC106 correct the value
26:70 RC106 use `hyperband`
26:81 RC104 use `min_iter`
26:98 RC106 correct the value
26:109 RC106 correct the value
27:24 RC103 use `roc_auc`; `runcard list metrics` shows all
27:29 RC107 remove one
27:34 RC106 put it in quotes: `"3"`
27:47 RC103 add it to `metrics`
27:61 RC106 correct the value
27:76 RC106 write `cv_repeats: 2`
28:19 RC106 use `best`
28:46 RC106 correct the value
28:74 RC106 write `model_mb: "<= 5"`
28:77 RC104 remove it
28:107 RC106 write `fit_seconds: "<= 5"`
29:1 RC104 use `models`
"""


def test_all_faults_of_all_sections_come_at_once(place: Path) -> None:
    found = faults(write(place, BAD))
    lines = [f"{e.where.split(',')[0].removeprefix('card.yaml:')} {e.code} {e.hint}\n" for e in found]
    assert "".join(lines) == EXPECTED
    assert all(error.why for error in found)


def test_a_card_from_python_has_the_same_faults(place: Path) -> None:
    value = YAML(typ="safe", pure=True).load(BAD.replace("yes", '"yes"'))
    in_file = sorted((e.code, e.what) for e in faults(write(place, BAD)))
    assert sorted((e.code, e.what) for e in faults(value)) == in_file


def test_faults_of_yaml_come_with_those_of_the_card(place: Path) -> None:
    text = "data: {dataset: iris, dataset: wine}\nmodels: [{name: svcc}]\n"
    assert [e.code for e in faults(write(place, text))] == ["RC102", "RC109"]


SECTIONS = {
    "experiment": ["name", "description", "hypothesis", "manual_steps", "tags"],
    "data": [
        "raw_path", "dataset", "description", "processed_path", "na_values", "train_test_split", "random_state",
        "stratify", "group", "time", "test_where", "id",
    ],
    "features": ["target", "positive", "numerical", "categorical", "set"],
    "search": ["method", "trials", "lag", "early_terminate"],
    "evaluation": ["metrics", "primary", "cv_folds", "cv_repeats"],
    "selection": ["rule", "practical_difference", "constraints", "cost"],
}  # fmt: skip
KEYS = [(section, key) for section, keys in SECTIONS.items() for key in keys]
MAPPINGS = {"tags", "test_where", "early_terminate", "constraints"}


@pytest.mark.parametrize(("section", "key"), KEYS)
def test_every_key_refuses_the_wrong_type(section: str, key: str) -> None:
    wrong: object = [[1]] if key in MAPPINGS else {"a": {"b": 1}}
    card = {**SMALL, section: {**SMALL.get(section, {}), key: wrong}}  # type: ignore[dict-item]
    found = faults(card)
    assert ("RC106", f"{section}.{key}") in [(e.code, e.where) for e in found]
    assert len(found) == 1


@pytest.mark.parametrize(
    ("section", "key", "value"),
    [
        ("data", "train_test_split", -0.1),
        ("data", "train_test_split", 1),
        ("data", "train_test_split", float("nan")),
        ("data", "train_test_split", True),
        ("data", "random_state", 2**32),
        ("data", "random_state", 1.5),
        ("data", "random_state", True),
        ("data", "raw_path", ""),
        ("experiment", "name", "x" * 251),
        ("search", "trials", 0),
        ("search", "trials", 10**7),
        ("search", "lag", 0),
        ("search", "lag", 1025),
        ("evaluation", "metrics", []),
        ("evaluation", "cv_folds", 1),
        ("evaluation", "cv_folds", 5.0),
        ("evaluation", "cv_folds", "leave-one-out"),
        ("evaluation", "cv_repeats", 0),
        ("evaluation", "cv_repeats", 1001),
        ("selection", "practical_difference", -0.1),
        ("selection", "practical_difference", float("inf")),
        ("selection", "practical_difference", 10**400),
        ("selection", "constraints", {"model_mb": "5"}),
        ("selection", "constraints", {"model_mb": "<= 1.2.3"}),
    ],
)
def test_values_out_of_range(section: str, key: str, value: object) -> None:
    found = faults({**SMALL, section: {**SMALL.get(section, {}), key: value}})  # type: ignore[dict-item]
    assert "RC106" in [error.code for error in found]


@pytest.mark.parametrize(
    ("changes", "where", "code"),
    [
        ({"data": {}}, "data", "RC105"),
        ({"data": None}, "data", "RC105"),
        ({"data": {"raw_path": "a.csv"}}, "the card", "RC105"),
        ({"data": {"raw_path": "a.csv"}, "features": {"numerical": ["x"]}}, "features", "RC105"),
        ({"data": {"dataset": "iris", "na_values": ["?"]}}, "data.na_values", "RC107"),
        ({"data": {"dataset": "iris", "stratify": True, "group": "a"}}, "data.group", "RC107"),
        ({"data": {"dataset": "iris", "group": "a", "time": "b"}}, "data.time", "RC107"),
        (
            {"data": {"dataset": "iris", "test_where": {"a": 1}, "train_test_split": 0.3}},
            "data.test_where",
            "RC107",
        ),
        ({"features": {"target": "a", "numerical": ["a"]}}, "features.numerical[0]", "RC211"),
        ({"features": {"numerical": ["a"], "categorical": ["a"]}}, "features.categorical[0]", "RC211"),
        ({"data": {"dataset": "iris", "id": "a"}, "features": {"categorical": ["a"]}}, "features.categorical[0]",
         "RC211"),
        ({"models": []}, "models", "RC106"),
        ({"models": None}, "models", "RC106"),
        ({"models": {"name": "svc"}}, "models", "RC106"),
        ({"models": "svc"}, "models", "RC106"),
        ({"search": {"trials": 5}}, "search.trials", "RC107"),
        ({"search": {"method": "random"}}, "search", "RC105"),
        ({"search": {"method": "bayes", "trials": 5, "early_terminate": {"type": "hyperband"}}},
         "search.early_terminate", "RC107"),
        ({"search": {"method": "bayes", "trials": 5, "early_terminate": {"type": "hyperband", "max_iter": 9}}},
         "search.early_terminate", "RC107"),
        ({"search": {"method": "bayes", "trials": 5,
                     "early_terminate": {"type": "hyperband", "min_iter": 1, "max_iter": 9, "s": 2}}},
         "search.early_terminate", "RC107"),
        ({"search": {"method": "bayes", "trials": 5, "early_terminate": {"min_iter": 1}}},
         "search.early_terminate", "RC105"),
        ({"evaluation": {"metrics": ["f1", "f1"]}}, "evaluation.metrics[1]", "RC107"),
        ({"evaluation": {"metrics": ["f1"], "primary": "f2"}}, "evaluation.primary", "RC103"),
        ({"evaluation": {"cv_folds": "leave_one_out", "cv_repeats": 2}}, "evaluation.cv_repeats", "RC107"),
        ({"data": {"dataset": "iris", "time": "t"}, "evaluation": {"cv_repeats": 2}}, "evaluation.cv_repeats",
         "RC107"),
        ({"data": {"dataset": "iris", "group": "g"}, "evaluation": {"cv_folds": "leave_one_out"}},
         "evaluation.cv_folds", "RC107"),
        ({"models": [{"name": "svc", "params": {"C": {"min": 0.1, "max": 1.0}}}]}, "models[0].params.C", "RC108"),
        ({"models": [{"name": "svc", "params": {"C": {"min": 1, "max": 10**9}}}]}, "models[0].params", "RC108"),
        ({"selection": {"constraints": {"acuracy": "> 1"}}}, "selection.constraints.acuracy", "RC104"),
        ({"selection": {"constraints": {"test_accuracy": "> 1"}}}, "selection.constraints.test_accuracy", "RC113"),
        ({"selection": {"cost": ["model_mb", "latency"]}}, "selection.cost[1]", "RC104"),
        ({"selection": {"cost": ["test_rmse"]}}, "selection.cost[0]", "RC113"),
    ],
)  # fmt: skip
def test_what_does_not_go_together(changes: dict[str, Any], where: str, code: str) -> None:
    (found,) = faults({**SMALL, **changes})
    assert (found.code, found.where) == (code, where)
    assert found.why
    assert found.hint


def test_a_key_without_a_value_is_named_itself() -> None:
    blank = {"data": {"raw_path": None}, "features": {"target": None}, "models": [{"name": None}]}
    assert {(found.code, found.where) for found in faults(blank)} == {
        ("RC105", "data.raw_path"),
        ("RC105", "features.target"),
        ("RC105", "models[0].name"),
    }
    assert load_card({**SMALL, "data": {"dataset": "iris"}, "features": {"target": None}}).features.target is None


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "the card is empty"),
        ("# only a comment\n", "the card is empty"),
        ("- data\n", 'the card cannot be `["data"]`'),
        ("data\n", "the card cannot be `data`"),
        ("3\n", "the card cannot be `3`"),
    ],
)
def test_what_is_no_mapping(place: Path, text: str, what: str) -> None:
    (found,) = faults(write(place, text))
    assert (found.code, found.what) == ("RC106", what)


def test_a_long_value_is_shortened_in_messages() -> None:
    (found,) = faults({**SMALL, "experiment": {"tags": "x" * 10_000}})
    assert len(found.what) < 120


def test_a_bayesian_search_over_distributions_is_accepted() -> None:
    params = {"C": {"distribution": "log_uniform_values", "min": 0.01, "max": 10}}
    search = {"method": "bayes", "trials": 5, "early_terminate": {"type": "hyperband", "max_iter": 9, "s": 2}}
    card = load_card({**SMALL, "models": [{"name": "svc", "params": params}], "search": search})
    assert card.search.trials == 5


# Cards from Python


def test_arrays_and_paths_count_as_lists_and_text() -> None:
    import numpy as np

    params = {"C": np.logspace(-1, 1, 3), "tol": np.float32(0.5), "max_iter": np.int64(7)}
    card = load_card(
        {
            "data": {"raw_path": Path("data") / "a.csv"},
            "features": {"target": "y", "numerical": ("a", "b")},
            "models": ({"name": "logistic_regression", "params": params},),
        }
    )
    assert card.data.raw_path == "data/a.csv"
    assert card.models[0].params == {"C": [0.1, 1.0, 10.0], "tol": 0.5, "max_iter": 7}


def test_what_no_card_can_hold() -> None:
    deep: dict[str, Any] = {}
    deep["data"] = deep
    for source in (
        {**SMALL, "models": [{"name": "svc", "params": {"C": object()}}]},
        {**SMALL, 3: 4},
        deep,
    ):
        (found,) = faults(source)  # type: ignore[arg-type]
        assert found.code == "RC106"
        assert found.where
        assert found.hint


# Finding cards


def test_bare_names_are_looked_for_under_configs(place: Path) -> None:
    (place / "configs").mkdir()
    for name in ("a.yaml", "b.yml"):
        (place / "configs" / name).write_text("data: {dataset: iris}\nmodels: [{name: svc}]\n")
    assert find_card("a") == find_card("a.yaml") == place / "configs" / "a.yaml"
    assert load_card("b").name == "b"
    assert find_card("configs/a.yaml") == Path("configs/a.yaml")


def test_a_card_elsewhere_belongs_to_its_own_project(place: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    other = tmp_path_factory.mktemp("other")
    (other / "pyproject.toml").write_text('[tool.runcard]\nmodules = ["own_sets"]\n')
    (other / "configs").mkdir()
    (other / "own_sets.py").write_text("import runcard\n\n@runcard.dataset\ndef mine():\n    return None\n")
    path = other / "configs" / "a.yaml"
    path.write_text("data: {dataset: mine}\nmodels: [{name: svc}]\n")
    assert load_card(path).data.dataset == "mine"
    path.write_text("data: {dataset: mien}\nmodels: [{name: svc}]\n")
    (found,) = faults(path)
    assert (found.code, found.where) == ("RC111", f"{path}:1:17, data.dataset")
    assert found.hint.startswith("use `mine`")


def test_a_card_that_is_not_there(place: Path) -> None:
    (place / "configs").mkdir()
    with pytest.raises(errors.CardMissing) as caught:
        load_card("churn")
    assert (caught.value.where, caught.value.why) == ("./ and configs/", "there are no cards there")
    (place / "configs" / "churn.yaml").write_text("")
    with pytest.raises(errors.CardMissing, match="did you mean `churn`"):
        load_card("chrun.yaml")
    for name in ("configs", "x" * 5000, DESIGN, "a\0b"):
        with pytest.raises(errors.CardMissing):
            load_card(name)


def test_a_card_that_cannot_be_read(place: Path) -> None:
    unreadable = Path("/proc/self/mem")
    if unreadable.is_file():
        with pytest.raises(errors.CardMissing, match="cannot be read"):
            load_card(unreadable)


def test_a_file_that_is_too_large_is_not_read(place: Path) -> None:
    with (place / "card.yaml").open("wb") as file:
        file.truncate(10**12)
    (found,) = faults(place / "card.yaml")
    assert "larger than 1,000,000 bytes" in found.what


def test_the_project_may_be_given(place: Path) -> None:
    (place / "configs").mkdir()
    (place / "configs" / "a.yaml").write_text("data: {dataset: iris}\nmodels: [{name: svc}]\n")
    assert load_card("a", project=Project(place)).path == place / "configs" / "a.yaml"
    assert find_project(place / "configs" / "a.yaml").root == place


# Start-up

HEAVY = (
    "sklearn",
    "mlflow",
    "pandas",
    "numpy",
    "scipy",
    "pyarrow",
    "optuna",
    "matplotlib",
    "pydantic",
    "xgboost",
)
STARTS = {
    "import": "import runcard",
    "help": "from runcard.cli import main; main(['--help'], standalone_mode=False)",
    "schema": "from runcard.cli import main; main(['schema'], standalone_mode=False)",
    "good card": "import runcard; runcard.load_card('good.yaml')",
    "bad card": "import runcard\ntry: runcard.load_card('bad.yaml')\nexcept runcard.RuncardError: pass",
    "sweep": "from runcard.cli import main; main(['import', 'sweep.yaml', '--model', 'svc'], standalone_mode=False)",
    "bad check": "from runcard.cli import main\ntry: main(['check', 'bad.yaml'])\nexcept SystemExit: pass",
}


@pytest.mark.parametrize("start", STARTS)
def test_nothing_heavy_is_imported(place: Path, start: str) -> None:
    (place / "good.yaml").write_text(DESIGN)
    (place / "bad.yaml").write_text(BAD)
    (place / "sweep.yaml").write_text("{method: grid, metric: {name: f1}, parameters: {C: {values: [1, 10]}}}")
    program = f"import sys\n{STARTS[start]}\nprint('LOADED', sorted(set({HEAVY!r}) & set(sys.modules)))"
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert answer.stdout.splitlines()[-1:] == ["LOADED []"], answer.stderr


# Properties

names = st.from_regex(r"[a-z][a-z_ ]{0,8}[a-z]", fullmatch=True)
letters = st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"])
# The emitter forgets quotes around what begins with `?` or `:` inside brackets.
texts = st.text(letters, min_size=1, max_size=20).filter(lambda text: not text.startswith(("?", ":")))
plain = st.integers(-(10**9), 10**9) | st.booleans() | st.floats(-1e9, 1e9) | names
params = st.dictionaries(
    st.sampled_from(["C", "tol", "max_iter", "penalty", "solver"]),
    plain | st.lists(plain, min_size=1, max_size=4, unique_by=repr) | st.just({"value": [1, 2]}),
)


@st.composite
def cards(draw: st.DrawFn) -> dict[str, Any]:
    columns = draw(st.lists(names, unique=True, min_size=3, max_size=8))
    data = {
        "raw_path": draw(texts.filter(str.strip)),
        "na_values": draw(st.lists(texts, max_size=3)),
        "train_test_split": draw(st.floats(0.01, 0.99)),
        "random_state": draw(st.integers(0, 2**32 - 1)),
        "stratify": draw(st.none() | st.booleans()),
    }
    models = draw(st.lists(params, min_size=1, max_size=3))
    return {
        "experiment": {"name": draw(texts), "description": draw(texts), "tags": {"a": draw(plain)}},
        "data": data,
        "features": {
            "target": columns[0],
            "numerical": columns[1:2],
            "categorical": columns[2:],
            "positive": draw(plain),
        },
        "models": [{"name": "logistic_regression", "params": params} for params in models],
        "evaluation": {"metrics": ["accuracy", "f1"], "cv_folds": draw(st.integers(2, 10))},
        "selection": {"practical_difference": draw(st.integers(0, 3) | st.floats(0, 1))},
    }


@pytest.mark.slow
@given(cards(), st.booleans())
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_card_written_as_yaml_is_the_same_card(place: Path, value: dict[str, Any], flow: bool) -> None:
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = flow
    yaml.version = "1.2"
    stream = io.StringIO()
    yaml.dump(json.loads(json.dumps(value)), stream)  # the emitter makes aliases of what is shared
    from_file, from_python = load_card(write(place, stream.getvalue())), load_card(value)
    assert from_file == from_python
    assert isinstance(from_file, Card)
    assert [m.space for m in from_file.models] == [m.space for m in from_python.models]


def test_the_public_surface_loads_cards() -> None:
    assert runcard.load_card(SMALL) == load_card(SMALL)
    assert isinstance(runcard.load_card(SMALL), runcard.Card)
