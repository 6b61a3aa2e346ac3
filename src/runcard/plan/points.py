"""Which points of its spaces a card's trials are at, as far as that is known before the first is run."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from runcard.card.sections import Card
from runcard.search.strategy import Point, Space, every_point, every_value, n_points, random_points

_LIKELY = 50


def list_points(card: Card) -> list[Point] | None:
    """List the points of all trials; None where each depends on what those before it got."""
    search, spaces = card.search, _spaces(card)
    if search.trials is None:
        return list(every_point(spaces))
    if n_points(spaces) <= search.trials:  # then there is nothing to choose
        return list(every_value(spaces))
    if search.method == "bayes" and search.trials > 1:
        return None
    return list(itertools.islice(random_points(spaces, seed=card.data.random_state), search.trials))


def likely_points(card: Card) -> list[Point]:
    """Draw some points that a search could come to."""
    return list(itertools.islice(random_points(_spaces(card), seed=card.data.random_state), _LIKELY))


def depends_on_results(card: Card) -> bool:
    """Tell whether which trials there are, or how far they go, depends on what those before them got."""
    return card.search.method == "bayes" or card.search.early_terminate is not None


def _spaces(card: Card) -> Sequence[Space]:
    return [model.space for model in card.models]
