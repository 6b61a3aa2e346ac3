"""Warnings about a valid card that probably does not mean what it says."""

from __future__ import annotations

from collections.abc import Iterator

from runcard.card.sections import Card
from runcard.search.sampling import ends_of
from runcard.search.space import EXPONENTS, Distribution


def find_doubts(card: Card) -> Iterator[str]:
    """Find bounds that are read as exponents of e but look like the values themselves."""
    for index, model in enumerate(card.models):
        for name, parameter in model.space.items():
            if (
                not isinstance(parameter, Distribution)
                or parameter.name not in EXPONENTS
                or parameter.shape["min"] <= 0
            ):
                continue
            low, high = ends_of(parameter)
            where = card.where("models", index, "params", name)
            yield (
                f"{where}: the bounds of `{parameter.name}` are exponents of e: it draws from {low:.4g} to {high:.4g}; "
                f"`{parameter.name}_values` takes the values themselves"
            )
