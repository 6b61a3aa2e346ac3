"""Each distribution by its shape: against what Weights & Biases says it is."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from runcard.search.sampling import ends_of, quantile
from runcard.search.space import DISTRIBUTIONS, count_drawn, drawn_values, parse_parameter

N = 4000
EVEN = (np.arange(N) + 0.5) / N


def values(raw: Any) -> list[Any]:
    """Return values at evenly spread probabilities: what a very long search would see."""
    parameter = parse_parameter(raw)
    return [quantile(parameter, float(u)) for u in EVEN]


def of(name: str, **keys: Any) -> dict[str, Any]:
    return {"distribution": name, **keys}


# what is said of it in W&B's reference: the cumulative function of X
SMOOTH: dict[str, tuple[dict[str, Any], Callable[[np.ndarray], np.ndarray]]] = {
    "uniform": (of("uniform", min=-1, max=3), stats.uniform(-1, 4).cdf),
    "log_uniform": (of("log_uniform", min=-3, max=1), stats.loguniform(math.exp(-3), math.exp(1)).cdf),
    "log_uniform_values": (of("log_uniform_values", min=0.001, max=10), stats.loguniform(0.001, 10).cdf),
    # log(1/X) is uniform between min and max
    "inv_log_uniform": (of("inv_log_uniform", min=1, max=4), stats.loguniform(math.exp(-4), math.exp(-1)).cdf),
    # log(1/X) is uniform between log(1/max) and log(1/min)
    "inv_log_uniform_values": (of("inv_log_uniform_values", min=0.01, max=2), stats.loguniform(0.01, 2).cdf),
    "normal": (of("normal", mu=2, sigma=3), stats.norm(2, 3).cdf),
    "normal by default": (of("normal"), stats.norm(0, 1).cdf),
    "log_normal": (of("log_normal", mu=0.5, sigma=0.2), stats.lognorm(0.2, scale=math.exp(0.5)).cdf),
    "beta": (of("beta", a=2, b=5), stats.beta(2, 5).cdf),
}


@pytest.mark.parametrize("name", SMOOTH)
def test_smooth_distributions(name: str) -> None:
    raw, cdf = SMOOTH[name]
    found = values(raw)
    assert all(type(value) is float for value in found)
    assert stats.kstest(found, cdf).statistic < 1.5 / N
    assert found == sorted(found)


@pytest.mark.parametrize(
    ("raw", "smooth"),
    [
        (of("q_uniform", min=0, max=10, q=2), of("uniform", min=0, max=10)),
        (of("q_uniform", min=0, max=10), of("uniform", min=0, max=10)),
        (of("q_log_uniform", min=0, max=3, q=0.5), of("log_uniform", min=0, max=3)),
        (of("q_log_uniform_values", min=5, max=100, q=5), of("log_uniform_values", min=5, max=100)),
        (of("q_normal", mu=3, sigma=2, q=0.25), of("normal", mu=3, sigma=2)),
        (of("q_log_normal", mu=1, sigma=0.5, q=1), of("log_normal", mu=1, sigma=0.5)),
        (of("q_beta", a=2, b=3, q=0.1), of("beta", a=2, b=3)),
    ],
    ids=lambda raw: f"{raw['distribution']} {raw.get('q', '')}",
)
def test_steps_are_those_of_the_smooth_one_rounded(raw: dict[str, Any], smooth: dict[str, Any]) -> None:
    q = raw.get("q", 1)
    found = values(raw)
    assert found == pytest.approx([round(value / q) * q for value in values(smooth)], rel=1e-11, abs=1e-12)
    assert {type(value) for value in found} == {type(q)}  # whole steps give whole numbers, as in W&B


def test_whole_numbers_are_equally_likely_ends_included() -> None:
    found, counts = np.unique(values(of("int_uniform", min=-2, max=5)), return_counts=True)
    assert list(found) == list(range(-2, 6))
    assert set(counts) == {N / 8}
    assert {type(value) for value in values({"min": 1, "max": 3})} == {int}


def test_choices_are_equally_likely_unless_said_otherwise() -> None:
    assert [values(["a", None]).count(value) for value in ("a", None)] == [N / 2, N / 2]
    raw = {"values": ["a", "b", "c"], "probabilities": [0.25, 0.0, 0.75]}
    assert [values(raw).count(value) for value in "abc"] == [N / 4, 0, 3 * N / 4]
    assert set(values({"value": [1, 2]} | {})[0]) == {1, 2}


def test_every_distribution_is_looked_at() -> None:
    seen = {raw["distribution"] for raw, _ in SMOOTH.values()}
    seen |= {name for name in DISTRIBUTIONS if name.startswith("q_")}
    assert seen | {"int_uniform", "categorical", "categorical_w_probabilities", "constant"} == set(DISTRIBUTIONS)


@given(u=st.floats(0, 1), low=st.floats(1e-6, 1e6), width=st.floats(1e-9, 1e6))
@pytest.mark.parametrize("name", ["uniform", "log_uniform_values", "inv_log_uniform_values"])
def test_bounds_hold_to_the_last_digit(name: str, u: float, low: float, width: float) -> None:
    raw = of(name, min=low, max=low + width)
    if low + width > low:
        assert low <= quantile(parse_parameter(raw), u) <= low + width  # type: ignore[operator]


@pytest.mark.parametrize("u", [0.0, 1.0])
@pytest.mark.parametrize("name", ["normal", "log_normal", "q_normal", "q_log_normal"])
def test_bells_end_somewhere(name: str, u: float) -> None:
    assert math.isfinite(quantile(parse_parameter(of(name)), u))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("raw", "values_within"),
    [
        (of("q_uniform", min=50, max=400, q=100), {100, 200, 300, 400}),
        (of("q_uniform", min=0.05, max=0.95, q=0.1), {0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9}),
        (of("q_uniform", min=-5, max=5, q=3), {-3, 0, 3}),
        (of("q_uniform", min=10, max=90, q=100), {10}),  # there is no multiple: the bound
        (of("q_log_uniform_values", min=1, max=13, q=5), {5, 10}),
        (of("q_log_uniform", min=0, max=2, q=2), {2, 4, 6}),  # from 1 to 7.39
        (of("q_beta", a=2, b=2, q=0.6), {0.0, 0.6}),
    ],
    ids=lambda raw: "{distribution} {q}".format(**raw) if isinstance(raw, dict) else "",
)
def test_steps_stay_within_the_bounds(raw: dict[str, Any], values_within: set[float]) -> None:
    assert set(values(raw)) == values_within
    parameter = parse_parameter(raw)
    if raw["distribution"] == "q_uniform":
        assert set(drawn_values(parameter)) == values_within
        assert count_drawn(parameter) == len(values_within)


@pytest.mark.parametrize("name", SMOOTH)
def test_the_ends_are_those_of_the_values(name: str) -> None:
    """Of a bell, which has none, they hold all but one value in five hundred."""
    parameter = parse_parameter(SMOOTH[name][0])
    shares = (0.001, 0.999) if "norm" in name.removeprefix("log_") and "uniform" not in name else (0.0, 1.0)
    assert ends_of(parameter) == pytest.approx([quantile(parameter, share) for share in shares], rel=1e-12)  # type: ignore[arg-type]
