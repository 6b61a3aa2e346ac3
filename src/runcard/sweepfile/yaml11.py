"""What YAML 1.1 makes of a plain scalar, as PyYAML has it (https://yaml.org/type/): W&B reads sweeps by it.

Cards are YAML 1.2, where `5e-4` is a number, `yes` a text and `010` ten.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import reduce
from typing import Final

from runcard.yaml import Tags, resolve_plain

_BOOLEANS = {
    form: value
    for word, value in (("yes", True), ("true", True), ("on", True), ("no", False), ("false", False), ("off", False))
    for form in (word, word.capitalize(), word.upper())
}
_WHOLE = re.compile(r"[-+]?(0b[01_]+|0[0-7_]+|0|[1-9][0-9_]*|0x[0-9a-fA-F_]+|[1-9][0-9_]*(:[0-5]?[0-9])+)")
_REAL = re.compile(
    r"[-+]?[0-9][0-9_]*\.[0-9_]*([eE][-+][0-9]+)?"
    r"|\.[0-9][0-9_]*([eE][-+][0-9]+)?"
    r"|[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+\.[0-9_]*"
)
_DATE = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
    r"|[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}([Tt]|[ \t]+)[0-9]{1,2}:[0-9]{2}:[0-9]{2}(\.[0-9]*)?"
    r"([ \t]*(Z|[-+][0-9]{1,2}(:?[0-9]{2})?))?"
)


class _Date:
    """Stands for a date or a time, whichever."""


DATE: Final = _Date()


def resolve_plain11(text: str) -> object:
    """Give a plain (unquoted) scalar the value that PyYAML gives it; `DATE` for dates and times."""
    if text in _BOOLEANS:
        return _BOOLEANS[text]
    if _DATE.fullmatch(text):
        return DATE
    try:
        if _WHOLE.fullmatch(text):
            return _whole(text.replace("_", ""))
        if _REAL.fullmatch(text):
            return _real(text.replace("_", ""))
    except ValueError:  # `0x_`, and more digits than Python converts
        return text
    value = resolve_plain(text)
    return text if isinstance(value, int | float) and re.search("[0-9]", text) else value


def _tagged_truth(text: str) -> bool:
    value = _BOOLEANS.get(text.lower())
    if value is None:
        raise ValueError(text)
    return value


def _tagged_real(text: str) -> float:
    sign = -1 if text.startswith("-") else 1
    digits = text.lower().replace("_", "").lstrip("+-")
    if ":" in digits:
        return sign * _real(digits)
    return sign * float(digits.lstrip(".") if digits in (".inf", ".nan") else digits)


def _whole(text: str) -> int:
    sign, digits = (-1 if text.startswith("-") else 1), text.lstrip("-+")
    if ":" in digits:
        return sign * int(_sixties(map(int, digits.split(":"))))
    if digits.startswith(("0b", "0x")):
        return sign * int(digits, 0)
    return sign * (int(digits, 8) if digits.startswith("0") else int(digits))


def _real(text: str) -> float:
    if ":" not in text:
        return float(text)
    sign = -1 if text.startswith("-") else 1
    return sign * _sixties(map(float, text.lstrip("-+").split(":")))


def _sixties(parts: Iterable[float]) -> float:
    """Read `1:30` as ninety: YAML 1.1 has numbers to the base of sixty."""
    return reduce(lambda total, part: total * 60 + part, parts)


CORE_TAGS: Final[Tags] = {
    "str": str,
    "int": lambda text: _whole(text.replace("_", "")),
    "float": _tagged_real,
    "bool": _tagged_truth,
    "null": lambda text: None,
    "timestamp": str,
}
"""What `!!int "3"` and its like make of a text."""
