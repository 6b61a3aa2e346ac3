from __future__ import annotations

import datetime
import json
import math
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from runcard import errors
from runcard.card.check import KnownNames
from runcard.project import find_project
from runcard.search.space import DISTRIBUTIONS, parse_parameter
from runcard.sweepfile.draft import Draft, draft_card
from runcard.sweepfile.remarks import Remark
from runcard.sweepfile.sweep import Sweep, read_sweep
from runcard.sweepfile.yaml11 import DATE, resolve_plain11, write_flow
from runcard.yaml import parse

ONE = {"a": {"values": [1, 2]}}


def read(folder: Path, sweep: dict[str, Any] | str, remarks: list[Remark] | None = None) -> Sweep:
    path = folder / "sweep.yaml"
    path.write_text(sweep if isinstance(sweep, str) else json.dumps(sweep, ensure_ascii=False), encoding="utf-8")
    tell = [].append if remarks is None else remarks.append
    return read_sweep(path, KnownNames(find_project(folder)), tell=tell)


def draft(folder: Path, sweep: dict[str, Any] | str) -> Draft:
    return draft_card(read(folder, sweep), project=find_project(folder), name="card.yaml")


def card_of(folder: Path, sweep: dict[str, Any] | str) -> Any:
    return parse(draft(folder, sweep).text, "card.yaml").value


def refusals(folder: Path, sweep: dict[str, Any] | str) -> list[errors.RuncardError]:
    with pytest.raises(errors.CardError) as caught:
        read(folder, sweep)
    return list(getattr(caught.value, "errors", [caught.value]))


# What is taken over: every parameter of the grammar

finite = st.floats(-1e100, 1e100, allow_nan=False)
numbers = st.integers(-(10**18), 10**18) | finite


def values(texts: st.SearchStrategy[str]) -> st.SearchStrategy[object]:
    """Give null, booleans, numbers and texts, alone and in lists and mappings."""
    return st.recursive(
        st.none() | st.booleans() | numbers | texts,
        lambda some: st.lists(some, max_size=3) | st.dictionaries(texts, some, max_size=3),
        max_leaves=5,
    )


# What JSON does not escape and YAML does not allow, control characters, is left out.
anything = values(st.text(st.characters(codec="utf-8", exclude_categories=["C", "Zl", "Zp"]), max_size=6))
bounds = st.tuples(st.integers(1, 5) | st.floats(0.001, 5), st.integers(6, 9) | st.floats(6, 9))
positive = st.integers(1, 9) | st.floats(1e-9, 9, exclude_min=True)


@st.composite
def parameters(draw: st.DrawFn) -> dict[str, Any]:
    """Make a hyperparameter as a sweep has it, of any distribution, said or left to the keys."""
    name = draw(st.sampled_from(DISTRIBUTIONS))
    if name == "constant":
        found: dict[str, Any] = {"value": draw(anything)}
    elif name.startswith("categorical"):
        found = {"values": draw(st.lists(anything, min_size=1, max_size=4, unique_by=repr))}
        if name != "categorical":
            n_values = len(found["values"])
            found["probabilities"] = [1 / n_values] * n_values
    elif name.endswith("beta"):
        found = {"a": draw(positive), "b": draw(positive)}
    elif name.endswith("normal"):
        found = draw(st.fixed_dictionaries({}, optional={"mu": finite, "sigma": positive}))
    else:
        found = dict(zip(("min", "max"), draw(bounds), strict=True))
        if name.endswith("log_uniform"):  # exponents, which W&B takes to be meant as values when both are above 0
            found = {key: value - 8 for key, value in found.items()}
        found = {key: int(value) for key, value in found.items()} if name == "int_uniform" else found
    if name.startswith("q_"):
        found |= draw(st.fixed_dictionaries({}, optional={"q": positive}))
    is_implied = name.split("_")[0] in ("constant", "categorical", "int")
    return found if is_implied and draw(st.booleans()) else {"distribution": name, **found}


