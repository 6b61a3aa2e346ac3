"""Remarks on a sweep that can be converted but not without changes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from runcard.card.kinds import Anything, Kind, key, keys_of
from runcard.yaml import Document, Mark
from runcard.yaml import Path as KeyPath

Label = Literal["left out", "renamed", "added", "warning", "fill in"]


@dataclass(frozen=True, slots=True)
class Remark:
    """One line for the user: what happened to a value, and why."""

    label: Label
    where: str
    text: str
    mark: Mark

    def __str__(self) -> str:
        """Write it as a line for the user."""
        return f"{self.label}: {self.where}: {self.text}"


class Remarks:
    """Collects remarks on a document."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._found: list[Remark] = []

    def add(self, label: Label, path: KeyPath, text: str, *, key: bool = False) -> None:
        """Note a remark at a path; `key` points at the key instead of its value."""
        mark = self._document.mark(path, key=key) or Mark(1, 1)
        self._found.append(Remark(label, self._document.where(path, key=key), text, mark))

    def in_order(self) -> tuple[Remark, ...]:
        """Give all of them in the order of the document's lines."""
        return tuple(sorted(self._found, key=lambda remark: (remark.mark.line, remark.mark.column)))


@dataclass(frozen=True, slots=True)
class Unmatched(Anything):
    """The kind of a key without counterpart; its description says why, and what to do instead."""

    inner: Kind = field(default_factory=Anything)
    """What W&B wants there."""


def unmatched(why: str, kind: Kind | None = None) -> Any:
    """Declare a key that has no counterpart; `kind` is what W&B wants there."""
    return key(Unmatched(inner=kind or Anything()), why, default=None)


def find_unmatched(section: type[Any], raw: Mapping[str, Any]) -> Iterator[tuple[str, str, Kind]]:
    """Find the keys of a mapping without counterpart, each with the reason and the kind that W&B expects."""
    for name, declared in keys_of(section).items():
        if name in raw and isinstance(declared.kind, Unmatched):
            yield name, declared.description, declared.kind.inner


def is_nested(parameter: Any) -> bool:
    """Tell whether a parameter of a sweep only contains others; hyperparameters of a card are not nested."""
    return isinstance(parameter, dict) and set(parameter) == {"parameters"}
