"""Choosing a run among those in MLflow, and writing the decision there."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from runcard import errors
from runcard.card import Card
from runcard.card.check import test_score_chosen_by
from runcard.catalog.metrics import direction_of, recorded_name
from runcard.catalog.registered import Catalog, load_catalog
from runcard.data.copies import Copies
from runcard.decision import Decision, FinalScore, check_choice, decide, nothing_qualifies
from runcard.plan import Choice, Constraint, read_choice, short_name
from runcard.project import Project
from runcard.redact import redact
from runcard.tags import (
    GREATER_IS_BETTER_TAG,
    KIND_TAG,
    METRICS_TAG,
    N_TEST_TAG,
    PRIMARY_TAG,
    PROTOCOL_TAG,
    SELECTION_TAG,
    TEST_COPIES_TAG,
    TEST_OPENINGS_TAG,
    TEST_SHARE_TAG,
    TRIAL_KEY_TAG,
)
from runcard.tracking.backends import connect, open_reader
from runcard.tracking.items import RunRow, RunScope, Tracker
from runcard.tracking.ranking import Apart, index_of
from runcard.tracking.records import decision_items, distinction
from runcard.workflow.agreement import altered, part, require_agreement, strays
from runcard.workflow.choose.candidates import candidates_in, failed_in, missing_in, plain_candidates
from runcard.workflow.refs import Meant, find, only_card


@dataclass(frozen=True, slots=True)
class Wish:
    """A choice rule given by the user, as far as it differs from the card's."""

    metric: str | None = None
    rule: str | None = None
    constraints: tuple[Constraint, ...] = ()
    greater_is_better: bool | None = None
    """None: as the metric's name says."""

    def over(self, choice: Choice) -> Choice:
        """Override a card's choice rule; constraints are added to the card's."""
        rule = self.rule or choice.rule
        return replace(choice, rule=rule, constraints=(*choice.constraints, *self.constraints))  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class SelectionResult:
    """A decision about an experiment in MLflow."""

    experiment: str
    decision: Decision
    is_trial: bool
    """Whether it was made among trials of a card, not among runs of any script."""
    problem: errors.RuncardError | None
    """That nothing qualifies."""
    apart: tuple[Apart, ...] = ()
    """Runs that could not be chosen, as they do not agree with their records."""

    @property
    def advice(self) -> str | None:
        """What to do about a winner that was not scored on the test rows."""
        told = self.decision.test is not None or not self.decision.has_test_rows
        if not self.is_trial or self.decision.winner is None or told:
            return None
        return "none, nor a model: it is no finalist. Running its card with this `selection` makes it one"


def select(name: str | None, project: Project, wish: Wish | None = None, *, dry_run: bool = False) -> SelectionResult:
    """Choose among the trials of a card, including all trials of its protocol.

    Parameters
    ----------
    name
        A card or an experiment, whose latest run of a card is meant, or the run of a card. Of a card, its `selection`
        says how to choose; else it is done as it was said when the trials ran. None for the project's only card.
    dry_run
        Write nothing to MLflow.

    Raises
    ------
    ExperimentUnknown
        There is no such experiment, or no trial in it that could be chosen.
    ChoiceLeaks
        A test score would decide.
    UsageError
        A name that nothing recorded has.
    """
    wish = wish or Wish()
    _refuse_test_scores(wish)
    with connect(project, makes=False) as tracker:
        tracker.probe()
        meant = _meant(name or only_card(project, "select"), project)
        experiment = meant.experiment
        run, rows = _read_card(experiment, meant.run, tracker, project)
        choice = wish.over(_choice_of(run, meant.card))
        decision, apart = _decide(experiment, run, rows, choice, wish, tracker, project)
        if not dry_run:
            _write(decision, experiment, tracker, run_id=run.run_id, protocol=run.tags.get(PROTOCOL_TAG))
    return _selection(experiment, decision, apart, is_trial=True)


def select_plain(experiment: str, project: Project, wish: Wish, *, dry_run: bool = False) -> SelectionResult:
    """Choose among the finished runs of an experiment, whichever script made them.

    Metrics go by their names in MLflow. Nobody knows of folds there, so the only rule is `best`.

    Raises
    ------
    ExperimentUnknown
        There is no such experiment, or no finished run has the metric.
    UsageError
        No metric is given, or which direction is better is not known.
    """
    metric = wish.metric or ""
    greater = _direction(wish, project)
    with connect(project, makes=False) as tracker:
        tracker.probe()
        found = [row for row in tracker.read_runs(experiment) if row.tags.get(KIND_TAG) != "card"]
        kept, apart = part(found)
        rows = [row for row in kept if row.status == "FINISHED" and metric in row.metrics]
        if not rows:
            raise _no_run(experiment, metric, found, project)
        if any(KIND_TAG in row.tags for row in rows):
            _refuse_test_scores(wish)
        candidates, choice = plain_candidates(rows, metric), wish.over(Choice(cost=()))
        check_choice(candidates, choice)
        secondary = {constraint.name: constraint.sign.startswith(">") for constraint in choice.constraints}
        decision = decide(
            candidates,
            choice,
            metric=metric,
            directions={**secondary, metric: greater},
            left_out=_left_out(kept, rows, metric) | _altered(apart),
        )
        chosen = decision.winner.run_id if decision.winner else None
        if not dry_run:
            _write(decision, experiment, tracker, run_id=chosen, protocol=None)
    return _selection(experiment, decision, apart, is_trial=False)