@pytest.mark.slow
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.dictionaries(
        st.from_regex(r"[A-Za-z_][A-Za-z0-9_.-]{0,4}", fullmatch=True), parameters(), min_size=1, max_size=3
    )
)
def test_every_parameter_survives(tmp_path: Path, given_ones: dict[str, Any]) -> None:
    sweep = write_flow(
        {"method": "random", "run_cap": 9, "parameters": given_ones}
    )  # JSON has `1e-05`, a text in YAML 1.1
    params = card_of(tmp_path, sweep)["models"][0]["params"]
    assert list(params) == list(given_ones)
    for name, raw in given_ones.items():
        assert repr(parse_parameter(params[name])) == repr(parse_parameter(raw))  # 1, 1.0 and True are equal


@given(values(st.text(max_size=6)) | st.floats())
def test_what_is_written_reads_alike_in_both_yamls(value: object) -> None:
    text = write_flow({"key": value})
    for read_back in (parse(text, "t").value, yaml.safe_load(text)):
        assert repr(read_back) == repr({"key": value})


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1e-05, "1.0e-5"),
        (1.5e300, "1.5e+300"),
        (0.0005, "0.0005"),
        (3.0, "3.0"),
        (math.inf, ".inf"),
        (["a b", "x, y", "", "no", "1e3", None], '[a b, "x, y", "", "no", "1e3", null]'),
        ({"data/raw.csv": [True, -1]}, "{data/raw.csv: [true, -1]}"),
        ("tab\t, line\n and \x07", '"tab\\t, line\\n and \\x07"'),
    ],
)
def test_values_are_written_as_people_do(value: object, text: str) -> None:
    assert write_flow(value) == text


def pyyaml_reads(text: str) -> object:
    loader = yaml.SafeLoader("")
    tag = loader.resolve(yaml.ScalarNode, text, (True, False))
    return loader.construct_object(yaml.ScalarNode(tag, text))


NUMBERS = r"[-+]?[0-9]{0,3}[._:xbeo]?[0-9_]{0,3}([eE][-+]?[0-9]{1,2})?"
WORDS = [
    "yes",
    "No",
    "ON",
    "off",
    "y",
    "n",
    "true",
    "False",
    "~",
    "null",
    ".inf",
    "-.INF",
    ".nan",
    "2024-01-31",
    "2024-1-1",
    "1:30",
    "1:30.5",
    "08",
    "0x_",
    "2001-12-14t21:59:43.10-05:00",
]


@settings(max_examples=200, deadline=None)
@given(st.from_regex(NUMBERS, fullmatch=True) | st.text("0123456789+-._:eExob", max_size=7) | st.sampled_from(WORDS))
def test_yaml_1_1_is_pyyamls(text: str) -> None:
    try:
        theirs = pyyaml_reads(text)
    except ValueError:  # such as `0b_`, on which it ends
        assume(False)
    ours = resolve_plain11(text)
    if isinstance(theirs, datetime.date):
        assert ours is DATE
    else:
        assert (type(ours), repr(ours)) == (type(theirs), repr(theirs))


# The metric


@pytest.mark.parametrize(
    ("name", "goal", "metric"),
    [
        ("roc_auc", "maximize", "roc_auc"),
        ("val_accuracy", "maximize", "accuracy"),
        ("val/acc", "maximize", "accuracy"),
        ("Validation Accuracy", "maximize", "accuracy"),
        ("eval.f1_score", "maximize", "f1"),
        ("macro_f1", "maximize", "f1_macro"),
        ("AUC", "maximize", "roc_auc"),
        ("test_log_loss", "minimize", "log_loss"),
        ("log_loss", None, "log_loss"),
        ("neg_log_loss", "maximize", "log_loss"),
        ("neg_root_mean_squared_error", "maximize", "rmse"),
        ("r2_val", "maximize", "r2"),
    ],
)
def test_metrics_whose_names_leave_no_doubt(tmp_path: Path, name: str, goal: str | None, metric: str) -> None:
    said = {"name": name, **({"goal": goal} if goal else {})}
    remarks: list[Remark] = []
    assert read(tmp_path, {"method": "grid", "parameters": ONE, "metric": said}, remarks).primary == metric
    assert [remark.label for remark in remarks] == (["renamed"] if name != metric else [])


