"""Faults of a card: collected with their places, and raised all at once."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from runcard import errors
from runcard.yaml import Document
from runcard.yaml import Path as KeyPath


class Faults:
    """Collects the faults of a card with their places; `homes` maps each key to the section it belongs to."""

    def __init__(self, document: Document, homes: Mapping[str, str] | None = None) -> None:
        self._document = document
        self._homes = homes or {}
        self._found: list[tuple[tuple[int, int], errors.RuncardError]] = []
        self._paths: list[KeyPath] = []
        for error in document.faults:
            self._note(error)

    def add(
        self,
        kind: type[errors.RuncardError],
        path: KeyPath,
        what: str,
        *,
        why: str = "",
        hint: str = "",
        key: bool = False,
    ) -> None:
        """Note a fault at a path of the card; `key` points at the key instead of its value."""
        self.place(kind(what, why=why, hint=hint), path, key=key)

    def place(self, error: errors.RuncardError, path: KeyPath, *, key: bool = False) -> None:
        """Add an error that was made elsewhere, with its place in the card."""
        error.where = self._document.where(path, key=key)
        self._paths.append(path)
        self._note(error)

    def unknown_key(self, path: KeyPath, known: Iterable[str]) -> None:
        """Note a key that its section does not have."""
        known, home = list(known), self._homes.get(str(path[-1]))
        near = errors.nearest(str(path[-1]), known)
        self.add(
            errors.KeyUnknown,
            path,
            f"unknown key `{path[-1]}`",
            key=True,
            why=f"the keys here are {errors.listing(known, 20)}",
            hint=f"it belongs below `{home}:`" if home else f"use `{near}`" if near else "remove it",
        )

    def touch(self, *path: str | int) -> bool:
        """Tell whether there is a fault at a path or below it."""
        return any(found[: len(path)] == path for found in self._paths)

    def raise_any(self) -> None:
        """Raise the faults that were found, in the order of the card's lines.

        Raises
        ------
        CardErrors, RuncardError
            All of it, or the error itself when there is only one.
        """
        found = [error for _, error in sorted(self._found, key=lambda pair: pair[0])]
        if found:
            raise found[0] if len(found) == 1 else errors.CardErrors(found)

    def _note(self, error: errors.RuncardError) -> None:
        place = re.match(re.escape(self._document.name) + r":(\d+):(\d+)", error.where)
        self._found.append(((int(place[1]), int(place[2])) if place else (0, 0), error))
