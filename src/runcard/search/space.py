"""The grammar of hyperparameters: a scalar, a list of choices, or the mapping of W&B sweeps.

Keys, distributions, defaults and meaning are those of the public grammar of Weights & Biases sweep
`parameters` (https://docs.wandb.ai/guides/sweeps/sweep-config-keys).
"""

from __future__ import annotations

import itertools
import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from runcard import errors
from runcard.keyed import is_keyed_by_label

MAX_TRIALS = 1_000_000


@dataclass(frozen=True, slots=True)
class Constant:
    """One value, the same in every trial."""

    value: object


@dataclass(frozen=True, slots=True)
class Choice:
    """One of several values, equally likely unless `probabilities` says otherwise."""

    values: tuple[object, ...]
    probabilities: tuple[float, ...] | None = None


@dataclass(frozen=True, slots=True)
class Distribution:
    """A distribution over numbers, by its W&B name and the numbers that shape it."""

    name: str
    shape: Mapping[str, float]


Parameter = Constant | Choice | Distribution

_BOUNDS = ("min", "max")
_BELL = {"mu": 0.0, "sigma": 1.0}
_HILL = {"a": 1.0, "b": 1.0}
_STEP = {"q": 1}
# distribution -> (keys it needs, keys it may have with their default)
_DISTRIBUTIONS: dict[str, tuple[tuple[str, ...], Mapping[str, float]]] = {
    "int_uniform": (_BOUNDS, {}),
    "uniform": (_BOUNDS, {}),
    "q_uniform": (_BOUNDS, _STEP),
    "log_uniform": (_BOUNDS, {}),
    "log_uniform_values": (_BOUNDS, {}),
    "q_log_uniform": (_BOUNDS, _STEP),
    "q_log_uniform_values": (_BOUNDS, _STEP),
    "inv_log_uniform": (_BOUNDS, {}),
    "inv_log_uniform_values": (_BOUNDS, {}),
    "normal": ((), _BELL),
    "q_normal": ((), _BELL | _STEP),
    "log_normal": ((), _BELL),
    "q_log_normal": ((), _BELL | _STEP),
    "beta": ((), _HILL),
    "q_beta": ((), _HILL | _STEP),
}
# the same for those whose values are listed
_LISTED: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "constant": (("value",), ()),
    "categorical": (("values",), ()),
    "categorical_w_probabilities": (("values", "probabilities"), ()),
}
_KEYS = ("distribution", "value", "values", "probabilities", *_BOUNDS, "mu", "sigma", "a", "b", "q")
DISTRIBUTIONS = tuple(sorted({*_DISTRIBUTIONS, *_LISTED}))
_EXPONENTS = ("log_uniform", "q_log_uniform", "inv_log_uniform")
# What other packages call them, small and without `_`: there bounds are the values themselves.
_OTHER_NAMES = {
    **{f"{kind}loguniform": f"{kind}{'_' if kind else ''}log_uniform_values" for kind in ("", "q", "inv")},
    **dict.fromkeys(("reciprocal", "log", "logfloat"), "log_uniform_values"),
    **dict.fromkeys(("int", "integer", "randint", "quniformint", "uniformint"), "int_uniform"),
    **dict.fromkeys(("choice", "choices"), "categorical"),
    **dict.fromkeys(("gaussian", "norm"), "normal"),
    "lognorm": "log_normal",
    "float": "uniform",
}
_LARGEST = 1e300
_MAX_EXPONENT = 690.0  # e to the power of 690 is 1e299


class SpaceFault(Exception):
    """What is wrong with a hyperparameter; `key` is the offending key of its mapping, if one."""

    def __init__(self, what: str, *, key: str | None = None, why: str = "", hint: str = "") -> None:
        super().__init__(what)
        self.what, self.key, self.why, self.hint = what, key, why, hint


def parse_parameter(raw: object, name: str = "") -> Parameter:
    """Read one hyperparameter of a card; its name tells whether a mapping may be one from labels.

    Raises
    ------
    SpaceFault
        It is not in the grammar; the first of `find_faults`.
    """
    for fault in find_faults(raw, name):
        raise fault
    if isinstance(raw, list | tuple):
        return Choice(tuple(raw))
    if is_by_label(raw, name):
        return Constant(raw)
    return _from_mapping(raw) if isinstance(raw, Mapping) else Constant(raw)


def is_by_label(raw: object, name: str) -> bool:
    """Tell whether a hyperparameter is a mapping from labels, not a search space."""
    if not isinstance(raw, Mapping) or not raw or not is_keyed_by_label(name):
        return False
    return not ({"distribution", "value", "values"} & raw.keys() and raw.keys() <= set(_KEYS))


