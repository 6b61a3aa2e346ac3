"""Values as YAML on one line, such that YAML 1.1 and 1.2 read the same."""

from __future__ import annotations

import math
import re

from runcard.sweepfile.yaml11 import resolve_plain11
from runcard.yaml import resolve_plain

_PLAIN = re.compile(r"[\w./][\w./+()%-]*( [\w./+()%-]+)*")
_ESCAPES = {"\n": "\\n", "\t": "\\t", "\\": "\\\\", '"': '\\"'}


def write_flow(value: object) -> str:
    """Write text, a number, true, false, null, or lists and mappings of them."""
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
    """Write every digit; with a dot, without which YAML 1.1 sees no number."""
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
