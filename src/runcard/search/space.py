"""The grammar of hyperparameters: a scalar, a list of choices, or a mapping as in W&B sweeps.

Keys, distributions, defaults and meaning are those of the public grammar of Weights & Biases sweep
`parameters` (https://docs.wandb.ai/guides/sweeps/sweep-config-keys).
"""

from __future__ import annotations

import itertools
import math
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from runcard import errors
from runcard.keyed import is_keyed_by_label

MAX_TRIALS = 1_000_000


When = Mapping[str, tuple[object, ...]]
"""Another hyperparameter -> its values with which this one is there; with others the estimator has its default."""


@dataclass(frozen=True, slots=True)
class Constant:
    """One value, the same in every trial."""

    value: object
    when: When = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Categorical:
    """One of several values, equally likely unless `probabilities` says otherwise."""

    values: tuple[object, ...]
    probabilities: tuple[float, ...] | None = None
    when: When = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Distribution:
    """A distribution over numbers, with its W&B name and the parameters of its shape."""

    name: str
    shape: Mapping[str, float]
    when: When = field(default_factory=dict)


Parameter = Constant | Categorical | Distribution

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
EXPONENTS = ("log_uniform", "q_log_uniform", "inv_log_uniform")
"""Distributions whose bounds are exponents of e."""
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
    """A fault in a hyperparameter; `key` is the offending key of its mapping, if there is one."""

    def __init__(self, what: str, *, key: str | None = None, why: str = "", hint: str = "") -> None:
        super().__init__(what)
        self.what, self.key, self.why, self.hint = what, key, why, hint


def parse_parameter(raw: object, name: str = "") -> Parameter:
    """Parse one hyperparameter of a card; its name tells whether a mapping may be keyed by labels.

    Raises
    ------
    SpaceFault
        It is not in the grammar; the first of `find_faults`.
    """
    for fault in find_faults(raw, name):
        raise fault
    if isinstance(raw, list | tuple):
        return Categorical(tuple(raw))
    if not isinstance(raw, Mapping) or is_by_label(raw, name):
        return Constant(raw)
    if "when" not in raw:
        return _from_mapping(raw)
    rest = {key: value for key, value in raw.items() if key != "when"}
    return replace(_from_mapping(rest), when=read_when(raw["when"]))


def is_by_label(raw: object, name: str) -> bool:
    """Tell whether a hyperparameter is a mapping keyed by labels, not a search space."""
    if not isinstance(raw, Mapping) or not raw or not is_keyed_by_label(name):
        return False
    return not ({"distribution", "value", "values"} & raw.keys() and raw.keys() <= {*_KEYS, "when"})


def find_faults(raw: object, name: str = "") -> Iterator[SpaceFault]:
    """Find everything that is wrong with one hyperparameter of a card."""
    if isinstance(raw, list | tuple):
        yield from _choice_faults(raw, None)
    elif isinstance(raw, Mapping) and not is_by_label(raw, name):
        yield from _mapping_faults({key: value for key, value in raw.items() if key != "when"})


# The grid


def grid(space: Mapping[str, Parameter]) -> Iterator[dict[str, object]]:
    """List every combination, the last hyperparameter varying fastest.

    Raises
    ------
    SpaceFault
        A hyperparameter has no finite list of values; `key` is its name.
    """
    for name, parameter in space.items():
        _require_values(name, parameter)
    if any(parameter.when for parameter in space.values()):
        yield from _walk(space, in_order(space), {})
        return
    for combination in itertools.product(*(values_of(parameter) for parameter in space.values())):
        yield dict(zip(space, combination, strict=True))


def _walk(
    space: Mapping[str, Parameter], names: Sequence[str], kept: Mapping[str, object]
) -> Iterator[dict[str, object]]:
    """Iterate over the combinations of further hyperparameters, leaving out those inactive for the values `kept`."""
    if not names:
        yield {name: kept[name] for name in space if name in kept}
        return
    name, *rest = names
    if not is_there(space[name], kept):
        yield from _walk(space, rest, kept)
        return
    for value in values_of(space[name]):
        yield from _walk(space, rest, {**kept, name: value})


def grid_size(space: Mapping[str, Parameter]) -> int:
    """Count the combinations without listing them.

    Raises
    ------
    SpaceFault
        As `grid`.
    """
    for name, parameter in space.items():
        _require_values(name, parameter)
    return int(count_points(space, _count))


