"""Inverse cumulative distribution functions: hyperparameter values from numbers between 0 and 1.

What each distribution means is what it means in Weights & Biases sweeps: `log_uniform` takes exponents of e,
`log_uniform_values` the values themselves, `q` rounds to a multiple of `q`, whole if `q` is: the nearest within
the bounds, where W&B's may lie outside.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence

from runcard.search.space import Categorical, Constant, Distribution, Parameter, round_to_step

_EDGE = 1e-12
"""How near to 0 and 1 a bell is asked, where it would be infinite."""


def quantile(parameter: Parameter, u: float) -> object:
    """Give the value below which a share `u` of a hyperparameter's values lies, 0 <= u <= 1."""
    match parameter:
        case Constant(value):
            return value
        case Categorical(values, probabilities):
            return values[_place(u, probabilities or [1 / len(values)] * len(values))]
    shape = parameter.shape
    if parameter.name == "int_uniform":
        low, high = int(shape["min"]), int(shape["max"])
        return min(low + int(u * (high - low + 1)), high)
    value = _CURVES[parameter.name.removeprefix("q_")](u, shape)
    return round_to_step(value, shape["q"], *_bounds(parameter)) if "q" in shape else float(value)


def _place(u: float, probabilities: Sequence[float]) -> int:
    """Give the first index at which the cumulative probability exceeds `u`; never one of probability 0."""
    possible = [place for place, probability in enumerate(probabilities) if probability > 0]
    sums = itertools.accumulate(probabilities[place] for place in possible)
    return next((place for place, total in zip(possible, sums, strict=True) if u < total), possible[-1])


def ends_of(parameter: Distribution) -> tuple[float, float]:
    """Give the bounds of a distribution's values; distant quantiles if it is unbounded."""
    if "min" in parameter.shape or parameter.name.endswith("beta"):
        return _bounds(parameter)
    low, high = (quantile(parameter, u) for u in (0.001, 0.999))
    return float(low), float(high)  # type: ignore[arg-type]


def _bounds(parameter: Distribution) -> tuple[float, float]:
    """Give the bounds of a distribution's values; infinite where it has none."""
    shape = parameter.shape
    if "min" in shape:
        low, high = shape["min"], shape["max"]
        match parameter.name:
            case "log_uniform" | "q_log_uniform":
                return math.exp(low), math.exp(high)
            case "inv_log_uniform":
                return math.exp(-high), math.exp(-low)
        return low, high
    return (0.0, 1.0) if parameter.name.endswith("beta") else (-math.inf, math.inf)


def _between(u: float, low: float, high: float) -> float:
    return min(max(low + u * (high - low), low), high)


def _exponential(u: float, low: float, high: float) -> float:
    """Distribute the logarithm uniformly between `low` and `high`."""
    return math.exp(_between(u, low, high))


def _log_uniform_values(u: float, shape: Mapping[str, float]) -> float:
    low, high = shape["min"], shape["max"]
    return min(max(_exponential(u, math.log(low), math.log(high)), low), high)


def _normal(u: float, shape: Mapping[str, float]) -> float:
    from scipy.special import ndtri

    return float(shape["mu"] + shape["sigma"] * ndtri(min(max(u, _EDGE), 1 - _EDGE)))


def _beta(u: float, shape: Mapping[str, float]) -> float:
    from scipy.special import betaincinv

    return float(betaincinv(shape["a"], shape["b"], u))


_CURVES: Mapping[str, Callable[[float, Mapping[str, float]], float]] = {
    "uniform": lambda u, shape: _between(u, shape["min"], shape["max"]),
    "log_uniform": lambda u, shape: _exponential(u, shape["min"], shape["max"]),
    "log_uniform_values": _log_uniform_values,
    # log(1/X) is spread evenly: from `min` to `max`, or from log(1/max) to log(1/min)
    "inv_log_uniform": lambda u, shape: _exponential(u, -shape["max"], -shape["min"]),
    "inv_log_uniform_values": _log_uniform_values,
    "normal": _normal,
    "log_normal": lambda u, shape: math.exp(_normal(u, shape)),
    "beta": _beta,
}
