"""The plan as types: what is to be done, with every choice resolved."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from runcard.card.sections import Card
from runcard.catalog.limits import limit_of, without_limit
from runcard.catalog.metrics import Metric
from runcard.catalog.models import (
    ModelSpec,
    build_estimator,
)
from runcard.catalog.registered import Registered, Task
from runcard.catalog.staging import stage_parameter
from runcard.data.columns import Columns
from runcard.data.fingerprint import Fingerprint
from runcard.data.split import Split
from runcard.data.target import Target
from runcard.plan.digest import describe_split, digest
from runcard.search.stopping import Hyperband
from runcard.search.strategy import BayesianSearch, Point, Space

_MANY = 10


@dataclass(frozen=True, slots=True)
class FeatureSet:
    """Columns and the unfitted transformer that turns them into a matrix."""

    name: str
    columns: tuple[str, ...]
    """The columns its transformer is given."""
    numerical: tuple[str, ...]
    categorical: tuple[str, ...]
    registered: Registered | None = None

    def transformer(self) -> Any:
        """Build the unfitted transformer."""
        from runcard.catalog.features import default_transformer, wrap_rowwise

        if self.registered is None:
            return default_transformer(self.numerical, self.categorical)
        function = self.registered.function
        return wrap_rowwise(function) if self.registered.rowwise else function()

    def identity(self) -> object:
        """Give what makes two feature sets the same, for hashing."""
        if self.registered is not None:
            return [self.columns, self.registered.name, self.registered.source_digest]
        return [self.numerical, self.categorical]


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
class Entry:
    """One of the card's `models`, and what of it goes into the keys of its trials."""

    model: str
    features: str
    """Name of its feature set."""
    space: Space
    code: str | None
    """Digest of the registered function's source, if it is one."""
    identity: object
    """Of its feature set."""
    versions: Mapping[str, str]
    """Of the packages that compute it."""


@dataclass(frozen=True, slots=True)
class Draw:
    """How the trials of a plan are drawn from its spaces, one after the other."""

    protocol: str
    entries: tuple[Entry, ...]
    stopping: Hyperband | None = None
    lag: int = 0
    """Trial n is begun once trials up to n - lag are known; 0 where trials do not depend on each other."""
    identity: str = ""
    """Hash of all that decides which trials are drawn and stopped, apart from their number."""

    def trial(self, index: int, point: Point) -> Trial:
        """Make the plan's `index`-th trial."""
        entry, params = self.entries[point.entry], dict(point.params)
        named = [self.protocol, entry.model, entry.code, params, entry.identity, entry.versions]
        # Where trials are stopped, what one gets depends on those before it.
        key = digest([*named, self.identity] if self.stopping else named)
        return Trial(index, key, entry.model, params, entry.features, point.entry)


@dataclass(frozen=True, slots=True)
class Stage:
    """A trial as read off a fit after some of its stages; `n_stages` is None for all of them."""

    key: str
    n_stages: int | None
    twin: str | None = None
    """Equal for trials that give equal results where neither reaches its limit (`catalog.limits`)."""


