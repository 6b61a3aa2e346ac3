"""The plan as a type: what is to be done, with every choice resolved."""

from __future__ import annotations

from collections.abc import Collection, Container, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from runcard.card.sections import Card
from runcard.plan.choice import Choice, Tolerance
from runcard.plan.digest import digest
from runcard.plan.draw import (
    Draw,
    ModelEntry,
    Trial,
    covering,
    likely_points,
    list_points,
    make_draw,
    make_trials,
)
from runcard.plan.work import Fit, Measure, Work
from runcard.search.strategy import BayesianSearch


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """A resolved card: its trials, the rule that chooses among them, and the work of each."""

    card: Card
    metrics: tuple[Measure, ...]
    primary: Measure
    pooled: tuple[str, ...]
    """Of the metrics, those that are computed once, on what is said of all units together."""
    choice: Choice
    tolerance: Tolerance
    """By how much it may come out otherwise and still count as reproduced."""
    seed: int
    draw: Draw
    trials: tuple[Trial, ...]
    """All of them, in order; none where each depends on what those before it got."""
    n_trials: int
    probes: tuple[Trial, ...]
    """Trials that are tried in little time before any training."""
    protocol: str
    """Hash of what all trials share; only trials of one protocol compare."""
    impossible: Mapping[str, str]
    """Key of a trial that cannot be begun, or refuses what it is given together -> the reason."""
    parts: Mapping[str, str]
    """The protocol by its parts (data, split and metrics, say): a hash of each."""
    hash: str
    """Hash of the protocol and of every trial, or of all that decides which they are."""
    work: Work

    @property
    def n_units(self) -> int:
        """The number of units that each trial is measured on; 0 when it goes straight to the final test."""
        return len(self.work.units)

    def search(self) -> BayesianSearch:
        """Begin the search for trials anew."""
        return BayesianSearch(
            [entry.space for entry in self.draw.entries],
            seed=self.seed,
            greater_is_better=self.primary.greater_is_better,
            identify=lambda point: self.draw.trial(0, point).key,
        )

    def fits(self, keys: Container[str] | None = None) -> tuple[Fit, ...]:
        """Group its trials, or those with some keys, into as few fits as can serve them."""
        possible = [trial for trial in self.trials if trial.key not in self.impossible]
        return self.work.share(trial for trial in possible if keys is None or trial.key in keys)

    def as_dict(self) -> dict[str, Any]:
        """Describe the plan as plain JSON."""
        return {
            "experiment": self.card.name,
            **self.work.describe(),
            "metrics": [metric.name for metric in self.metrics],
            "pooled": list(self.pooled),
            "directions": {metric.name: metric.greater_is_better for metric in self.metrics},
            "primary": self.primary.name,
            "greater_is_better": self.primary.greater_is_better,
            "seed": self.seed,
            "n_trials": self.n_trials,
            "search": asdict(self.card.search),
            "selection": self.choice.as_dict(),
            "tolerance": self.tolerance,
            "test_share": self.work.test_share,
            "trials": [
                {"key": t.key, "model": t.model, "params": dict(t.params), "features": t.features} for t in self.trials
            ],
            "protocol": self.protocol,
            "parts": dict(self.parts),
            "hash": self.hash,
        }


def assemble_plan(
    card: Card,
    work: Work,
    *,
    parts: Mapping[str, object],
    entries: Sequence[ModelEntry],
    metrics: Sequence[Measure],
    primary: Measure,
    choice: Choice,
    tolerance: Tolerance = None,
    pooled: Collection[str] = (),
) -> Plan:
    """Make a plan of what a kind of trials has resolved: the protocol, the trials and their keys.

    Parameters
    ----------
    parts
        What all trials share, as JSON-like values by name; their digest is the protocol.
    entries
        The card's `models`, each with what of it goes into the keys of its trials.
    """
    points = list_points(card)
    protocol = digest(parts)
    draw = make_draw(card, protocol, entries)
    trials = make_trials(draw, points or ())
    n_trials = card.search.trials or 0 if points is None else len(trials)
    named = [draw.identity, n_trials] if points is None else [trial.key for trial in trials]
    return Plan(
        card=card,
        metrics=tuple(metrics),
        primary=primary,
        pooled=tuple(pooled),
        choice=choice,
        tolerance=tolerance,
        seed=card.data.random_state,
        draw=draw,
        trials=trials,
        n_trials=n_trials,
        probes=covering(make_trials(draw, likely_points(card)) if points is None else trials),
        protocol=protocol,
        impossible={},
        parts={name: digest(part) for name, part in parts.items()},
        hash=digest([protocol, primary.name, named]),
        work=work,
    )
