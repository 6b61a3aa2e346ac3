"""Comparison of runs in MLflow: trials of one protocol with their uncertainty, other runs by a metric."""

from __future__ import annotations

import gc
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import NoReturn

from runcard import errors
from runcard.catalog.metrics import direction_of
from runcard.catalog.registered import Catalog, collect
from runcard.project import Project, find_project, import_modules
from runcard.tags import OUR_TAGS, PROTOCOL_TAG
from runcard.tracking.backends import open_reader
from runcard.tracking.items import RunReader, RunRow
from runcard.tracking.ranking import RunComparison, Yardstick, compare_ranking
from runcard.workflow.agreement import Agreed, rank_agreed, read_fold_scores, require_agreement
from runcard.workflow.choose.comparable import Chosen, choose_runs, require_one_protocol
from runcard.workflow.refs import find_trial

TOP = 20
"""How many runs are shown unless more are asked for."""


def compare_runs(
    names: Sequence[str] = (),
    project: Project | None = None,
    *,
    metric: str | None = None,
    greater_is_better: bool | None = None,
    baseline: str | None = None,
    where: str = "",
    limit: int | None = TOP,
) -> RunComparison:
    """Compare the trials of cards or experiments, or runs.

    Parameters
    ----------
    names
        Cards or experiments, whose latest card's trials are meant; or runs, by id or name. None for the only card.
    metric
        What to rank by; default: the card's primary metric, or the only one that the runs have.
    greater_is_better
        The metric's direction, where its name does not tell.
    baseline
        The run that the others are set beside, instead of the best.
    where
        A condition in MLflow's filter language.
    limit
        How many of the best to read; None for all. Nothing more is read to find them.

    Raises
    ------
    ExperimentUnknown, RunUnknown
    NotComparable
        The runs were measured under different protocols.
    UsageError
        It is not clear which runs, metric or direction is meant, or the condition cannot be read.
    """
    project = project or find_project()
    with _uncollected(), open_reader(project, where) as reader:
        reader.probe()
        chosen = choose_runs(names, project, reader, where=where)
        asked = _Asked(reader, project, metric, greater_is_better, limit)
        found = asked.of_trials(chosen) or asked.of_any(chosen.without_protocol())
        chosen, yardstick, agreed = found
        base = _baseline(baseline, chosen, reader, project) if baseline else None
        folds = agreed.folds | (_folds_of(base, yardstick, reader, project) if base else {})
        return compare_ranking(
            agreed.ranking,
            yardstick,
            folds,
            experiments=chosen.scope.experiments,
            baseline=base,
            card=chosen.card,
            others=chosen.others,
            apart=agreed.apart,
        )


