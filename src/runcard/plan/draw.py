"""The draw: the trials of a card, as far as they are known before the first is run."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from runcard.card.sections import Card
from runcard.keyed import is_keyed_by_label
from runcard.plan.digest import digest
from runcard.provenance.capture.environment import CORE, SAMPLER, versions_of
from runcard.search.stopping import Hyperband
from runcard.search.strategy import Point, Space, every_point, every_value, n_points, random_points

_MANY = 10
_LIKELY = 50
_MOST_SHAPES = 500
Shape = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Trial:
    """One model with one set of hyperparameters."""

    index: int
    key: str
    """Hash of protocol, model, hyperparameters, features, the project's code and package versions."""
    model: str
    params: Mapping[str, Any]
    features: str
    """Name of its feature set."""
    entry: int
    """Which of the card's `models` it comes from."""


@dataclass(frozen=True, slots=True)
class ModelEntry:
    """One of the card's `models`, with what of it enters the keys of its trials."""

    model: str
    features: str
    """Name of its feature set."""
    space: Space
    code: str | None
    """Digest of the registered function's source, if it is one, and on what it is trained."""
    identity: object
    """Of its feature set."""
    packages: tuple[str, ...]
    """Those that compute it, if they are installed."""
    versions: Mapping[str, str]
    """Of those packages."""


@dataclass(frozen=True, slots=True)
class Draw:
    """How the trials of a plan are drawn from its search spaces, in order."""

    protocol: str
    entries: tuple[ModelEntry, ...]
    stopping: Hyperband | None = None
    lag: int = 0
    """Trial n is begun once trials up to n - lag are known; 0 where trials do not depend on each other."""
    identity: str = ""
    """Hash of all that decides which trials are drawn and stopped, apart from their number."""

    def trial(self, index: int, point: Point) -> Trial:
        """Make the plan's `index`-th trial."""
        entry, params = self.entries[point.entry], as_recorded(point.params)
        named = [self.protocol, entry.model, entry.code, params, entry.identity, entry.versions]
        # Where trials are stopped, what one gets depends on those before it.
        key = digest([*named, self.identity] if self.stopping else named)
        return Trial(index, key, entry.model, params, entry.features, point.entry)


def as_recorded(params: Mapping[str, Any]) -> dict[str, Any]:
    """Convert hyperparameters to their form in a record, where labels as keys are text."""
    return {name: _as_json(value) if is_keyed_by_label(name) else value for name, value in params.items()}


def _as_json(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key if isinstance(key, str) else json.dumps(key): _as_json(item) for key, item in value.items()}
    return [_as_json(item) for item in value] if isinstance(value, list) else value


def make_draw(card: Card, protocol: str, entries: Sequence[ModelEntry]) -> Draw:
    """Make the draw of a card from its `models`, each with what enters the keys of its trials."""
    if not _depends_on_results(card):
        return Draw(protocol, tuple(entries))
    search = {name: value for name, value in asdict(card.search).items() if name != "trials"}
    named = [
        [model.name, as_recorded(model.params), entry.features, entry.code, entry.versions]
        for model, entry in zip(card.models, entries, strict=True)
    ]
    drawn_by = versions_of((*CORE, *SAMPLER)) if card.search.method == "bayes" else versions_of(CORE)
    stop = card.search.early_terminate
    rules = Hyperband(stop.eta, stop.strict, stop.min_iter, stop.max_iter, stop.s or 0) if stop else None
    return Draw(protocol, tuple(entries), rules, card.search.lag, digest([protocol, search, named, drawn_by]))


def _depends_on_results(card: Card) -> bool:
    """Tell whether the trials, or how long each runs, depend on the results of earlier ones."""
    return card.search.method == "bayes" or card.search.early_terminate is not None


def make_trials(draw: Draw, points: Iterable[Point]) -> tuple[Trial, ...]:
    """Make the trials at some points, without duplicates."""
    trials: dict[str, Trial] = {}
    for point in points:
        trial = draw.trial(len(trials), point)
        trials.setdefault(trial.key, trial)
    return tuple(trials.values())


def list_points(card: Card) -> list[Point] | None:
    """List the points of all trials; None where each depends on the results of earlier ones."""
    search, spaces = card.search, _spaces(card)
    if search.trials is None:
        return list(every_point(spaces))
    if n_points(spaces) <= search.trials:  # then there is nothing to choose
        return list(every_value(spaces))
    if search.method == "bayes" and search.trials > 1:
        return None
    return list(itertools.islice(random_points(spaces, seed=card.data.random_state), search.trials))


def likely_points(card: Card) -> list[Point]:
    """Draw some points that a search might reach."""
    return list(itertools.islice(random_points(_spaces(card), seed=card.data.random_state), _LIKELY))


def _spaces(card: Card) -> Sequence[Space]:
    return [model.space for model in card.models]


def covering(trials: Sequence[Trial]) -> tuple[Trial, ...]:
    """Choose trials that together contain every value of every hyperparameter of each model.

    Of many numbers the smallest and the largest of each type are enough: what is refused lies at an end. Of all that
    is no number, every combination is among them, as far as there are not too many.
    """
    values: dict[tuple[int, str], dict[str, Any]] = {}
    for trial in trials:
        for name, value in trial.params.items():
            values.setdefault((trial.entry, name), {})[repr(value)] = value
    left = {(place, shown) for place, found in values.items() for shown in _telling(found)}
    chosen: list[Trial] = []
    shapes: set[Shape] = set()
    for trial in trials:
        held = {((trial.entry, name), repr(value)) for name, value in trial.params.items()}
        shape = shape_of(trial)
        if held & left or (shape not in shapes and len(shapes) < _MOST_SHAPES):
            left -= held
            shapes.add(shape)
            chosen.append(trial)
    return tuple(chosen)


def shape_of(trial: Trial) -> Shape:
    """Give a key that is equal for trials differing only in numbers."""
    return trial.entry, *(
        (name, "a number" if type(value) in (int, float) else repr(value)) for name, value in trial.params.items()
    )


def _telling(values: Mapping[str, Any]) -> set[str]:
    """Leave out numbers that lie between others, where there are many."""
    shown = set(values)
    for kind in (int, float):
        numbers = sorted((value, text) for text, value in values.items() if type(value) is kind)
        if len(numbers) > _MANY:
            shown -= {text for _, text in numbers[1:-1]}
    return shown
