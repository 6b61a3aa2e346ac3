"""Which points come, and that the same come again."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from typing import Any

import pytest

from runcard.search.space import parse_parameter
from runcard.search.strategy import BayesianSearch, Point, every_value, n_points, random_points

FOREST = {"depth": {"min": 2, "max": 30}, "leaf": [1, 2, 5], "jobs": 1}
LINEAR = {"C": {"distribution": "log_uniform_values", "min": 0.001, "max": 10}}


def spaces(*raws: dict[str, Any]) -> list[dict[str, Any]]:
    return [{name: parse_parameter(raw) for name, raw in space.items()} for space in raws]


def draw(n: int, *raws: dict[str, Any], seed: int = 0) -> list[Point]:
    return list(itertools.islice(random_points(spaces(*raws), seed=seed), n))


def test_asking_for_more_gives_the_same_first() -> None:
    assert draw(30, FOREST, LINEAR)[:10] == draw(10, FOREST, LINEAR)
    assert draw(10, FOREST, LINEAR, seed=1) != draw(10, FOREST, LINEAR)


def test_no_point_comes_twice_and_all_come() -> None:
    small = {"a": [1, 2, 3], "b": ["x", "y"], "c": {"min": 0, "max": 1}}
    found = draw(1000, small)
    assert sorted(map(repr, found)) == sorted(map(repr, every_value(spaces(small))))
    assert n_points(spaces(small)) == len(found) == 12


def test_each_space_is_as_likely() -> None:
    counts = Counter(point.entry for point in draw(2000, FOREST | {"x": {"min": 0.0, "max": 1.0}}, LINEAR))
    assert abs(counts[0] - 1000) < 100


def test_points_that_cannot_come_up_do_not_count() -> None:
    weighted = {"a": {"values": [1, 2, 3], "probabilities": [0.5, 0, 0.5]}, "b": {"min": 1, "max": 4}}
    assert n_points(spaces(weighted)) == 8
    assert {point.params["a"] for point in every_value(spaces(weighted))} == {1, 3}
    assert n_points(spaces(FOREST, {})) == 29 * 3 + 1
    assert n_points(spaces(FOREST, LINEAR)) == math.inf


# Bayesian


def quality(point: Point) -> float:
    """Best at C = 0.1, and at depth 12 nearly as good."""
    if point.entry == 1:
        return -((math.log10(point.params["C"]) + 1) ** 2)  # type: ignore[arg-type]
    return -0.1 - (point.params["depth"] - 12) ** 2 / 50  # type: ignore[operator]


def search(n: int, lag: int, *raws: dict[str, Any], seed: int = 0, value: Any = quality) -> list[Point]:
    """Ask for n points; before each, tell what came `lag` points ago."""
    state = BayesianSearch(spaces(*raws), seed=seed, greater_is_better=True, identify=repr)
    found: list[Point] = []
    for number in range(n):
        if number >= lag:
            state.tell(number - lag, value(found[number - lag]))
        point = state.ask()
        if point is None:
            break
        found.append(point)
    return found


def test_the_same_told_gives_the_same_asked() -> None:
    first = search(40, 8, FOREST, LINEAR)
    assert search(40, 8, FOREST, LINEAR) == first
    assert search(25, 8, FOREST, LINEAR) == first[:25]
    assert search(40, 8, FOREST, LINEAR, seed=1) != first
    assert search(40, 8, FOREST, LINEAR, value=lambda point: -quality(point)) != first


def test_the_first_are_those_of_chance_and_what_follows_is_better() -> None:
    found = [quality(point) for point in search(60, 8, FOREST, LINEAR)]
    early, late = sorted(found[:15])[7], sorted(found[-15:])[7]
    assert late > early
    assert max(found[-15:]) > -0.05


@pytest.mark.slow
def test_no_point_is_asked_twice_until_all_are_known() -> None:
    small = {"a": [1, 2, 3], "b": {"min": 0, "max": 4}}
    found = search(1000, 1, small, value=lambda point: point.params["b"])
    assert sorted(map(repr, found)) == sorted(map(repr, every_value(spaces(small))))


def test_what_failed_or_was_stopped_is_learned_from() -> None:
    state = BayesianSearch(spaces(LINEAR), seed=0, greater_is_better=False, identify=repr)
    asked = [state.ask() for _ in range(30)]
    for number in range(30):
        if number % 3 == 0:
            state.tell(number, None)
        elif number % 3 == 1:
            state.tell(number, 1.0, step=5)
        else:
            state.tell(number, abs(math.log10(asked[number].params["C"]) + 1))  # type: ignore[union-attr, arg-type]
    later = [state.ask().params["C"] for _ in range(10)]  # type: ignore[union-attr]
    assert 0.01 < sorted(later)[5] < 1  # type: ignore[operator, type-var]


@pytest.mark.parametrize("value", [0.5, None])
def test_a_point_is_told_once(value: float | None) -> None:
    state = BayesianSearch(spaces(LINEAR), seed=0, greater_is_better=True, identify=repr)
    state.ask()
    state.tell(0, value)
    with pytest.raises(ValueError, match="Cannot tell"):
        state.tell(0, value)


def test_what_was_stopped_is_learnt_from_and_what_failed_tells_nothing() -> None:
    """In the same places: a search that is told what its stopped trials had got by then finds better ones."""

    def found(*, knows: bool) -> list[Point]:
        state = BayesianSearch(spaces(LINEAR), seed=0, greater_is_better=True, identify=repr)
        points = []
        for number in range(40):
            point = state.ask()
            assert point is not None
            points.append(point)
            value = -((math.log10(point.params["C"]) + 1) ** 2)  # type: ignore[arg-type]
            state.tell(number, value if knows else None, step=3 if knows else None)
        return points

    learnt, blind = found(knows=True), found(knows=False)
    assert learnt[:10] == blind[:10]  # the first are drawn from chance
    assert learnt[10:] != blind[10:]
    near = [sum(0.05 < point.params["C"] < 0.2 for point in points[10:]) for points in (learnt, blind)]  # type: ignore[operator]
    assert near[0] > near[1]
