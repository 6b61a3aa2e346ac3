"""What is done where YAML 1.1, which sweeps are, and YAML 1.2, which cards are, read a value differently."""

from __future__ import annotations

import re
from typing import Any

from runcard import errors
from runcard.card.faults import Faults
from runcard.sweepfile.flow import write_flow
from runcard.sweepfile.remarks import Remarks
from runcard.sweepfile.unmatched import is_nested
from runcard.sweepfile.yaml11 import DATE, resolve_plain11
from runcard.yaml import Document
from runcard.yaml import Path as KeyPath

_TEXTS = (("name",), ("description",), ("metric", "name"))


def settle(value: Any, document: Document, faults: Faults, remarks: Remarks, *, path: KeyPath = ()) -> Any:
    """Give every plain scalar the value that W&B has it for, or that its author means beyond doubt."""
    if isinstance(value, dict) and not is_nested(value):
        steps = ((name, (*path, name), item) for name, item in value.items())
        return {name: settle(item, document, faults, remarks, path=here) for name, here, item in steps}
    if isinstance(value, list):
        items = enumerate(value)
        return [settle(item, document, faults, remarks, path=(*path, index)) for index, item in items]
    text = document.plain.get(path)
    if text == "None" and path[0] == "parameters":
        said = "`None` is a text in YAML, and stays one; if no value is meant, write `null`"
        remarks.add("warning", path, said)
    return value if text is None else _settle_scalar(value, text, path, faults, remarks)


def _settle_scalar(value: Any, text: str, path: KeyPath, faults: Faults, remarks: Remarks) -> Any:
    old = resolve_plain11(text)
    if isinstance(old, str) and path in _TEXTS:
        return old
    if type(old) is type(value) and repr(old) == repr(value):
        return value
    if isinstance(old, str) and re.search("[.eEo]", text):
        said = f"W&B reads `{text}` as a text, as YAML 1.1 does; in a card it is the number {write_flow(value)}"
        remarks.add("warning", path, said)
        return value
    if type(old) in (int, float) and isinstance(value, str) and ":" not in text:
        return old  # `1_000`: there is no other way to read it
    faults.add(
        errors.ValueInvalid,
        path,
        f"W&B reads `{text}` as {_in_words(old)}, a card as {_in_words(value)}",
        why="sweeps are YAML 1.1, cards are YAML 1.2",
        hint=_advise(old, value, text),
    )
    return value


def _in_words(value: object) -> str:
    if value is DATE:
        return "a date"
    return "a text" if isinstance(value, str) else f"`{write_flow(value)}`"


def _advise(old: object, new: object, text: str) -> str:
    if old is DATE:
        return f'put it in quotes: `"{text}"`'
    either = (f'"{text}"' if isinstance(value, str) else write_flow(value) for value in (old, new))
    return "write `{}` or `{}`, which both read alike".format(*either)
