"""Where trials are judged and which go on, by numbers worked out by hand."""

from __future__ import annotations

import pytest

from runcard.search.stopping import Brackets, Hyperband


@pytest.mark.parametrize(
    ("rules", "n_iterations", "brackets"),
    [
        (Hyperband(3, strict=False, min_iter=3), 100, (3, 9, 27, 81)),
        (Hyperband(3, strict=False, min_iter=3), 81, (3, 9, 27)),
        (Hyperband(3, strict=False, min_iter=3), 3, ()),
        (Hyperband(2, strict=False, min_iter=1), 9, (1, 2, 4, 8)),
        (Hyperband(1.5, strict=False, min_iter=1), 6, (1, 2, 3, 5)),
        # W&B's own example: max_iter 27, s 2, eta 3 gives 9 and 3
        (Hyperband(3, strict=False, max_iter=27, s=2), 27, (3, 9)),
        (Hyperband(3, strict=False, max_iter=27, s=9), 27, (1, 3, 9)),
        (Hyperband(3, strict=False, max_iter=27, s=2), 5, (3,)),
    ],
)
def test_brackets(rules: Hyperband, n_iterations: int, brackets: tuple[int, ...]) -> None:
    assert rules.brackets(n_iterations) == brackets


def test_the_best_third_of_those_before_goes_on() -> None:
    seen = Brackets(Hyperband(3, strict=True, min_iter=2), greater_is_better=True)
    for score in (0.5, 0.9, 0.7, 0.6, 0.8, 0.4):
        seen.add({2: score})
    now = seen.thresholds()  # of six, the third: 0.7
    assert [now.stop({2: score}) for score in (0.71, 0.70, 0.69)] == [False, False, True]


def test_losses_are_better_when_small() -> None:
    seen = Brackets(Hyperband(2, strict=True, min_iter=1), greater_is_better=False)
    for loss in (4.0, 1.0, 3.0, 2.0):
        seen.add({1: loss})
    now = seen.thresholds()
    assert [now.stop({1: loss}) for loss in (2.9, 3.0, 3.1)] == [False, False, True]


def test_with_nobody_before_all_go_on() -> None:
    seen = Brackets(Hyperband(3, strict=True, min_iter=2), greater_is_better=True)
    assert not seen.thresholds().stop({2: -1.0})
    seen.add({5: 0.9})  # it got no bracket's value
    seen.add({})
    assert not seen.thresholds().stop({2: -1.0})


@pytest.mark.parametrize("strict", [True, False])
def test_only_the_strict_forget_what_was_better_before(strict: bool) -> None:
    seen = Brackets(Hyperband(3, strict=strict, min_iter=1), greater_is_better=True)
    seen.add({1: 0.6, 3: 0.6})
    now = seen.thresholds()
    assert now.stop({1: 0.7, 3: 0.5}) is strict
    seen.add({1: 0.9, 3: 0.1})
    seen.add({1: 0.5, 3: 0.5})
    assert not seen.thresholds().stop({1: 0.55, 3: 0.55})  # of three, the second by what they had there: 0.5
    assert seen.thresholds().stop({1: 0.55, 3: 0.45}) is strict


def test_thresholds_stay_as_they_were() -> None:
    seen = Brackets(Hyperband(3, strict=True, min_iter=1), greater_is_better=True)
    seen.add({1: 0.5})
    before = seen.thresholds()
    seen.add({1: 0.9})
    assert not before.stop({1: 0.6})
    assert seen.thresholds().stop({1: 0.6})