@contextmanager
def _uncollected() -> Iterator[None]:
    """Disable garbage collection while many runs are read, which would take a third of the time for 20,000."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


_Found = tuple[Chosen, Yardstick, Agreed]


@dataclass(frozen=True, slots=True)
class _Asked:
    """The metric, direction and conditions that chosen runs are to be ranked by, as far as given."""

    reader: RunReader
    project: Project
    metric: str | None
    greater_is_better: bool | None
    limit: int | None

    def of_trials(self, chosen: Chosen) -> _Found | None:
        """Rank a card's trials; None when no trial has the requested metric or meets the condition."""
        card = chosen.card
        if card is None:
            return None
        require_agreement(card, self.project)
        primary = card.tags.get(f"{OUR_TAGS}primary", "")
        metric = self.metric or primary
        found: _Found | None = None
        for possible in _yardsticks(card, metric):
            greater = self._direction(metric, card)
            yardstick = replace(possible, greater_is_better=greater is not False)
            agreed = rank_agreed(chosen.scope, yardstick, self.reader, self.limit)
            found = chosen, yardstick, agreed
            if agreed.has(yardstick.key):
                return found if greater is not None else self._ask_direction(metric)
        return found if self.metric is None and not chosen.scope.where else None

    def of_any(self, chosen: Chosen) -> _Found:
        """Rank runs of any origin by a metric as it was logged."""
        names = [name for name in self.reader.metric_names(chosen.scope) if not name.startswith("system/")]
        metric = self.metric or (names[0] if len(names) == 1 else None)
        if metric is None or metric not in names:
            raise self._which_metric(names, chosen)
        greater = self._direction(metric, None)
        if greater is None:
            self._ask_direction(metric)
        yardstick = Yardstick(metric, metric, greater is True)
        agreed = rank_agreed(chosen.scope, yardstick, self.reader, self.limit)
        rows = tuple(row for row in agreed.ranking.rows if row.value(metric) is not None)
        trials = [row for row in rows if PROTOCOL_TAG in row.tags]
        if trials:
            require_one_protocol(trials, self.reader, self.project)
        return chosen, yardstick, replace(agreed, ranking=replace(agreed.ranking, rows=rows))

    def _direction(self, metric: str, card: RunRow | None) -> bool | None:
        if self.greater_is_better is not None:
            return self.greater_is_better
        if card is not None and metric == card.tags.get(f"{OUR_TAGS}primary"):
            return card.tags.get(f"{OUR_TAGS}greater_is_better") == "true"
        known = direction_of(metric, Catalog())
        return known if known is not None else direction_of(metric, collect(import_modules(self.project)))

    def _ask_direction(self, metric: str) -> NoReturn:
        raise errors.UsageError(
            f"is more of `{metric}` better, or less?",
            why="its name is not that of a metric that is known here",
            hint="say `--maximize` or `--minimize`",
        )

    def _which_metric(self, names: Sequence[str], chosen: Chosen) -> errors.UsageError:
        where, condition = ", ".join(chosen.scope.experiments), chosen.scope.where
        if not names:
            return errors.UsageError(
                "there is nothing to compare",
                where=where,
                why=f"no run there with a metric fulfils `{condition}`" if condition else "no run there has a metric",
                hint="ask for less with `--where`" if condition else "run a card first: `runcard run CARD`",
            )
        names = _as_asked_for(names)
        near = errors.nearest(self.metric, names) if self.metric else None
        return errors.UsageError(
            f"no run has the metric `{self.metric}`" if self.metric else "which metric?",
            where=where,
            why=f"the runs have {errors.listing(names)}",
            hint=f"did you mean `--metric {near}`?" if near else f"name one: `--metric {names[0]}`",
        )


def _yardsticks(card: RunRow, metric: str) -> list[Yardstick]:
    """List the possible metrics of a card's trials, the likeliest first: fold scores, or as logged."""
    name = metric.removeprefix("cv_").removesuffix("_mean")
    is_primary = name == card.tags.get(f"{OUR_TAGS}primary")
    share = json.loads(card.tags.get(f"{OUR_TAGS}test_share", "null"))
    selection = json.loads(card.tags.get(f"{OUR_TAGS}selection", "{}"))
    practical = float(selection.get("practical_difference") or 0.0) if is_primary else 0.0
    scored = Yardstick(name, f"cv_{name}_mean", True, share is not None, share, practical)
    return [scored, *(Yardstick(key, key, True) for key in (f"test_{name}", metric) if key == metric or share is None)]


def _as_asked_for(names: Sequence[str]) -> list[str]:
    """Name the metrics of runs as users write them: fold scores by the card's name."""
    scored = [name[3:-5] for name in names if name.startswith("cv_") and name.endswith("_mean")]
    return [*scored, *(name for name in names if not name.startswith(("cv_", "best_cv_", "best_test_")))]


def _baseline(name: str, chosen: Chosen, reader: RunReader, project: Project) -> RunRow:
    run = find_trial(name, reader, project).run
    if chosen.card is not None:
        require_one_protocol([run, chosen.card], reader, project)
    return run


def _folds_of(run: RunRow, yardstick: Yardstick, reader: RunReader, project: Project) -> dict[str, tuple[float, ...]]:
    require_agreement(run, project)
    return read_fold_scores([run], yardstick.metric, reader, project) if yardstick.has_folds else {}