@dataclass(frozen=True, slots=True)
class Fit:
    """One training, to be done on each fold, and the trials that it serves."""

    model: str
    features: str
    params: Mapping[str, Any]
    stages: tuple[Stage, ...]
    limit: float = math.inf
    """How deep its trees may grow, if it is of a kind whose `twin`s are known."""


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """A card resolved: task, columns, folds, seed, trials."""

    card: Card
    task: Task
    source: str
    fingerprint: Fingerprint
    columns: Columns
    target: Target
    split: Split
    metrics: tuple[Metric, ...]
    primary: Metric
    seed: int
    feature_sets: Mapping[str, FeatureSet]
    specs: Mapping[str, ModelSpec]
    draw: Draw
    trials: tuple[Trial, ...]
    """All of them, in order; none where each depends on what those before it got."""
    n_trials: int
    probes: tuple[Trial, ...]
    """Trials that are tried on a few rows before any training."""
    protocol: str
    """Hash of what all trials share; only trials of one protocol compare."""
    hash: str
    """Hash of the protocol and of every trial, or of all that decides which they are."""

    @property
    def n_folds(self) -> int:
        """How many folds each trial is scored on; 0 when it goes straight to the test."""
        return len(self.split.folds)

    def search(self) -> BayesianSearch:
        """Begin a search from its first trial."""
        return BayesianSearch(
            [entry.space for entry in self.draw.entries],
            seed=self.seed,
            greater_is_better=self.primary.greater_is_better,
            identify=lambda point: self.draw.trial(0, point).key,
        )

    def estimator(self, model: str, params: Mapping[str, Any]) -> Any:
        """Build an unfitted estimator with the plan's seed."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the trial that clones it hears them again, and keeps them
            return build_estimator(self.specs[model], self.task, params, seed=self.seed)

    def fits(self, keys: Iterable[str] | None = None) -> tuple[Fit, ...]:
        """Group trials that differ only in how long they train, so that they share one fit.

        Fits that differ in a limit only come with the loosest first: where it is not reached, the others
        need not be done.
        """
        wanted = None if keys is None else set(keys)
        families: dict[str, list[_Member]] = {}
        for trial in self.trials:
            if wanted is None or trial.key in wanted:
                member = self._member(trial)
                families.setdefault(member.family, []).append(member)
        return tuple(_loosest_first([_fit(members) for members in families.values()]))

    def _member(self, trial: Trial) -> _Member:
        estimator = self.estimator(trial.model, trial.params)
        limit = limit_of(estimator)
        twin = None if limit is None else digest([trial.model, trial.features, without_limit(trial.params)])
        parameter = stage_parameter(estimator)
        n_stages = trial.params.get(parameter) if parameter else None
        if not isinstance(n_stages, int) or isinstance(n_stages, bool):
            return _Member(trial, trial.key, None, twin, limit)
        rest = {name: value for name, value in trial.params.items() if name != parameter}
        return _Member(trial, digest([trial.model, trial.features, rest]), n_stages, twin, limit)

    def as_dict(self) -> dict[str, Any]:
        """Describe the plan as plain JSON; row numbers are given by their digests."""
        return {
            "experiment": self.card.name,
            "task": self.task,
            "data": {"source": self.source, **asdict(self.fingerprint)},
            "columns": asdict(self.columns),
            "classes": [str(label) for label in self.target.classes],
            "positive": None if self.target.positive is None else str(self.target.classes[self.target.positive]),
            "split": describe_split(self.split),
            "metrics": [metric.name for metric in self.metrics],
            "primary": self.primary.name,
            "greater_is_better": self.primary.greater_is_better,
            "seed": self.seed,
            "n_trials": self.n_trials,
            "search": asdict(self.card.search),
            "trials": [
                {"key": t.key, "model": t.model, "params": dict(t.params), "features": t.features} for t in self.trials
            ],
            "protocol": self.protocol,
            "hash": self.hash,
        }


@dataclass(frozen=True, slots=True)
class _Member:
    """A trial as one of a family that shares a fit."""

    trial: Trial
    family: str
    n_stages: int | None
    twin: str | None
    limit: float | None


def covering(trials: Sequence[Trial]) -> tuple[Trial, ...]:
    """Choose trials that together hold every value of every hyperparameter of each model.

    Of many numbers the smallest and the largest of each type are enough: what is refused lies at an end.
    """
    values: dict[tuple[int, str], dict[str, Any]] = {}
    for trial in trials:
        for name, value in trial.params.items():
            values.setdefault((trial.entry, name), {})[repr(value)] = value
    left = {(place, shown) for place, found in values.items() for shown in _telling(found)}
    chosen: list[Trial] = []
    for trial in trials:
        held = {((trial.entry, name), repr(value)) for name, value in trial.params.items()}
        if held & left or not any(other.entry == trial.entry for other in chosen):
            left -= held
            chosen.append(trial)
    return tuple(chosen)


def _telling(values: Mapping[str, Any]) -> set[str]:
    """Leave out numbers that lie between others, where there are many."""
    shown = set(values)
    for kind in (int, float):
        numbers = sorted((value, text) for text, value in values.items() if type(value) is kind)
        if len(numbers) > _MANY:
            shown -= {text for _, text in numbers[1:-1]}
    return shown


def _fit(members: Sequence[_Member]) -> Fit:
    ordered = sorted(members, key=lambda member: member.n_stages or 0)
    longest = ordered[-1]
    stages = tuple(
        Stage(member.trial.key, None if member.n_stages == longest.n_stages else member.n_stages, member.twin)
        for member in ordered
    )
    trial = longest.trial
    return Fit(trial.model, trial.features, trial.params, stages, math.inf if longest.limit is None else longest.limit)


def _loosest_first(fits: Sequence[Fit]) -> list[Fit]:
    """Put all that is looser than a twin before all that is tighter; otherwise the order stays."""
    limits: dict[str | None, list[float]] = {}
    for fit in fits:
        limits.setdefault(fit.stages[-1].twin, []).append(fit.limit)

    def place(fit: Fit) -> int:
        twin = fit.stages[-1].twin
        return 0 if twin is None else sum(other > fit.limit for other in limits[twin])

    return sorted(fits, key=place)
