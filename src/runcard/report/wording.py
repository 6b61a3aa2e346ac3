"""Numbers and hyperparameters written for people."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

_LONG = 8
_FRACTION = re.compile(r"-?\d+(?:\.\d+(?:e[+-]?\d+)?|e[+-]?\d+)")


def format_number(value: float | None, digits: int = 4) -> str:
    """Write a number for a table: plainly, or with an exponent where it is very large or small."""
    if value is None:
        return ""
    return f"{value:.{digits}f}" if value == 0 or 1e-3 <= abs(value) < 1e6 else f"{value:.3g}"


def parameters(params: Mapping[str, Any], names: Sequence[str] | None = None) -> str:
    """Write hyperparameters as a card would, with five digits for sampled ones."""
    shown = params if names is None else {name: value for name, value in params.items() if name in names}
    return ", ".join(f"{name}={_value(value)}" for name, value in shown.items())


def spelled(value: Any) -> str:
    """Write the value of a hyperparameter as MLflow has it, with all digits."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def varying_params(all_params: Sequence[Mapping[str, Any]]) -> list[str]:
    """Name the hyperparameters that differ between trials; all of them where there is one trial."""
    values: dict[str, set[str]] = {}
    for params in all_params:
        for name, value in params.items():
            values.setdefault(name, set()).add(repr(value))
    return [name for name, found in values.items() if len(found) > 1 or len(all_params) == 1]


def times(n: int) -> str:
    """Say how often something happened."""
    return {1: "once", 2: "twice"}.get(n, f"{n:,} times")


def _value(value: Any) -> str:
    text = spelled(value)
    return f"{float(text):.5g}" if len(text) > _LONG and _FRACTION.fullmatch(text) else text
