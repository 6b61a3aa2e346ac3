"""Keys of a W&B sweep that a card has no counterpart for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from runcard.card.kinds import Anything, Kind, key, keys_of


@dataclass(frozen=True, slots=True)
class Unmatched(Anything):
    """The kind of such a key; the key's description says why, and what to do instead."""

    inner: Kind = field(default_factory=Anything)
    """What W&B wants there."""


def unmatched(why: str, kind: Kind | None = None) -> Any:
    """Declare a key that has no counterpart; `kind` is what W&B wants there."""
    return key(Unmatched(inner=kind or Anything()), why, default=None)


def find_unmatched(section: type[Any], raw: Mapping[str, Any]) -> Iterator[tuple[str, str, Kind]]:
    """Find the keys of a mapping that have no counterpart, each with the reason and with what W&B wants there."""
    for name, declared in keys_of(section).items():
        if name in raw and isinstance(declared.kind, Unmatched):
            yield name, declared.description, declared.kind.inner


def is_nested(parameter: Any) -> bool:
    """Tell whether one of a sweep's `parameters` only holds others; a model's hyperparameters have one level."""
    return isinstance(parameter, dict) and set(parameter) == {"parameters"}