def find_faults(raw: object, name: str = "") -> Iterator[SpaceFault]:
    """Find everything that is wrong with one hyperparameter of a card."""
    if isinstance(raw, list | tuple):
        yield from _choice_faults(raw, None)
    elif isinstance(raw, Mapping) and not is_by_label(raw, name):
        yield from _mapping_faults(raw)


# The grid


def grid(space: Mapping[str, Parameter]) -> Iterator[dict[str, object]]:
    """Every combination, the last hyperparameter varying fastest.

    Raises
    ------
    SpaceFault
        A hyperparameter has no finite list of values; `key` is its name.
    """
    for name, parameter in space.items():
        _require_values(name, parameter)
    for combination in itertools.product(*(values_of(parameter) for parameter in space.values())):
        yield dict(zip(space, combination, strict=True))


def grid_size(space: Mapping[str, Parameter]) -> int:
    """Count the combinations without making them.

    Raises
    ------
    SpaceFault
        As `grid`.
    """
    for name, parameter in space.items():
        _require_values(name, parameter)
    return math.prod(_count(parameter) for parameter in space.values())


def is_listed(parameter: Distribution) -> bool:
    """Tell whether a distribution has a finite list of values."""
    return parameter.name in ("int_uniform", "q_uniform")


def values_of(parameter: Parameter) -> tuple[object, ...]:
    """List the values of a hyperparameter that has finitely many."""
    match parameter:
        case Constant(value):
            return (value,)
        case Choice(values):
            return values
    low, q = parameter.shape["min"], parameter.shape.get("q", 1)
    start = int(low) if parameter.name == "int_uniform" else low
    return tuple(_on_step(start + step * q) for step in range(_count(parameter)))


def drawn_values(parameter: Parameter) -> tuple[object, ...]:
    """List the values that can be drawn of a hyperparameter that has finitely many: of `q_uniform` multiples of `q`."""
    if isinstance(parameter, Choice) and parameter.probabilities is not None:
        weighted = zip(parameter.values, parameter.probabilities, strict=True)
        return tuple(value for value, probability in weighted if probability > 0)
    if isinstance(parameter, Distribution) and "q" in parameter.shape:
        first, n_steps = _drawn_steps(parameter)
        return tuple(_on_step(first + step * parameter.shape["q"]) for step in range(n_steps))
    return values_of(parameter)


def count_drawn(parameter: Parameter) -> int:
    """Count them without making them."""
    if isinstance(parameter, Distribution):
        return _drawn_steps(parameter)[1] if "q" in parameter.shape else _count(parameter)
    return len(drawn_values(parameter))


def _drawn_steps(parameter: Distribution) -> tuple[float, int]:
    """Give the first multiple of `q` that `q_uniform` draws, and how many there are."""
    low, high, q = (parameter.shape[key] for key in (*_BOUNDS, "q"))
    first, last = (round_to_step(bound, q, low, high) for bound in (low, high))
    return first, round((last - first) / q) + 1


def round_to_step(value: float, q: float, low: float = -math.inf, high: float = math.inf) -> float:
    """Give the multiple of `q` that is nearest to a value and within bounds; the bound itself where there is none."""
    steps = round(value / q)
    if math.isfinite(low):
        steps = max(steps, math.ceil(float(f"{low / q:.12g}")))
    if math.isfinite(high):
        steps = min(steps, math.floor(float(f"{high / q:.12g}")))
    found = _on_step(steps * q)
    return found if low <= found <= high else low


def _on_step(value: float) -> float:
    """Take off what a sum of floats has beyond the step."""
    return value if isinstance(value, int) else float(f"{value:.12g}")


def _count(parameter: Parameter) -> int:
    if not isinstance(parameter, Distribution):
        return len(parameter.values) if isinstance(parameter, Choice) else 1
    low, high = (parameter.shape[key] for key in _BOUNDS)
    if parameter.name == "int_uniform":
        return int(high) - int(low) + 1
    return math.ceil(float(f"{(high - low) / parameter.shape['q']:.12g}"))  # `max` itself is none, as in W&B


def _require_values(name: str, parameter: Parameter) -> None:
    if isinstance(parameter, Choice) and parameter.probabilities is not None:
        raise SpaceFault(
            "a grid has no use for `probabilities`",
            key=name,
            why="it runs every value once",
            hint=f"write `{name}: [...]`, or `search: {{method: random, trials: 20}}`",
        )
    if isinstance(parameter, Distribution) and not is_listed(parameter):
        raise SpaceFault(
            f"a grid cannot go over the distribution `{parameter.name}`",
            key=name,
            why="it has no finite list of values",
            hint=f"write a list of values, such as `{name}: [{_examples(parameter)}]`, "
            "or `search: {method: random, trials: 20}`",
        )


