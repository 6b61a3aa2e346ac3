"""Two runs side by side: the models, hyperparameters and feature sets that they do not have in common."""

from __future__ import annotations

from dataclasses import replace

from runcard.replay.account import Account
from runcard.replay.difference import Difference
from runcard.replay.pair import diff_accounts, plain_differences, trial_differences

ONE = Account("one", model="forest", params={"depth": 3, "name": "a"}, features="default")


def test_equal_trials_have_no_differences() -> None:
    assert trial_differences(ONE, replace(ONE, name="another")) == []


def test_each_difference_is_of_its_part_with_both_sides_in_their_order() -> None:
    other = replace(ONE, model="ridge", features="", params={"depth": "3", "alpha": 1})
    assert trial_differences(ONE, other) == [
        Difference("model", "", "forest", "ridge"),
        Difference("feature set", "", "default", None),
        Difference("param", "alpha", None, "1"),
        Difference("param", "depth", "3", '"3"'),
        Difference("param", "name", "a", None),
    ]


def test_long_hyperparameters_are_compared_whole_and_shown_short() -> None:
    one, other = (replace(ONE, params={"layers": [1] * 99 + [last]}) for last in (2, 3))
    assert trial_differences(one, one) == []
    (found,) = trial_differences(one, other)
    assert found.recorded == found.now
    assert str(found.now).endswith("…")


def test_what_is_not_known_is_said_of_the_run_it_is_of() -> None:
    known = replace(ONE, card="a: 1", plan={"n": 1}, code={"commit": "c"}, environment={"python": "3"})
    found = diff_accounts(
        known, replace(ONE, name="other", code={"commit": "c"}), ("r1", "r2"), [Difference("x", "", "1", "2")]
    )
    assert (found.names, found.run_ids, found.is_plain) == (("one", "other"), ("r1", "r2"), False)
    assert found.unknown == ("card, data, split, features and metrics, packages of other are not known",)
    assert found.differences[-1] == Difference("x", "", "1", "2")


def test_of_any_runs_what_has_the_same_name_is_compared() -> None:
    assert plain_differences("tag", {"a": "1", "b": "2"}, {"a": "1", "b": "3", "c": "4"}) == [
        Difference("tag", "b", "2", "3"),
        Difference("tag", "c", None, "4"),
    ]
