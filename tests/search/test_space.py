from __future__ import annotations

import itertools
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runcard.search.space import (
    DISTRIBUTIONS,
    Categorical,
    Constant,
    Distribution,
    SpaceFault,
    find_faults,
    grid,
    grid_size,
    parse_parameter,
)

BOUNDS = {"min": 1, "max": 3}
BELL = {"mu": 0.0, "sigma": 1.0}


@pytest.mark.parametrize(
    ("raw", "parameter"),
    [
        (3, Constant(3)),
        ("l2", Constant("l2")),
        (None, Constant(None)),
        (True, Constant(True)),
        ([1, 2], Categorical((1, 2))),
        ([[100, 50], [50]], Categorical(([100, 50], [50]))),
        ([None, 10], Categorical((None, 10))),
        ([1, 1.0, True], Categorical((1, 1.0, True))),
        ((1, 2), Categorical((1, 2))),
        ({"value": [100, 50]}, Constant([100, 50])),
        ({"value": {"a": 1}}, Constant({"a": 1})),
        ({"value": None}, Constant(None)),
        ({"values": [1, 2]}, Categorical((1, 2))),
        ({"values": [[1], [2]]}, Categorical(([1], [2]))),
        ({"values": ["a", "b"], "probabilities": [0.3, 0.7]}, Categorical(("a", "b"), (0.3, 0.7))),
        ({"values": ["a", "b"], "probabilities": [0, 1]}, Categorical(("a", "b"), (0.0, 1.0))),
        ({"distribution": "constant", "value": 1}, Constant(1)),
        ({"distribution": "categorical", "values": [1]}, Categorical((1,))),
        (
            {"distribution": "categorical_w_probabilities", "values": [1, 2], "probabilities": [0.5, 0.5]},
            Categorical((1, 2), (0.5, 0.5)),
        ),
        (BOUNDS, Distribution("int_uniform", BOUNDS)),
        ({"min": 1, "max": 3.0}, Distribution("uniform", {"min": 1, "max": 3.0})),
        ({"min": 0.1, "max": 0.2}, Distribution("uniform", {"min": 0.1, "max": 0.2})),
    ],
)
def test_short_forms(raw: object, parameter: object) -> None:
    assert list(find_faults(raw)) == []
    assert parse_parameter(raw) == parameter


@pytest.mark.parametrize(
    ("name", "given_keys", "shape"),
    [
        ("int_uniform", BOUNDS, BOUNDS),
        ("int_uniform", {"min": 1.0, "max": 3.0}, {"min": 1.0, "max": 3.0}),
        ("uniform", BOUNDS, BOUNDS),
        ("q_uniform", BOUNDS, {**BOUNDS, "q": 1.0}),
        ("q_uniform", {**BOUNDS, "q": 0.5}, {**BOUNDS, "q": 0.5}),
        ("log_uniform", {"min": -7, "max": 0}, {"min": -7, "max": 0}),
        ("log_uniform_values", {"min": 1e-4, "max": 1}, {"min": 1e-4, "max": 1}),
        ("q_log_uniform", BOUNDS, {**BOUNDS, "q": 1.0}),
        ("q_log_uniform_values", {**BOUNDS, "q": 2}, {**BOUNDS, "q": 2}),
        ("inv_log_uniform", BOUNDS, BOUNDS),
        ("inv_log_uniform_values", BOUNDS, BOUNDS),
        ("normal", {}, BELL),
        ("normal", {"mu": 5}, {"mu": 5, "sigma": 1.0}),
        ("q_normal", {"q": 10}, {**BELL, "q": 10}),
        ("log_normal", {"sigma": 2}, {"mu": 0.0, "sigma": 2}),
        ("q_log_normal", {}, {**BELL, "q": 1.0}),
        ("beta", {"a": 1, "b": 2}, {"a": 1, "b": 2}),
        ("q_beta", {"a": 1, "b": 2}, {"a": 1, "b": 2, "q": 1.0}),
    ],
)
def test_every_distribution(name: str, given_keys: dict[str, float], shape: dict[str, float]) -> None:
    assert parse_parameter({"distribution": name, **given_keys}) == Distribution(name, shape)


def test_the_distributions_are_those_of_wandb() -> None:
    logs = {f"{kind}log_uniform{values}" for kind in ("", "q_", "inv_") for values in ("", "_values")}
    bells = {f"{kind}{name}" for kind in ("", "q_") for name in ("normal", "log_normal", "uniform", "beta")}
    listed = {"constant", "categorical", "categorical_w_probabilities"}
    assert set(DISTRIBUTIONS) == logs | bells | listed | {"int_uniform"}


