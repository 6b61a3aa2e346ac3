"""Hyperparameters that are there only with some values of others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import pytest

from runcard.search.space import Parameter, find_when_faults, grid, grid_size, parse_parameter
from runcard.search.strategy import BayesianSearch, Point, every_value, n_points, random_points

SVC: dict[str, Any] = {
    "degree": {"values": [2, 3], "when": {"kernel": "poly"}},
    "kernel": ["linear", "rbf", "poly"],
    "gamma": {"values": ["scale", 0.1], "when": {"kernel": ["rbf", "poly"]}},
    "C": [1, 10],
}


def space(params: Mapping[str, Any]) -> dict[str, Parameter]:
    return {name: parse_parameter(raw) for name, raw in params.items()}


def belongs(params: Mapping[str, object]) -> bool:
    wanted = {"linear": {"kernel", "C"}, "rbf": {"kernel", "C", "gamma"}, "poly": {"kernel", "C", "gamma", "degree"}}
    return set(params) == wanted[str(params["kernel"])]


def test_a_grid_has_each_combination_once() -> None:
    found = list(grid(space(SVC)))
    assert all(belongs(params) for params in found)
    assert Counter(params["kernel"] for params in found) == {"linear": 2, "rbf": 4, "poly": 8}
    assert len({repr(params) for params in found}) == grid_size(space(SVC)) == n_points([space(SVC)]) == 14
    assert found[0] == {"kernel": "linear", "C": 1}
    assert list(found[-1]) == ["degree", "kernel", "gamma", "C"]  # in the card's order


def test_conditions_may_depend_on_each_other() -> None:
    chain = {
        "c": {"values": [1, 2], "when": {"b": 1}},
        "b": {"values": [0, 1], "when": {"a": True}},
        "a": [True, False],
    }
    assert list(grid(space(chain))) == [
        {"b": 0, "a": True},
        {"c": 1, "b": 1, "a": True},
        {"c": 2, "b": 1, "a": True},
        {"a": False},
    ]
    assert grid_size(space(chain)) == 4


def test_two_conditions_must_both_hold() -> None:
    both = {"a": [1, 2], "b": [1, 2], "c": {"values": [7, 8], "when": {"a": 1, "b": [2]}}}
    assert [params for params in grid(space(both)) if "c" in params] == [
        {"a": 1, "b": 2, "c": 7},
        {"a": 1, "b": 2, "c": 8},
    ]
    assert grid_size(space(both)) == 5


def test_many_that_exclude_each_other_are_not_multiplied() -> None:
    wide: dict[str, Any] = {"kind": list(range(12))}
    wide |= {f"p{n}": {"values": list(range(10)), "when": {"kind": n}} for n in range(12)}
    assert grid_size(space(wide)) == len(list(grid(space(wide)))) == 120


def test_random_draws_leave_out_what_does_not_belong() -> None:
    params = {**SVC, "C": {"distribution": "log_uniform_values", "min": 0.1, "max": 10}}
    points = random_points([space(params)], seed=1)
    drawn = [next(points) for _ in range(60)]
    assert all(belongs(point.params) for point in drawn)
    assert {point.params["kernel"] for point in drawn} == {"linear", "rbf", "poly"}
    assert len(list(random_points([space(SVC)], seed=1))) == len(list(every_value([space(SVC)]))) == 14


def test_a_bayesian_search_goes_over_them_reproducibly() -> None:
    params = {**SVC, "C": {"distribution": "log_uniform_values", "min": 0.1, "max": 10}}

    def run() -> list[Point]:
        search = BayesianSearch([space(params)], seed=3, greater_is_better=True, identify=repr)
        found = []
        for number in range(40):
            point = search.ask()
            assert point is not None
            found.append(point)
            search.tell(number, {"linear": 0.1, "rbf": 0.5, "poly": 0.9}[str(point.params["kernel"])])
        return found

    points = run()
    assert all(belongs(point.params) for point in points)
    assert points == run()
    assert Counter(point.params["kernel"] for point in points).most_common(1)[0][0] == "poly"


@pytest.mark.slow
def test_a_bayesian_search_ends_when_all_are_known() -> None:
    search = BayesianSearch([space(SVC)], seed=3, greater_is_better=True, identify=repr)
    for number in range(14):
        assert search.ask() is not None
        search.tell(number, float(number))
    assert search.ask() is None


@pytest.mark.parametrize(
    ("params", "faults"),
    [
        ({"a": [1, 2], "b": {"value": 1, "when": {"a": 1}}}, []),
        ({"a": 1, "b": {"value": 1, "when": {"a": 1.0}}}, []),
        ({"a": [[1], [2]], "b": {"value": 1, "when": {"a": [[1]]}}}, []),
        ({"b": {"value": 1, "when": {"a": 1}}}, [("b", "`when` names `a`")]),
        ({"a": [1, 2], "b": {"value": 1, "when": {"a": 3}}}, [("b", "`a` is never `3`")]),
        ({"a": [1, 2], "b": {"value": 1, "when": {"a": [1, "1"]}}}, [("b", "`a` is never `1`")]),
        ({"a": [1, 2], "b": {"value": 1, "when": {"a": True}}}, [("b", "`a` is never `True`")]),
        ({"a": [1, 2], "b": {"value": 1, "when": {"a": []}}}, [("b", "`when` says no value of `a`")]),
        ({"a": [1, 2], "b": {"value": 1, "when": "a"}}, [("b", "`when` must be a mapping")]),
        ({"a": [1, 2], "b": {"value": 1, "when": {}}}, [("b", "`when` must be a mapping")]),
        (
            {"a": {"min": 0.1, "max": 1}, "b": {"value": 1, "when": {"a": 1}}},
            [("b", "`when` names `a`, which has no list of values")],
        ),
        ({"a": {"value": 1, "when": {"a": 1}}}, [("a", "`when` leads back to it")]),
        (
            {
                "a": {"value": 1, "when": {"b": 1}},
                "b": {"value": 1, "when": {"a": 1}},
                "c": {"value": 1, "when": {"a": 1}},
            },
            [("a", "`when` leads back to it"), ("b", "`when` leads back to it")],
        ),
    ],
)
def test_what_is_wrong_with_conditions(params: dict[str, Any], faults: list[tuple[str, str]]) -> None:
    assert [(name, fault.what) for name, fault in find_when_faults(params)] == faults
