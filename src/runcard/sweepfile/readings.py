"""What is done where YAML 1.1, which sweeps are, and YAML 1.2, which cards are, read a value differently."""

from __future__ import annotations

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
_NUMBERS = ("min", "max", "q", "mu", "sigma", "a", "b", "eta", "s", "min_iter", "max_iter", "run_cap", "target")
"""Keys whose value W&B wants as a number."""


def settle(value: Any, document: Document, faults: Faults, remarks: Remarks, *, path: KeyPath = ()) -> Any:
    """Give every plain scalar the value that W&B has it for, or the number that it looks like."""
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
    """Read `1e-3`, which is a text in YAML 1.1, as the number that it looks like: where W&B takes a text."""
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
