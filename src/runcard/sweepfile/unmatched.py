"""Keys of a W&B sweep that a card has no counterpart for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from runcard.card.kinds import Anything, key, keys_of


@dataclass(frozen=True, slots=True)
class Unmatched(Anything):
    """The kind of such a key; the key's description says why, and what to do instead."""


def unmatched(why: str) -> Any:
    """Declare a key that has no counterpart."""
    return key(Unmatched(), why, default=None)


def find_unmatched(section: type[Any], raw: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Find the keys of a mapping that have no counterpart, each with the reason."""
    for name, declared in keys_of(section).items():
        if name in raw and isinstance(declared.kind, Unmatched):
            yield name, declared.description


def is_nested(parameter: Any) -> bool:
    """Tell whether one of a sweep's `parameters` only holds others; a model's hyperparameters have one level."""
    return isinstance(parameter, dict) and set(parameter) == {"parameters"}
