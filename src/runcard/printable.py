"""Text that people read, made safe for a terminal: whatever was in it, it is seen and does nothing."""

from __future__ import annotations

import re

_ACTING = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")
"""Control characters but line feed and tab, marks that turn the direction of text, halves of characters."""


def printable(text: str) -> str:
    """Write characters that would act on a terminal as Python does in quotes; doing so twice changes nothing more."""
    return _ACTING.sub(_escaped, text)


def printable_line(text: str) -> str:
    """Write line feeds and tabs so, too: for a name, which is no place for them."""
    return printable(text).replace("\n", "\\n").replace("\t", "\\t")


def _escaped(found: re.Match[str]) -> str:
    return found[0].encode("ascii", "backslashreplace").decode() if found[0] > "\x7f" else f"\\x{ord(found[0]):02x}"