@pytest.mark.parametrize("name", ["loss", "val_loss", "train_accuracy", "reward", "best_val_acc", "val"])
def test_metrics_in_doubt_are_left_to_the_user(tmp_path: Path, name: str) -> None:
    made = draft(tmp_path, {"method": "grid", "parameters": ONE, "metric": {"name": name}})
    assert f"metrics: [{name}]  # fill in" in made.text
    assert "evaluation.metrics[0]" in str(made.blanks[-1])


@pytest.mark.parametrize(
    ("metric", "hint"),
    [
        ({"name": "accuracy", "goal": "minimize"}, "write `goal: maximize`"),
        ({"name": "val_rmse", "goal": "maximize"}, "write `goal: minimize`"),
        ({"name": "neg_log_loss", "goal": "minimize"}, "write `goal: maximize`"),
        ({"name": "val_loss", "goal": "maximize"}, "write `goal: minimize`"),
        ({"name": "train/loss", "goal": "maximize"}, "write `goal: minimize`"),
        ({"name": "validationError", "goal": "maximize"}, "write `goal: minimize`"),
        ({"name": "best_val_acc", "goal": "minimize"}, "write `goal: maximize`"),
    ],
)
def test_a_goal_that_contradicts_its_metric(tmp_path: Path, metric: dict[str, str], hint: str) -> None:
    (fault,) = refusals(tmp_path, {"method": "grid", "parameters": ONE, "metric": metric})
    assert (fault.code, fault.hint) == ("RC106", hint)
    assert fault.where.endswith(", metric.goal")


@pytest.mark.parametrize("name", ["accuracy", "neg_log_loss"])
def test_without_a_goal_wandb_minimizes(tmp_path: Path, name: str) -> None:
    remarks: list[Remark] = []
    read(tmp_path, {"method": "grid", "parameters": ONE, "metric": {"name": name}}, remarks)
    assert "W&B minimizes" in str(remarks[-1])
    assert remarks[-1].label == "warning"


GAIN = """
import runcard

@runcard.metric(greater_is_better=True)
def val_gain(y_true, y_pred):
    return 1.0
"""


def test_a_metric_that_the_project_registers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "pyproject.toml").write_text('[tool.runcard]\nmodules = ["sweep_metrics"]\n')
    (tmp_path / "sweep_metrics.py").write_text(GAIN)
    said = {"method": "grid", "parameters": ONE, "metric": {"name": "val_gain", "goal": "maximize"}}
    assert read(tmp_path, said).primary == "val_gain"
    said["metric"]["goal"] = "minimize"
    assert [fault.code for fault in refusals(tmp_path, said)] == ["RC106"]


def test_texts_that_yaml_1_2_has_for_numbers(tmp_path: Path) -> None:
    remarks: list[Remark] = []
    text = "method: grid\nname: 1e-3\ndescription: 08\nparameters: {a: {value: 1}}\nmetric: {name: 1e3, target: 1e-2}"
    assert card_of(tmp_path, text)["experiment"] == {"name": "1e-3", "description": "08"}
    sweep = read(tmp_path, text, remarks)
    assert sweep.metric is not None
    assert sweep.metric.name == "1e3"
    assert [remark.label for remark in remarks] == ["left out"]  # the target


# What is refused


