"""What a card says and rarely means."""

from __future__ import annotations

from typing import Any

import pytest

from runcard.card import load_card
from runcard.card.doubts import find_doubts


def doubts(parameter: dict[str, Any]) -> list[str]:
    models = [{"name": "logistic_regression", "params": {"C": parameter}}]
    card = {"data": {"raw_path": "t.csv"}, "features": {"target": "y"}, "models": models}
    return list(find_doubts(load_card({**card, "search": {"method": "random", "trials": 9}})))


def test_bounds_that_are_taken_for_exponents() -> None:
    (said,) = doubts({"distribution": "log_uniform", "min": 0.001, "max": 10})
    assert said.endswith(
        "the bounds of `log_uniform` are exponents of e: it draws from 1.001 to 2.203e+04; "
        "`log_uniform_values` takes the values themselves"
    )
    assert "models[0].params.C" in said


@pytest.mark.parametrize(
    "parameter",
    [
        {"distribution": "log_uniform", "min": -7, "max": 2},
        {"distribution": "log_uniform_values", "min": 0.001, "max": 10},
        {"distribution": "uniform", "min": 0.001, "max": 10},
    ],
)
def test_others_leave_no_doubt(parameter: dict[str, Any]) -> None:
    assert not doubts(parameter)
