"""Text made safe for a terminal: control characters are shown instead of obeyed."""

from __future__ import annotations

import re

_FORMAT = (
    "\u00ad\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff"
    "\ufff0-\ufffb\U000110bd\U000110cd\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    "\U000e0000-\U000e007f"
)
"""What Unicode calls format characters, and numbers that it may call so: marks that turn the direction of text, and
signs that are not seen. The two joiners are not among them."""
_LETTERS = "\u00a0-\u00ac\u00ae-\u1fff\u2070-\ud7ff\ue000-\ufefe\uff00-\uffef\U00010000-\U000dffff"
_JOINERS = "\u200c\u200d"
"""They belong to Persian, to Indian scripts and to emoji, which stand at both sides of them."""
_ACTING = re.compile(
    rf"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff{_FORMAT}]"
    rf"|(?<![{_LETTERS}])[{_JOINERS}]|[{_JOINERS}](?![{_LETTERS}])"
)
"""Control characters but line feed and tab, format characters, ends of lines and halves of characters."""
_MARKDOWN = re.compile(r"[\\|<*\[\]&~`]|(?<=:)/(?=/)|(?<=www)\.", re.IGNORECASE)
"""What would be a tag, a link, a picture, an entity, emphasis, code or the end of a table's cell."""
_LONGEST = 2_000


def printable(text: str) -> str:
    """Escape characters that would act on a terminal, as `repr` does; doing so twice changes nothing more."""
    return _ACTING.sub(_escaped, text)


def printable_line(text: str) -> str:
    """Escape line feeds and tabs too, for names, which have no place for them."""
    return printable(text).replace("\n", "\\n").replace("\t", "\\t")


def in_markdown(text: str) -> str:
    """Write a text on one line that Markdown shows as it is."""
    return _MARKDOWN.sub(lambda found: f"\\{found[0]}", printable(text).replace("\n", " ").replace("\t", " "))


def shortened(text: str, longest: int = _LONGEST) -> str:
    """Leave out the middle of a long text, and say how much was left out."""
    if len(text) <= longest:
        return text
    head, tail = longest * 3 // 4, longest // 4
    return f"{text[:head]} [... {len(text) - head - tail:,} characters ...] {text[len(text) - tail :]}"


def _escaped(found: re.Match[str]) -> str:
    return found[0].encode("ascii", "backslashreplace").decode() if found[0] > "\x7f" else f"\\x{ord(found[0]):02x}"