@pytest.mark.parametrize(
    ("sweep", "code", "where"),
    [
        ("", "RC106", ""),
        ("[1, 2]", "RC106", "1:1"),
        ("a: [", "RC102", "1:5"),
        ("parameters: {a: {value: 1}}", "RC105", "1:1"),
        ("method: grid", "RC105", "1:1"),
        ("method: grid\nparameters: {}", "RC105", "2:13, parameters"),
        ("method: custom\nparameters: {a: {value: 1}}", "RC106", "1:9, method"),
        ("method: bayes\nrun_cap: 5\nparameters: {a: {value: 1}}", "RC105", "1:1, method"),
        ("method: grid\nrun_cap: 0\nparameters: {a: {value: 1}}", "RC106", "2:10, run_cap"),
        ("method: grid\nparameters: {a: {value: 1}}\nmetric: accuracy", "RC106", "3:9, metric"),
        ("method: grid\nparameters: {a: {value: 1}}\nmetric: {goal: minimize}", "RC105", "3:9, metric"),
        ("method: grid\nparameters: {a: {value: 1}}\nmetric: {name: r2, gaol: maximize}", "RC104", "3:20, metric.gaol"),
        ("method: grid\nparameters: {a: null}", "RC108", "2:17, parameters.a"),
        ("method: grid\nparameters: {a: {values: []}}", "RC108", "2:26, parameters.a.values"),
        ("method: grid\nparameters: {a: {min: 0.1, max: 1}}", "RC108", "2:17, parameters.a"),
        ("method: grid\nparameters: {a: {value: 1}}\nmetrc: {name: r2}", "RC104", "3:1, metrc"),
        ("method: grid\nparameters: {a: *x}", "RC102", "2:17"),
        ("method: grid\nparameters: &x {a: *x}", "RC102", "2:20"),
        ("method: grid\nparameters: {a: {value: 1, <<: 3}}", "RC102", "2:32"),
        ("method: grid\nparameters: {a: {value: !!int x}}", "RC102", "2:25"),
        ("method: grid\nparameters: {a: {value: !!set {x}}}", "RC102", "2:25"),
        ("method: grid\nproject:\nparameters: {a: {value: 1}}", "RC106", "2:1, project"),
        ("method: grid\nmetrics: [{name: a}]\nparameters: {a: {value: 1}}", "RC106", "2:1, metrics"),
        ("method: random\nrun_cap: 9\nparameters: {a: {min: 1e-3, max: 2}}", "RC106", "3:23, parameters.a.min"),
        ("method: grid\nparameters: {a b: {value: 1}}", "RC106", "2:14, parameters.a b"),
        ("method: grid\nparameters: {a: {parameters: {b: {value: 1}}}}", "RC108", "2:1, parameters"),
    ],
)  # fmt: skip
def test_what_is_refused(tmp_path: Path, sweep: str, code: str, where: str) -> None:
    (fault,) = refusals(tmp_path, sweep)
    assert fault.code == code
    assert fault.where.endswith(f"sweep.yaml:{where}".rstrip(":"))
    assert "the card" not in str(fault)


@pytest.mark.parametrize(
    ("given_keys", "kept"),
    [
        ({"min_iter": 3}, {"min_iter": 3}),
        ({"min_iter": 3, "eta": 2, "strict": False}, {"min_iter": 3, "eta": 2, "strict": False}),
        ({"min_iter": 3, "s": 2}, {"min_iter": 3}),
        ({"max_iter": 27, "s": 2}, {"max_iter": 27, "s": 2}),
        ({"max_iter": 27, "s": 2, "min_iter": 3}, {"max_iter": 27, "s": 2}),
        ({"max_iter": 27, "min_iter": 3}, {"min_iter": 3}),
        ({"max_iter": 27.0, "s": 2.0}, {"max_iter": 27, "s": 2}),
    ],
)
def test_brackets_are_placed_as_wandb_does(tmp_path: Path, given_keys: dict[str, Any], kept: dict[str, Any]) -> None:
    stop = {"type": "hyperband", **given_keys}
    metric = {"name": "accuracy", "goal": "maximize"}
    card = card_of(tmp_path, {"method": "grid", "parameters": ONE, "metric": metric, "early_terminate": stop})
    assert card["search"] == {"method": "grid", "early_terminate": {"type": "hyperband", **kept}}


@pytest.mark.parametrize("given_keys", [{}, {"eta": 3}, {"max_iter": 27}, {"s": 2}])
def test_brackets_without_a_place(tmp_path: Path, given_keys: dict[str, Any]) -> None:
    stop = {"type": "hyperband", **given_keys}
    metric = {"name": "accuracy", "goal": "maximize"}
    (fault,) = refusals(tmp_path, {"method": "grid", "parameters": ONE, "metric": metric, "early_terminate": stop})
    assert fault.code == "RC107"
    assert fault.where.endswith(", early_terminate")


def test_stopping_needs_a_metric(tmp_path: Path) -> None:
    stop = {"type": "hyperband", "min_iter": 3}
    (fault,) = refusals(tmp_path, {"method": "grid", "parameters": ONE, "early_terminate": stop})
    assert (fault.code, fault.what) == ("RC105", "`early_terminate` needs a `metric`")


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    for path in (tmp_path / "none.yaml", tmp_path):
        with pytest.raises(errors.UsageError, match="cannot be read"):
            read_sweep(path, KnownNames(find_project(tmp_path)))
