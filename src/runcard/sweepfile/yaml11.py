"""Plain scalars as YAML 1.1 and PyYAML read them (https://yaml.org/type/), since W&B reads sweeps so.

Cards are YAML 1.2, where `5e-4` is a number, `yes` a text and `010` ten.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from functools import reduce
from typing import Any, Final

from runcard import errors
from runcard.card.faults import Faults
from runcard.sweepfile.remarks import Remarks, is_nested
from runcard.yaml import Document, Tags, resolve_plain
from runcard.yaml import Path as KeyPath

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
    """Placeholder for any date or time."""


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
    """Read a number in base 60, as YAML 1.1 has them: `1:30` is ninety."""
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
_PLAIN = re.compile(r"[\w./][\w./+()%-]*( [\w./+()%-]+)*")
_ESCAPES = {"\n": "\\n", "\t": "\\t", "\\": "\\\\", '"': '\\"'}


def write_flow(value: object) -> str:
    """Write text, a number, true, false, null, or lists and mappings of them in YAML's flow style."""
    match value:
        case None:
            return "null"
        case bool():
            return str(value).lower()
        case float():
            return _write_real(value)
        case list() | tuple():
            return f"[{', '.join(write_flow(item) for item in value)}]"
        case dict():
            return f"{{{', '.join(f'{write_flow(key)}: {write_flow(item)}' for key, item in value.items())}}}"
    return _write_text(value) if isinstance(value, str) else str(value)


def _write_real(value: float) -> str:
    """Write a float with every digit and a dot, without which YAML 1.1 reads it as text."""
    if not math.isfinite(value):
        return ".nan" if math.isnan(value) else ".inf" if value > 0 else "-.inf"
    digits, e, exponent = repr(value).partition("e")
    return (digits if "." in digits else f"{digits}.0") + (f"e{int(exponent):+d}" if e else "")


def _write_text(text: str) -> str:
    if _PLAIN.fullmatch(text) and resolve_plain(text) == text and resolve_plain11(text) == text:
        return text
    return '"' + "".join(_escape(character) for character in text) + '"'


def _escape(character: str) -> str:
    if character in _ESCAPES:
        return _ESCAPES[character]
    if character.isprintable():
        return character
    number = ord(character)
    return f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"


_TEXTS = (("name",), ("description",), ("metric", "name"))
_NUMBERS = ("min", "max", "q", "mu", "sigma", "a", "b", "eta", "s", "min_iter", "max_iter", "run_cap", "target")
"""Keys whose value W&B wants as a number."""


def read_scalars(value: Any, document: Document, faults: Faults, remarks: Remarks, *, path: KeyPath = ()) -> Any:
    """Give every plain scalar the value that W&B reads, or the number that it looks like."""
    if isinstance(value, dict) and not is_nested(value):
        steps = ((name, (*path, name), item) for name, item in value.items())
        return {name: read_scalars(item, document, faults, remarks, path=here) for name, here, item in steps}
    if isinstance(value, list):
        items = enumerate(value)
        return [read_scalars(item, document, faults, remarks, path=(*path, index)) for index, item in items]
    text = document.plain.get(path)
    if text == "None" and path[0] == "parameters":
        said = "`None` is a text in YAML, and stays one; if no value is meant, write `null`"
        remarks.add("warning", path, said)
    return value if text is None else _settle_scalar(value, text, path, faults, remarks)


def _settle_scalar(value: Any, text: str, path: KeyPath, faults: Faults, remarks: Remarks) -> Any:
    old = resolve_plain11(text)
    if old is DATE:
        remarks.add("warning", path, f"W&B reads `{text}` as a date; in a card it is a text")
        return text
    if isinstance(old, str) and path in _TEXTS:
        return old
    if type(old) is type(value) and repr(old) == repr(value):
        return value
    if isinstance(old, str):
        return _settle_number(value, text, path, faults, remarks)
    if not isinstance(value, str) or ":" in text or isinstance(old, bool):  # `1_000` has no other reading
        said = f"W&B reads `{text}` as {write_flow(old)}, as YAML 1.1 does, and so has the card"
        remarks.add("warning", path, said)
    return old


def _settle_number(value: Any, text: str, path: KeyPath, faults: Faults, remarks: Remarks) -> Any:
    """Read `1e-3`, text in YAML 1.1, as a number with a remark; it is a fault where W&B requires a number."""
    if path[-1] in _NUMBERS and len(path) <= (3 if path[0] == "parameters" else 2):
        faults.add(
            errors.ValueInvalid,
            path,
            f"W&B reads `{text}` as a text",
            why="sweeps are YAML 1.1, in which a number has a dot and the exponent a sign",
            hint=f"write `{write_flow(float(value))}`",
        )
    else:
        said = f"W&B reads `{text}` as a text, as YAML 1.1 does; in a card it is the number {write_flow(value)}"
        remarks.add("warning", path, said)
    return value