def drop_inactive(space: Mapping[str, Parameter], drawn: Mapping[str, object]) -> dict[str, object]:
    """Leave out hyperparameters whose conditions are not met by the values of others."""
    kept: dict[str, object] = {}
    for name in in_order(space):
        if is_there(space[name], kept):
            kept[name] = drawn[name]
    return {name: kept[name] for name in space if name in kept}


def is_there(parameter: Parameter, others: Mapping[str, object]) -> bool:
    """Tell whether a hyperparameter's conditions on others are met."""
    return all(
        name in others and any(same_value(others[name], value) for value in values)
        for name, values in parameter.when.items()
    )


def in_order(space: Mapping[str, Parameter]) -> list[str]:
    """Sort hyperparameters after those that they depend on, otherwise keeping their order."""
    placed: list[str] = []
    waiting = list(space)
    while waiting:
        ready = next((n for n in waiting if not set(space[n].when) & set(waiting)), waiting[0])
        placed.append(ready)
        waiting.remove(ready)
    return placed


def count_points(space: Mapping[str, Parameter], count: Callable[[Parameter], float]) -> float:
    """Count the combinations, given the number of values of each hyperparameter."""
    deciding = {name for parameter in space.values() for name in parameter.when}
    decided = {name: parameter for name, parameter in space.items() if name in deciding}
    if not decided or math.prod(count(parameter) for parameter in decided.values()) > MAX_TRIALS:
        return math.prod(count(parameter) for parameter in space.values())
    others = [parameter for name, parameter in space.items() if name not in deciding]
    return sum(
        math.prod(count(parameter) for parameter in others if is_there(parameter, kept))
        for kept in _walk(decided, in_order(decided), {})
    )


def same_value(one: object, other: object) -> bool:
    """Tell whether two values of a card mean the same: 1 and 1.0 do, 1 and true do not."""
    numbers = all(isinstance(value, int | float) and not isinstance(value, bool) for value in (one, other))
    return one == other if numbers else repr(one) == repr(other)


def read_when(raw: object) -> When:
    """Parse the conditions of a hyperparameter: for each other one, a value or a list of values."""
    found = raw.items() if isinstance(raw, Mapping) else ()
    return {str(name): tuple(values) if isinstance(values, list | tuple) else (values,) for name, values in found}


def is_listed(parameter: Distribution) -> bool:
    """Tell whether a distribution is a finite list of values."""
    return parameter.name in ("int_uniform", "q_uniform")


def values_of(parameter: Parameter) -> tuple[object, ...]:
    """List the values of a hyperparameter that has finitely many."""
    match parameter:
        case Constant(value):
            return (value,)
        case Categorical(values):
            return values
    low, q = parameter.shape["min"], parameter.shape.get("q", 1)
    start = int(low) if parameter.name == "int_uniform" else low
    return tuple(_on_step(start + step * q) for step in range(_count(parameter)))


def drawn_values(parameter: Parameter) -> tuple[object, ...]:
    """List the values that can be drawn for a finite hyperparameter: multiples of `q` for `q_uniform`."""
    if isinstance(parameter, Categorical) and parameter.probabilities is not None:
        weighted = zip(parameter.values, parameter.probabilities, strict=True)
        return tuple(value for value, probability in weighted if probability > 0)
    if isinstance(parameter, Distribution) and "q" in parameter.shape:
        first, n_steps = _drawn_steps(parameter)
        return tuple(_on_step(first + step * parameter.shape["q"]) for step in range(n_steps))
    return values_of(parameter)


def count_drawn(parameter: Parameter) -> int:
    """Count the values that can be drawn, without listing them."""
    if isinstance(parameter, Distribution):
        return _drawn_steps(parameter)[1] if "q" in parameter.shape else _count(parameter)
    return len(drawn_values(parameter))


def _drawn_steps(parameter: Distribution) -> tuple[float, int]:
    """Give the first multiple of `q` that `q_uniform` can draw, and how many there are."""
    low, high, q = (parameter.shape[key] for key in (*_BOUNDS, "q"))
    first, last = (round_to_step(bound, q, low, high) for bound in (low, high))
    return first, round((last - first) / q) + 1