# Trials of a card


def _meant(name: str, project: Project) -> Meant:
    """Resolve a name, which must refer to a card's trials."""
    with open_reader(project) as reader:
        meant = find(name, reader, project)
    if meant.run is not None and meant.run.tags.get(KIND_TAG) != "card":
        raise errors.UsageError(
            f"`{name}` is {meant.words}, and a choice is made among the trials of a card",
            why="one run alone leaves nothing to choose",
            hint="name its card, its experiment, or the run of its card",
        )
    return meant


def _read_card(
    experiment: str, run: RunRow | None, tracker: Tracker, project: Project
) -> tuple[RunRow, Sequence[RunRow]]:
    """Read a card's run, an experiment's latest unless one is given, and the trials of its protocol."""
    cards = [run] if run else tracker.read_runs(experiment, kind="card", limit=1)
    if not cards:
        raise errors.ExperimentUnknown(
            f"no card was run in the experiment `{experiment}`",
            where=redact(project.tracking_uri),
            why="without a card it is not known which metric decides",
            hint=f"choose among other runs:\n`runcard select --experiment {experiment} --metric NAME`",
        )
    require_agreement(cards[0], project)
    return cards[0], _trials(tracker.read_runs(experiment, kind="trial"), cards[0].tags.get(PROTOCOL_TAG))


def _trials(rows: Sequence[RunRow], protocol: str | None) -> list[RunRow]:
    """Order the trials of a protocol as in their plan, with only the latest run of each."""
    latest: dict[str, RunRow] = {}
    for row in rows:  # newest first
        if row.tags.get(PROTOCOL_TAG) == protocol:
            latest.setdefault(row.tags.get(TRIAL_KEY_TAG, row.run_id), row)
    return sorted(latest.values(), key=index_of)


def _choice_of(run: RunRow, card: Card | None) -> Choice:
    """Read the choice rule from the card, with metrics by their recorded names; else from the run."""
    recorded = _directions(run)
    if card is None:
        return read_choice(json.loads(run.tags.get(SELECTION_TAG, "{}")))
    given = card.selection
    return read_choice(
        {
            "rule": given.rule,
            "practical_difference": given.practical_difference,
            "constraints": {_recorded(name, recorded): bound for name, bound in given.constraints.items()},
            "cost": [_recorded(name, recorded) for name in given.cost],
        }
    )


def _recorded(name: str, recorded: Mapping[str, bool]) -> str:
    return recorded_name(short_name(name), recorded)


def _decide(
    experiment: str,
    run: RunRow,
    rows: Sequence[RunRow],
    choice: Choice,
    wish: Wish,
    tracker: Tracker,
    project: Project,
) -> tuple[Decision, tuple[Apart, ...]]:
    directions = _directions(run)
    primary = run.tags.get(PRIMARY_TAG, "")
    metric = _recorded(wish.metric, directions) if wish.metric else primary
    if metric not in directions:
        raise _unknown_metric(metric, directions)
    if wish.greater_is_better is not None:
        directions = {**directions, metric: wish.greater_is_better}
    folds = tracker.read_folds([row.run_id for row in rows if f"cv_{metric}_mean" in row.metrics], metric)
    rows, apart = part(rows, metric, folds)
    with open_reader(project) as reader:
        apart += strays(RunScope((experiment,), protocol=run.tags.get(PROTOCOL_TAG)), reader)
    key = _ranked_by(rows, metric)
    others = [row for row in rows if key not in row.metrics]
    candidates = candidates_in(rows, key, folds)
    if not candidates:
        raise _nothing_to_choose(rows, apart, metric, project)
    choice = _checked(choice, directions)
    check_choice(candidates, choice)
    share = json.loads(run.tags.get(TEST_SHARE_TAG, "null"))
    decision = decide(
        candidates,
        choice,
        metric=metric,
        directions={metric: directions[metric], **directions},
        test_share=share,
        left_out=missing_in(others) | _altered(apart),
        failed=failed_in(rows, primary),
    )
    has_test_rows = run.tags.get(N_TEST_TAG) != "0"
    return replace(decision, test=_test_score(decision, rows, run), has_test_rows=has_test_rows), apart


def _ranked_by(rows: Sequence[RunRow], metric: str) -> str:
    """Rank by the mean over the folds; a card's only trial, without folds, has just its test score."""
    mean, test = f"cv_{metric}_mean", f"test_{metric}"
    is_alone = len(rows) == 1 and mean not in rows[0].metrics and test in rows[0].metrics
    return test if is_alone else mean


