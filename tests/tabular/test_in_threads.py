from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from runcard.tabular.prediction import abreast


def test_results_come_in_order_and_few_items_are_held() -> None:
    made: list[int] = []

    def items() -> Iterator[int]:
        for number in range(20):
            made.append(number)
            yield number

    def slow_first(number: int) -> int:
        time.sleep(0.05 if number % 2 == 0 else 0)
        return number * 10

    for n_done, found in enumerate(abreast(slow_first, items(), threads=2)):
        assert found == n_done * 10
        assert len(made) <= n_done + 3
    assert n_done == 19


def test_what_an_item_raises_is_raised_in_its_turn() -> None:
    found = abreast(lambda number: 6 // number, [1, 2, 0, 3], threads=2)
    assert [next(found), next(found)] == [6, 3]
    with pytest.raises(ZeroDivisionError):
        next(found)
