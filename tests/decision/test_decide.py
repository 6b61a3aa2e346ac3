"""Deciding among candidates: pure, so every rule is held against numbers that can be worked out by hand."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runcard import errors
from runcard.decision import Candidate, Decision, FinalScore, check_choice, decide, nothing_qualifies
from runcard.plan import Choice, read_constraint
from runcard.stats import pareto_front


def candidate(name: str, folds: Sequence[float] | float, **measures: float) -> Candidate:
    scores = tuple(folds) if isinstance(folds, Sequence) else None
    value = math.fsum(scores) / len(scores) if scores else float(folds)  # type: ignore[arg-type]
    return Candidate(name, name, value, scores, {"r2": value, **measures})


def choose(
    candidates: Sequence[Candidate], *, greater: bool = True, test_share: float | None = 0.25, **how: Any
) -> Decision:
    bounds = [read_constraint(*pair) for pair in how.pop("constraints", {}).items()]
    choice = Choice(**{"cost": ("ms",), "constraints": tuple(bounds), **how})
    return decide(candidates, choice, metric="r2", directions={"r2": greater}, test_share=test_share)


def names(candidates: Sequence[Candidate]) -> list[str]:
    return [found.id for found in candidates]


BEST = candidate("best", [0.80, 0.84, 0.88, 0.84], ms=9.0, mb=5.0)
"""Mean 0.84, standard deviation 0.0327, so a standard error of 0.0163: it reaches down to 0.8237."""

NEAR = candidate("near", [0.80, 0.82, 0.87, 0.82], ms=3.0, mb=1.0)
NEARER = candidate("nearer", [0.81, 0.83, 0.87, 0.83], ms=4.0, mb=2.0)
FAR = candidate("far", [0.81, 0.82, 0.84, 0.82], ms=1.0, mb=0.5)
ALL = [FAR, NEAR, BEST, NEARER]


def test_the_best_is_chosen_and_the_second_is_the_runner_up() -> None:
    found = choose(ALL)
    assert (found.winner, found.runner_up, found.best) == (BEST, NEARER, BEST)
    assert (found.why, found.why_not) == ("the best r2", "its r2 is 0.005 lower")
    assert (found.n_compared, found.n_qualifying) == (4, 4)


def test_of_a_loss_the_least_is_best() -> None:
    found = choose(ALL, greater=False)
    assert found.winner == FAR
    assert found.why_not == "its r2 is 0.005 higher"


def test_of_equal_ones_the_first_given_is_chosen() -> None:
    found = choose([candidate("a", 0.5), candidate("b", 0.5)], test_share=None)
    assert found.winner is not None
    assert (found.winner.id, found.why_not) == ("a", "its r2 is equal; it comes later")


def test_one_standard_error_takes_the_cheapest_that_is_near_enough() -> None:
    found = choose(ALL, rule="one_standard_error")
    assert (found.winner, found.runner_up, found.best) == (NEAR, NEARER, BEST)
    assert found.why == "the cheapest by ms of 3 within one standard error (0.01633) of the best r2"
    assert found.why_not == "ms 4 against 3"


def test_one_standard_error_of_a_loss_reaches_upwards() -> None:
    mirrored = [
        candidate(found.id, [1 - score for score in found.folds or ()], ms=found.measures["ms"]) for found in ALL
    ]
    found = choose(mirrored, greater=False, rule="one_standard_error")
    assert found.winner is not None
    assert (found.winner.id, found.best and found.best.id) == ("near", "best")


def test_the_standard_error_is_that_of_the_best_that_qualifies() -> None:
    """Of a best that a constraint rejects, nothing else need be within reach."""
    found = choose(ALL, rule="one_standard_error", constraints={"ms": "< 9"})
    assert (found.best, found.winner) == (NEARER, FAR)
    assert names(found.rejections[0].broken) == ["best"]


def test_one_standard_error_reaches_as_far_as_it_says_and_no_farther() -> None:
    """Folds of 0 and 2 have a mean and a standard error of exactly 1."""
    best = candidate("best", [0.0, 2.0], ms=2.0)
    at, beyond = candidate("at", [0.0, 0.0], ms=1.0), candidate("beyond", [0.0, -0.001], ms=0.5)
    assert choose([best, at, beyond], rule="one_standard_error").winner == at


def test_alone_within_one_standard_error() -> None:
    found = choose([BEST, candidate("low", [0.1, 0.2, 0.1, 0.2], ms=1.0)], rule="one_standard_error")
    assert (found.winner, found.why_not) == (BEST, "its r2 is 0.69 lower, more than one standard error")
    assert found.why.startswith("alone within one standard error")


def test_the_next_cost_decides_where_the_first_is_equal_and_the_metric_where_all_are() -> None:
    one = candidate("one", [0.80, 0.84, 0.88, 0.84], ms=1.0, mb=2.0)
    two = candidate("two", [0.80, 0.84, 0.88, 0.83], ms=1.0, mb=1.0)
    assert choose([one, two], rule="one_standard_error", cost=("ms", "mb")).winner == two
    same = choose([two, one], rule="one_standard_error", cost=("ms",))
    assert (same.winner, same.why_not) == (one, "it costs the same, and is not better")


def test_what_was_not_recorded_is_the_dearest_and_meets_no_constraint() -> None:
    unknown = candidate("unknown", [0.80, 0.84, 0.88, 0.85])
    assert choose([unknown, BEST], rule="one_standard_error").winner == BEST
    found = choose([unknown, BEST], constraints={"ms": "<= 9"})
    assert found.winner == BEST
    assert (names(found.rejections[0].broken), names(found.rejections[0].unrecorded)) == ([], ["unknown"])


@pytest.mark.parametrize(("bound", "kept"), [("<= 3", True), ("< 3", False), (">= 3", True), ("> 3", False)])
def test_a_bound_holds_where_it_says_so(bound: str, kept: bool) -> None:
    assert (choose([NEAR], constraints={"ms": bound}).winner is NEAR) == kept


def test_nothing_qualifies() -> None:
    found = choose(ALL, constraints={"ms": "<= 0.5", "mb": "<= 0.6", "r2": ">= 0.1"})
    assert (found.winner, found.best, found.runner_up, found.ties, found.pareto) == (None, None, None, None, ())
    error = nothing_qualifies(found, "here")
    assert error.exit_code == 3
    assert error.what == "none of the 4 candidates qualifies"
    alone = choose([NEAR], constraints={"ms": "<= 0.5"})
    assert nothing_qualifies(alone, "here").what == "the only candidate does not qualify"
    assert (found.has_test_rows, alone.as_dict()["has_test_rows"]) == (True, True)
    assert error.why == "`ms <= 0.5` rejects 4 (the nearest has 1),\n`mb <= 0.6` rejects 3 (the nearest has 1)"


@pytest.mark.parametrize(
    "choice", [Choice(constraints=(read_constraint("mbb", "<= 1"),)), Choice("one_standard_error", cost=("mbb",))]
)
def test_a_name_that_nobody_has_is_an_error(choice: Choice) -> None:
    with pytest.raises(errors.UsageError, match="nothing recorded is called `mbb`") as caught:
        check_choice(ALL, choice)
    assert caught.value.hint == "use `mb`"


def test_without_folds_there_is_no_standard_error_and_no_tie_is_known() -> None:
    plain = [candidate("a", 0.5, ms=1.0), candidate("b", 0.4, ms=1.0)]
    assert choose(plain, test_share=None).ties is None
    with pytest.raises(errors.UsageError, match="needs folds"):
        check_choice(plain, Choice("one_standard_error", cost=("ms",)))


def test_one_without_folds_among_others_is_enough_to_refuse_a_rule_that_needs_them() -> None:
    with pytest.raises(errors.UsageError, match="needs folds"):
        check_choice([BEST, candidate("bare", 0.9, ms=1.0)], Choice("one_standard_error", cost=("ms",)))


@pytest.mark.parametrize("greater", [True, False])
def test_a_number_that_was_not_recorded_is_the_worst_of_the_pareto_view(greater: bool) -> None:
    known = candidate("known", 0.5, mb=1.0)
    unknown = candidate("unknown", 0.5)
    views = {"r2": True, "mb": greater}
    found = decide([unknown, known], Choice(cost=("mb",)), metric="r2", directions=views)
    assert names(found.pareto) == ["known"]


@pytest.mark.parametrize("rule", ["best", "one_standard_error"])
def test_the_only_one_is_chosen_with_folds_or_without(rule: str) -> None:
    found = choose([candidate("a", 0.5)], rule=rule, test_share=None)
    assert found.winner is not None
    assert (found.why, found.runner_up, found.why_not, found.optimism) == ("the only one", None, "", "")


def test_ties_are_those_that_chance_may_separate() -> None:
    """Worked out by hand: the differences of `near` from `best` are 0, 0.02, 0.01, 0.02; of two p, the larger stays."""
    low = candidate("low", [0.30, 0.35, 0.37, 0.34], ms=1.0)
    found = choose([BEST, NEAR, low], practical_difference=0.1)
    assert found.ties is not None
    (tie,) = found.ties
    x = 0.0125 / math.sqrt(0.00027500 / 3 * (1 / 4 + 0.25)) / math.sqrt(3)  # t / sqrt(df)
    assert tie.candidate == NEAR
    assert tie.difference == pytest.approx(0.0125)
    assert tie.p_value == pytest.approx(1 - 2 / math.pi * (x / (1 + x**2) + math.atan(x)))
    assert tie.p_equal > 0.99


def test_equal_folds_tie() -> None:
    found = choose([BEST, candidate("twin", BEST.folds or (), ms=1.0)])
    assert found.ties is not None
    assert (found.ties[0].p_value, found.ties[0].p_equal) == (1.0, 1.0)


def test_the_pareto_view_leaves_out_what_another_beats_in_everything() -> None:
    worse = candidate("worse", [0.80, 0.81, 0.80, 0.81], ms=5.0)
    found = choose([*ALL, worse])
    assert found.directions == {"r2": True, "ms": False}
    assert names(found.pareto) == ["best", "nearer", "near", "far"]


def test_one_number_makes_no_pareto_view() -> None:
    assert choose([candidate("a", 0.5), candidate("b", 0.4)], test_share=None).pareto == ()


points = st.lists(st.tuples(*[st.integers(0, 4)] * 3), max_size=30)


@given(points)
def test_the_pareto_front_is_what_its_definition_says(found: list[tuple[int, ...]]) -> None:
    def beats(a: tuple[int, ...], b: tuple[int, ...]) -> bool:
        return all(x <= y for x, y in zip(a, b, strict=True)) and a != b

    assert pareto_front(found) == [n for n, p in enumerate(found) if not any(beats(other, p) for other in found)]


def test_it_is_written_as_json_with_all_that_was_decided() -> None:
    from dataclasses import replace

    found = replace(choose(ALL, rule="one_standard_error", constraints={"ms": "< 9"}), test=FinalScore(0.79, 3))
    told = json.loads(json.dumps(found.as_dict(), allow_nan=False))
    assert told["winner"]["id"] == "far"
    assert told["constraints"] == [
        {
            "name": "ms",
            "bound": "< 9",
            "measured": "",
            "rejected": [{"id": "best", "run_id": None, "label": "best", "value": BEST.value, "ms": 9.0}],
            "unrecorded": [],
        }
    ]
    assert told["test"] == {"score": 0.79, "n_openings": 3, "copies": None}
    assert "by looking at 4 candidates" in told["optimism"]
    assert told["best"]["standard_error"] == pytest.approx(0.012583, abs=1e-6)


# Those that failed as finalists


def test_after_a_finalist_that_failed_the_next_best_is_chosen() -> None:
    bounds = Choice(cost=("ms",))
    found = decide(ALL, bounds, metric="r2", directions={"r2": True}, failed={"best": "ValueError: no", "far": "no"})
    assert (found.winner, found.runner_up, found.best) == (NEARER, NEAR, BEST)
    assert found.why == "the best r2, the finalists before it having failed"
    assert [(failure.candidate.id, failure.reason) for failure in found.failed] == [
        ("best", "ValueError: no"),
        ("far", "no"),
    ]
    assert [row["id"] for row in found.as_dict()["failed"]] == ["best", "far"]


def test_one_standard_error_allows_no_other_than_those_within_it() -> None:
    rule = Choice(rule="one_standard_error", cost=("ms",))
    given = {"metric": "r2", "directions": {"r2": True}}
    first = decide(ALL, rule, **given)
    assert first.winner == NEAR
    second = decide(ALL, rule, **given, failed={"near": "no"})
    assert second.winner == NEARER
    assert decide(ALL, rule, **given, failed={"near": "no", "nearer": "no"}).winner == BEST
    none = decide(ALL, rule, **given, failed={"near": "no", "nearer": "no", "best": "no"})
    assert none.winner is None
    assert "`near` failed as a finalist: no" in nothing_qualifies(none, "card").why