@pytest.mark.parametrize(
    ("raw", "key", "what"),
    [
        ({}, None, "says no values"),
        ({"min": 1}, None, "says no values"),
        ([], None, "empty"),
        ({"values": []}, "values", "empty"),
        ({"values": 3}, "values", "must be a list"),
        ({"values": {"a": 1}}, "values", "must be a list"),
        ([1, 2, 1], None, "`1` stands 2 times"),
        ({"values": ["a", "a"]}, "values", "`'a'` stands 2 times"),
        ({"distribution": "unifrm", **BOUNDS}, "distribution", "unknown distribution `unifrm`"),
        ({"distribution": None}, "distribution", "unknown distribution"),
        ({"distribution": ["uniform"]}, "distribution", "unknown distribution"),
        ({"minn": 1, "max": 2}, "minn", "unknown key `minn`"),
        ({"parameters": {"a": 1}}, "parameters", "unknown key `parameters`"),
        ({"a_mapping": 1}, "a_mapping", "unknown key"),
        ({"value": 1, "values": [1]}, "values", "does not go with"),
        ({"value": 1, "min": 1}, "min", "does not go with"),
        ({"distribution": "uniform", **BOUNDS, "q": 2}, "q", "does not go with"),
        ({"distribution": "normal", "min": 1}, "min", "does not go with"),
        (
            {"distribution": "categorical", "values": [1], "probabilities": [1]},
            "probabilities",
            "not go with",
        ),
        ({"distribution": "uniform", "min": 1}, None, "`uniform` needs `max`"),
        ({"distribution": "constant"}, None, "`constant` needs `value`"),
        ({"distribution": "categorical_w_probabilities", "values": [1]}, None, "needs `probabilities`"),
        ({"values": [1, 2], "probabilities": [1]}, "probabilities", "one number from 0 to 1"),
        ({"values": [1, 2], "probabilities": [0.5, "a"]}, "probabilities", "one number from 0 to 1"),
        ({"values": [1, 2], "probabilities": [1.5, -0.5]}, "probabilities", "one number from 0 to 1"),
        ({"values": [1, 2], "probabilities": 0.5}, "probabilities", "one number from 0 to 1"),
        ({"values": [1, 2], "probabilities": [0.5, 0.6]}, "probabilities", "add up to 1.1"),
        ({"min": 3, "max": 1}, "min", "not below"),
        ({"min": 1, "max": 1}, "min", "not below"),
        ({"distribution": "uniform", "min": "1", "max": 2}, "min", "must be a finite number"),
        ({"distribution": "uniform", "min": 1, "max": math.inf}, "max", "must be a finite number"),
        ({"distribution": "uniform", "min": math.nan, "max": 1}, "min", "must be a finite number"),
        ({"distribution": "uniform", "min": False, "max": 1}, "min", "must be a finite number"),
        ({"distribution": "uniform", "min": 0, "max": 10**400}, "max", "must be a finite number"),
        ({"distribution": "int_uniform", "min": 1.5, "max": 3}, "min", "min: 1.5"),
        ({"distribution": "int_uniform", "min": 1, "max": 3.5}, "max", "max: 3.5"),
        ({"distribution": "log_uniform_values", "min": 0, "max": 1}, "min", "above 0"),
        ({"distribution": "inv_log_uniform_values", "min": -1, "max": 1}, "min", "above 0"),
        ({"distribution": "log_uniform", "min": 1, "max": 1000}, "max", "e to the power of 1000"),
        ({"distribution": "inv_log_uniform", "min": -1000, "max": 0}, "min", "e to the power of -1000"),
        ({"distribution": "normal", "sigma": 0}, "sigma", "`sigma` must be above 0"),
        ({"distribution": "q_normal", "q": -1}, "q", "`q` must be above 0"),
        ({"distribution": "beta", "a": 0, "b": 1}, "a", "`a` must be above 0"),
    ],
)
def test_faults_name_their_key(raw: object, key: str | None, what: str) -> None:
    (fault,) = find_faults(raw)
    assert fault.key == key
    assert what in fault.what
    assert fault.why
    assert fault.hint
    with pytest.raises(SpaceFault, match=r".") as caught:
        parse_parameter(raw)
    assert caught.value.what == fault.what


def test_all_faults_of_one_hyperparameter_come_at_once() -> None:
    raw = {"distribution": "q_log_uniform_values", "min": 0, "max": -1, "q": 0, "mu": 1, "sgima": 2}
    assert [fault.key for fault in find_faults(raw)] == ["sgima", "mu", "q", "min", "min"]


# The grid


def test_the_last_hyperparameter_varies_fastest() -> None:
    space = {"a": parse_parameter([1, 2]), "b": parse_parameter("x"), "c": parse_parameter([None, 3])}
    assert list(grid(space)) == [{"a": a, "b": "x", "c": c} for a in (1, 2) for c in (None, 3)]
    assert grid_size(space) == 4
    assert list(grid({})) == [{}]