def round_to_step(value: float, q: float, low: float = -math.inf, high: float = math.inf) -> float:
    """Round a value to the nearest multiple of `q` within bounds; to the bound itself where there is none."""
    steps = round(value / q)
    if math.isfinite(low):
        steps = max(steps, math.ceil(float(f"{low / q:.12g}")))
    if math.isfinite(high):
        steps = min(steps, math.floor(float(f"{high / q:.12g}")))
    found = _on_step(steps * q)
    return found if low <= found <= high else low


def _on_step(value: float) -> float:
    """Remove the floating-point error of a sum of steps."""
    return value if isinstance(value, int) else float(f"{value:.12g}")


def _count(parameter: Parameter) -> int:
    if not isinstance(parameter, Distribution):
        return len(parameter.values) if isinstance(parameter, Categorical) else 1
    low, high = (parameter.shape[key] for key in _BOUNDS)
    if parameter.name == "int_uniform":
        return int(high) - int(low) + 1
    return math.ceil(float(f"{(high - low) / parameter.shape['q']:.12g}"))  # `max` itself is none, as in W&B


def _require_values(name: str, parameter: Parameter) -> None:
    if isinstance(parameter, Categorical) and parameter.probabilities is not None:
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
    if parameter.name in EXPONENTS:
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
        return Categorical(tuple(values), None if weights is None else tuple(float(n) for n in _items(weights)))  # type: ignore[arg-type]
    needed, optional = _DISTRIBUTIONS[distribution]
    shape = {key: raw.get(key, optional.get(key)) for key in (*needed, *optional)}
    return Distribution(distribution, shape)  # type: ignore[arg-type]


def _distribution_of(raw: Mapping[str, object]) -> str:
    """Give the distribution's name; if it is not stated, it follows from the keys, as in W&B."""
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


def find_when_faults(params: Mapping[str, object]) -> Iterator[tuple[str, SpaceFault]]:
    """Find faults in the conditions between a model's hyperparameters, each of which is valid by itself."""
    spaces = {name: raw for name, raw in params.items() if isinstance(raw, Mapping) and not is_by_label(raw, name)}
    conditions = {name: raw["when"] for name, raw in spaces.items() if "when" in raw}
    for name, raw in conditions.items():
        if not isinstance(raw, Mapping) or not raw:
            why, hint = "it says with which values of others it goes", "write `when: {<hyperparameter>: <value>}`"
            yield name, SpaceFault("`when` must be a mapping", key="when", why=why, hint=hint)
            continue
        for other, values in read_when(raw).items():
            fault = _condition_fault(name, other, values, params)
            if fault is not None:
                yield name, fault
    for name in _in_a_circle(conditions):
        why, hint = "whether it is there depends on itself", "take one of the conditions away"
        yield name, SpaceFault("`when` leads back to it", key="when", why=why, hint=hint)


def _condition_fault(
    name: str, other: str, values: Sequence[object], params: Mapping[str, object]
) -> SpaceFault | None:
    if other == name:
        return None  # the circle is told of
    if other not in params:
        near = errors.nearest(other, params)
        hint = f"use `{near}`" if near else f"give `{other}` its values as well"
        return SpaceFault(
            f"`when` names `{other}`", key="when", why="it is none of the model's `params` here", hint=hint
        )
    if next(find_faults(params[other], other), None) is not None:
        return None
    parameter = parse_parameter(params[other], other)
    if isinstance(parameter, Distribution):
        why, hint = f"it takes any value of `{parameter.name}`", f"list the values of `{other}`"
        return SpaceFault(f"`when` names `{other}`, which has no list of values", key="when", why=why, hint=hint)
    known = drawn_values(parameter)
    strange = [value for value in values if not any(same_value(value, one) for one in known)]
    if strange or not values:
        what = f"`{other}` is never `{strange[0]}`" if strange else f"`when` says no value of `{other}`"
        hint = "name one of its values, or add this one"
        return SpaceFault(
            what, key="when", why=f"its values are {errors.listing([str(one) for one in known])}", hint=hint
        )
    return None


def _in_a_circle(conditions: Mapping[str, object]) -> Iterator[str]:
    leads = {name: set(read_when(raw)) & conditions.keys() for name, raw in conditions.items()}
    for name in conditions:
        reached: set[str] = set()
        while more := {far for near in {name, *reached} for far in leads[near]} - reached:
            reached |= more
        if name in reached:
            yield name


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
        if distribution in EXPONENTS and abs(bound) > _MAX_EXPONENT:
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