def _examples(parameter: Distribution) -> str:
    if "min" not in parameter.shape:
        return "1, 2"
    ends = [parameter.shape[key] for key in _BOUNDS]
    if parameter.name in _EXPONENTS:
        sign = -1 if parameter.name == "inv_log_uniform" else 1
        ends = sorted(math.exp(sign * end) for end in ends)
    return ", ".join(f"{end:g}" for end in ends)


# Reading


def _from_mapping(raw: Mapping[str, object]) -> Parameter:
    distribution = _distribution_of(raw)
    if distribution == "constant":
        return Constant(raw["value"])
    if distribution in _LISTED:
        values, weights = _items(raw["values"]), raw.get("probabilities")
        return Choice(tuple(values), None if weights is None else tuple(float(n) for n in _items(weights)))  # type: ignore[arg-type]
    needed, optional = _DISTRIBUTIONS[distribution]
    shape = {key: raw.get(key, optional.get(key)) for key in (*needed, *optional)}
    return Distribution(distribution, shape)  # type: ignore[arg-type]


def _distribution_of(raw: Mapping[str, object]) -> str:
    """Give the distribution's name; where it is not said, the keys tell, as in W&B."""
    if "distribution" in raw:
        return str(raw["distribution"])
    if "value" in raw:
        return "constant"
    if "values" in raw:
        return "categorical_w_probabilities" if "probabilities" in raw else "categorical"
    if all(key in raw for key in _BOUNDS):
        return "int_uniform" if all(type(raw[key]) is int for key in _BOUNDS) else "uniform"
    return ""


def _items(value: object) -> list[object]:
    return list(value) if isinstance(value, list | tuple) else []


# What is wrong


def _mapping_faults(raw: Mapping[str, object]) -> Iterator[SpaceFault]:
    unknown = [key for key in raw if key not in _KEYS]
    yield from (_unknown_key(key) for key in unknown)
    distribution = _distribution_of(raw)
    if distribution not in DISTRIBUTIONS:
        if not unknown or "distribution" in raw:
            yield _unknown_distribution(raw)
        return
    needed, optional = (_LISTED | _DISTRIBUTIONS)[distribution]
    wanted = (*needed, *optional)
    for key in raw:
        if key in _KEYS and key not in (*wanted, "distribution"):
            yield _not_with(key, distribution, wanted)
    missing = [key for key in needed if key not in raw]
    for key in missing:
        yield SpaceFault(
            f"`{distribution}` needs `{key}`",
            why=f"it takes {errors.listing(wanted)}",
            hint=f"add `{key}: ...`",
        )
    if not missing:
        find = _values_faults if distribution in _LISTED else _shape_faults
        yield from find(distribution, {key: raw[key] for key in wanted if key in raw})


def _unknown_key(key: object) -> SpaceFault:
    near = errors.nearest(str(key), _KEYS)
    hint = f"use `{near}`" if near else "for a value that is itself a mapping write `{value: {...}}`"
    if key == "parameters":
        hint = "give each hyperparameter a line of its own"
    why = "a mapping here is a search space, in the grammar of Weights & Biases sweeps"
    return SpaceFault(f"unknown key `{key}` in a hyperparameter", key=str(key), why=why, hint=hint)


def _unknown_distribution(raw: Mapping[str, object]) -> SpaceFault:
    if "distribution" not in raw:
        return SpaceFault(
            "a hyperparameter's mapping says no values",
            why="it needs `value`, `values`, `min` and `max`, or a `distribution`",
            hint="for one fixed value write it plainly; for choices write a list",
        )
    name = raw["distribution"]
    near = _OTHER_NAMES.get(re.sub("[^a-z]", "", str(name).lower())) or errors.nearest(str(name), DISTRIBUTIONS)
    return SpaceFault(
        f"unknown distribution `{name}`",
        key="distribution",
        why="the grammar is that of Weights & Biases sweeps",
        hint=f"use `{near}`" if near else f"use one of {errors.listing(DISTRIBUTIONS, 20)}",
    )


def _not_with(key: str, distribution: str, wanted: Sequence[str]) -> SpaceFault:
    return SpaceFault(
        f"`{key}` does not go with the distribution `{distribution}`",
        key=key,
        why=f"`{distribution}` takes {errors.listing(wanted)}",
        hint=f"remove `{key}` or change the distribution",
    )