@pytest.mark.parametrize(
    ("raw", "values"),
    [
        ({"min": 2, "max": 4}, [2, 3, 4]),
        ({"distribution": "int_uniform", "min": 2.0, "max": 4.0}, [2, 3, 4]),
        # those of `q_uniform` are numpy's arange(min, max, q), as in W&B
        ({"distribution": "q_uniform", "min": 50, "max": 400, "q": 100}, [50, 150, 250, 350]),
        ({"distribution": "q_uniform", "min": 1, "max": 10, "q": 2}, [1, 3, 5, 7, 9]),
        ({"distribution": "q_uniform", "min": 100, "max": 300, "q": 100}, [100, 200]),
        ({"distribution": "q_uniform", "min": 0, "max": 0.4, "q": 0.1}, [0.0, 0.1, 0.2, 0.3]),
        ({"distribution": "q_uniform", "min": 1.2, "max": 3.4}, [1.2, 2.2, 3.2]),
        ({"distribution": "q_uniform", "min": 1, "max": 3, "q": 1.0}, [1.0, 2.0]),
        ({"distribution": "q_uniform", "min": 10, "max": 90, "q": 100}, [10]),
    ],
)
def test_a_grid_goes_over_steps(raw: dict[str, Any], values: list[float]) -> None:
    space = {"a": parse_parameter(raw)}
    found = [row["a"] for row in grid(space)]
    assert found == values
    assert [type(value) for value in found] == [type(value) for value in values]
    assert grid_size(space) == len(values)


@pytest.mark.parametrize("name", ["uniform", "log_uniform", "inv_log_uniform", "normal", "beta", "q_normal"])
def test_a_grid_needs_values(name: str) -> None:
    keys = {"beta": {"a": 1, "b": 1}, "normal": {}, "q_normal": {}}.get(name, BOUNDS)
    space = {"C": parse_parameter({"distribution": name, **keys})}
    for go in (lambda: list(grid(space)), lambda: grid_size(space)):
        with pytest.raises(SpaceFault) as caught:
            go()
        assert caught.value.key == "C"
        assert "C: [" in caught.value.hint


@pytest.mark.parametrize(
    ("name", "shape", "examples"),
    [
        ("uniform", {"min": 2, "max": 5}, "2, 5"),
        ("log_uniform", {"min": 0, "max": 1}, "1, 2.71828"),
        ("inv_log_uniform", {"min": 0, "max": 1}, "0.367879, 1"),
        ("normal", {}, "1, 2"),
    ],
)
def test_the_values_that_a_hint_proposes_lie_in_the_distribution(
    name: str, shape: dict[str, float], examples: str
) -> None:
    with pytest.raises(SpaceFault) as caught:
        list(grid({"C": parse_parameter({"distribution": name, **shape})}))
    assert f"`C: [{examples}]`" in caught.value.hint


@pytest.mark.parametrize(
    ("raw", "hint"),
    [
        ({"distribution": "unifrm", "min": 1, "max": 2}, "use `uniform`"),
        ({"distribution": "zzzzzz"}, "use one of `beta`, `categorical`"),
        ({"distribution": "uniform", "min": "1e3", "max": 2000}, "write `min: 1000`, without quotes"),
        ({"distribution": "uniform", "min": "low", "max": 2}, "write `min: 1`, without quotes"),
        ({"distribution": "uniform", "min": 1, "max": math.inf}, "give the farthest value that makes sense"),
    ],
)
def test_hints_name_what_to_write(raw: object, hint: str) -> None:
    (fault,) = find_faults(raw)
    assert fault.hint.startswith(hint)


def test_a_grid_has_no_use_for_probabilities() -> None:
    with pytest.raises(SpaceFault, match="probabilities"):
        list(grid({"C": parse_parameter({"values": [1, 2], "probabilities": [0.1, 0.9]})}))


def test_a_huge_grid_is_counted_without_being_made() -> None:
    space = {"a": parse_parameter({"min": 1, "max": 10**30}), "b": parse_parameter([1, 2])}
    assert grid_size(space) == 2 * 10**30


@pytest.mark.slow
@given(st.dictionaries(st.text(max_size=3), st.lists(st.integers(), min_size=1, max_size=4, unique=True), max_size=4))
def test_the_grid_is_the_product(choices: dict[str, list[int]]) -> None:
    space = {name: parse_parameter(values) for name, values in choices.items()}
    found = list(grid(space))
    assert [tuple(row.values()) for row in found] == list(itertools.product(*choices.values()))
    assert grid_size(space) == len(found)


KEYS = ["min", "max", "values", "value", "q", "distribution", "mu", "x"]
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4),
    max_leaves=8,
)


@given(json_values)
def test_any_value_is_parsed_or_refused(raw: object) -> None:
    if list(find_faults(raw)):
        with pytest.raises(SpaceFault):
            parse_parameter(raw)
    else:
        assert isinstance(parse_parameter(raw), Constant | Categorical | Distribution)
