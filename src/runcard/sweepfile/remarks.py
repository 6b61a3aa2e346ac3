"""What is to be said of a sweep although a card can be made of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

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
        """Write it as the user reads it."""
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