def _checked(choice: Choice, directions: Mapping[str, bool]) -> Choice:
    """Name the constraints that were added as the card's are named."""
    named = tuple(replace(c, name=_recorded(c.name, directions)) for c in choice.constraints)
    return replace(choice, constraints=named)


def _directions(run: RunRow) -> dict[str, bool]:
    """Map each metric of a card's run to whether greater is better; the primary one first."""
    primary = run.tags.get(PRIMARY_TAG, "")
    first = {primary: run.tags.get(GREATER_IS_BETTER_TAG, "true") == "true"}
    told: Mapping[str, bool] = json.loads(run.tags.get(METRICS_TAG, "{}"))
    return {**first, **told}


def _test_score(decision: Decision, rows: Sequence[RunRow], run: RunRow) -> FinalScore | None:
    winner = decision.winner
    row = next((row for row in rows if winner is not None and row.run_id == winner.run_id), None)
    score = row.metrics.get(f"test_{decision.metric}") if row else None
    openings = run.tags.get(TEST_OPENINGS_TAG)
    copies = json.loads(run.tags.get(TEST_COPIES_TAG, "null"))
    counted = Copies(**copies) if copies else None
    return None if score is None else FinalScore(score, int(openings) if openings else None, counted)


# What is written


def _write(decision: Decision, experiment: str, tracker: Tracker, *, run_id: str | None, protocol: str | None) -> None:
    """Write the decision to a run, and move the tags of the chosen run to the new one."""
    told = decision.as_dict()
    chosen = decision.winner.run_id if decision.winner else None
    if run_id is not None:
        tracker.add_items(run_id, experiment, decision_items(told, chosen))
    tracker.distinguish(experiment, distinction(told, chosen, protocol))


def _selection(experiment: str, decision: Decision, apart: tuple[Apart, ...], *, is_trial: bool) -> SelectionResult:
    problem = None if decision.winner else nothing_qualifies(decision, f"experiment `{experiment}`")
    return SelectionResult(experiment, decision, is_trial, problem, apart)


def _altered(apart: Sequence[Apart]) -> dict[str, int]:
    return {"not as recorded": len(apart)} if apart else {}


# What may be wrong


def _refuse_test_scores(wish: Wish) -> None:
    for name in (wish.metric or "", *(constraint.name for constraint in wish.constraints)):
        if name.startswith("test_"):
            error = test_score_chosen_by(name)
            error.where = "the command line"
            raise error


def _direction(wish: Wish, project: Project) -> bool:
    if not wish.metric:
        raise errors.UsageError(
            "which metric decides?",
            why="runs that no card made do not say",
            hint="add `--metric NAME`, as MLflow has it",
        )
    if wish.greater_is_better is not None:
        return wish.greater_is_better
    known = direction_of(wish.metric, Catalog())
    known = direction_of(wish.metric, load_catalog(project)) if known is None else known
    if known is None:
        raise errors.UsageError(
            f"is more or less of `{wish.metric}` better?",
            why="its name is not that of a metric that is known here",
            hint="add `--maximize` or `--minimize`",
        )
    return known


def _unknown_metric(metric: str, directions: Mapping[str, bool]) -> errors.UsageError:
    near = errors.nearest(metric, directions)
    return errors.UsageError(
        f"the trials have no metric `{metric}`",
        why=f"they have {errors.listing(list(directions))}",
        hint=f"use `{near}`" if near else "name one of them",
    )


def _nothing_to_choose(
    rows: Sequence[RunRow], apart: Sequence[Apart], metric: str, project: Project
) -> errors.RuncardError:
    if apart:
        return altered(apart[0].run, apart[0].why, project.tracking_uri)
    if any(f"test_{metric}" in row.metrics for row in rows):
        error = test_score_chosen_by(f"test_{metric}")
        error.where = redact(project.tracking_uri)
        error.hint = "add `cv_folds: 5` to the card's `evaluation` and run it"
        return error
    return errors.ExperimentUnknown(
        "there is no trial to choose",
        where=redact(project.tracking_uri),
        why=f"of {len(rows):,} trials none came to its end",
        hint="run the card: `runcard run CARD`",
    )


def _no_run(experiment: str, metric: str, found: Sequence[RunRow], project: Project) -> errors.ExperimentUnknown:
    known = sorted({name for row in found for name in row.metrics})
    near = errors.nearest(metric, known)
    return errors.ExperimentUnknown(
        f"no finished run in `{experiment}` has the metric `{metric}`",
        where=redact(project.tracking_uri),
        why=f"its {len(found):,} runs have {errors.listing(known)}" if known else f"its {len(found):,} runs have none",
        hint=f"use `--metric {near}`" if near else "name one that they have",
    )


def _left_out(found: Iterable[RunRow], rows: Sequence[RunRow], metric: str) -> dict[str, Any]:
    taken = {row.run_id for row in rows}
    others = [row for row in found if row.run_id not in taken]
    n_lacking = sum(row.status == "FINISHED" for row in others)
    left = missing_in(row for row in others if row.status != "FINISHED")
    return left | ({f"without `{metric}`": n_lacking} if n_lacking else {})