def _values_faults(distribution: str, raw: Mapping[str, object]) -> Iterator[SpaceFault]:
    if distribution == "constant":
        return
    if isinstance(raw["values"], list | tuple):
        yield from _choice_faults(raw["values"], raw.get("probabilities"), key="values")
        return
    yield SpaceFault(
        "`values` must be a list",
        key="values",
        why="it is what a trial chooses from",
        hint=f"write `values: [{raw['values']}]`, or `value: {raw['values']}` if it is fixed",
    )


def _choice_faults(values: Sequence[object], probabilities: object, *, key: str | None = None) -> Iterator[SpaceFault]:
    if not values:
        why = "there is nothing to choose"
        yield SpaceFault("a list of choices is empty", key=key, why=why, hint="give at least one value")
    counts = Counter(repr(value) for value in values)
    for text in (text for text, count in counts.items() if count > 1):
        why, hint = "it would run more than once", "remove the others"
        yield SpaceFault(f"the choice `{text}` stands {counts[text]} times", key=key, why=why, hint=hint)
    if probabilities is not None:
        yield from _probability_faults(probabilities, len(values))


def _probability_faults(probabilities: object, n_values: int) -> Iterator[SpaceFault]:
    numbers = [n for n in _items(probabilities) if isinstance(n, int | float) and _is_number(n) and n >= 0]
    if len(numbers) != n_values or len(_items(probabilities)) != n_values:
        yield SpaceFault(
            "`probabilities` does not give each of `values` one number from 0 to 1",
            key="probabilities",
            why="it says how often each value is tried",
            hint=f"write a list of {n_values} numbers",
        )
    elif not math.isclose(sum(numbers), 1.0, abs_tol=1e-6):
        yield SpaceFault(
            f"`probabilities` add up to {sum(numbers):g}",
            key="probabilities",
            why="one of the values is chosen, so they add up to 1",
            hint="make them add up to 1",
        )


def _shape_faults(distribution: str, shape: Mapping[str, object]) -> Iterator[SpaceFault]:
    numbers: dict[str, float] = {k: n for k, n in shape.items() if isinstance(n, int | float) and _is_number(n)}
    for key in shape:
        if key not in numbers:
            yield SpaceFault(
                f"`{key}` must be a finite number, not `{shape[key]}`",
                key=key,
                why=f"it shapes the distribution `{distribution}`",
                hint=_advise_number(key, shape[key]),
            )
    for key in ("sigma", "q", "a", "b"):
        if numbers.get(key, 1) <= 0:
            why = f"`{distribution}` is not defined otherwise"
            yield SpaceFault(f"`{key}` must be above 0", key=key, why=why, hint="give a positive number")
    if all(key in numbers for key in _BOUNDS):
        yield from _bounds_faults(distribution, numbers["min"], numbers["max"])


def _advise_number(key: str, given: object) -> str:
    if isinstance(given, float):
        return "give the farthest value that makes sense"
    try:
        return f"write `{key}: {float(str(given)):g}`, without quotes"
    except ValueError:
        return f"write `{key}: 1`, without quotes"


def _bounds_faults(distribution: str, low: float, high: float) -> Iterator[SpaceFault]:
    if low >= high:
        yield SpaceFault(
            f"`min` ({low:g}) is not below `max` ({high:g})",
            key="min",
            why="there is nothing between them",
            hint="exchange them" if low > high else f"for one fixed value write `{low:g}`",
        )
    for key, bound in (("min", low), ("max", high)):
        if distribution == "int_uniform" and bound % 1:
            why, hint = "it chooses whole numbers", "use `uniform`, or whole numbers"
            yield SpaceFault(f"`int_uniform` has `{key}: {bound:g}`", key=key, why=why, hint=hint)
        if distribution in _EXPONENTS and abs(bound) > _MAX_EXPONENT:
            yield SpaceFault(
                f"`{key}: {bound:g}` means e to the power of {bound:g}",
                key=key,
                why=f"`{distribution}` takes exponents, as in W&B",
                hint=f"use `{distribution}_values` to give the values themselves",
            )
    if distribution.endswith("log_uniform_values") and low <= 0:
        why, hint = "there is no logarithm of 0 or less", "give a positive number, or use `uniform`"
        yield SpaceFault(f"`min` must be above 0 for `{distribution}`", key="min", why=why, hint=hint)


def _is_number(value: float) -> bool:
    return not isinstance(value, bool) and abs(value) <= _LARGEST
