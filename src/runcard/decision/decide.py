"""The function that makes a decision from candidates.

Why: docs/adr/0014-the-decision.md
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import inf

from runcard import errors
from runcard.comparison import set_beside
from runcard.decision.decision import Candidate, Decision, Failure, Rejection, Tie, format_measure
from runcard.plan import Choice, Constraint
from runcard.stats import pareto_front, standard_error

_FEWEST = 2
"""So many scores fold by fold it takes to tell anything of chance."""


def decide(
    candidates: Sequence[Candidate],
    choice: Choice,
    *,
    metric: str,
    directions: Mapping[str, bool],
    test_share: float | None = None,
    left_out: Mapping[str, int] | None = None,
    failed: Mapping[str, str] | None = None,
) -> Decision:
    """Choose among candidates; of equal ones the first.

    Parameters
    ----------
    directions
        The metric and the secondary ones -> whether greater is better; with the costs, the Pareto view's numbers.
    test_share
        n_test / n_train of a fold; None without folds.
    failed
        Candidates that failed as finalists, by id -> why: the next that the rule allows is chosen.
    """
    greater = directions[metric]
    ranked = sorted(candidates, key=lambda candidate: -candidate.value if greater else candidate.value)
    rejections = tuple(_reject(ranked, constraint) for constraint in choice.constraints)
    rejected = {candidate.id for found in rejections for candidate in (*found.broken, *found.unrecorded)}
    qualifying = [candidate for candidate in ranked if candidate.id not in rejected]
    failures = tuple(Failure(found, failed[found.id]) for found in qualifying if failed and found.id in failed)
    order, why, why_not = _order(qualifying, choice, metric, [found.candidate for found in failures], greater=greater)
    views = _views(directions, choice, qualifying)
    return Decision(
        metric=metric,
        greater_is_better=greater,
        choice=choice,
        winner=order[0] if order else None,
        why=why,
        best=qualifying[0] if qualifying else None,
        runner_up=order[1] if len(order) > 1 else None,
        why_not=why_not,
        rejections=rejections,
        ties=_ties(order, choice, test_share, greater=greater),
        pareto=_pareto(qualifying, views),
        directions=views,
        n_compared=len(ranked),
        n_qualifying=len(qualifying),
        left_out=left_out or {},
        failed=failures,
    )


def check_choice(candidates: Sequence[Candidate], choice: Choice) -> None:
    """Refuse a choice whose names or rule the candidates cannot satisfy.

    Raises
    ------
    UsageError
        A name that no candidate has a number for, or a rule that needs folds where there are none.
    """
    known = {name for candidate in candidates for name in candidate.measures}
    by_rule = choice.rule == "one_standard_error"
    for name in (*(constraint.name for constraint in choice.constraints), *(choice.cost if by_rule else ())):
        if name not in known:
            near = errors.nearest(name, known)
            raise errors.UsageError(
                f"nothing recorded is called `{name}`",
                why=f"recorded are {errors.listing(sorted(known))}",
                hint=f"use `{near}`" if near else "name one of them",
            )
    if by_rule and len(candidates) > 1 and any(len(candidate.folds or ()) < _FEWEST for candidate in candidates):
        raise errors.UsageError(
            "`one_standard_error` needs folds",
            why="without scores fold by fold, the standard error of the best is not known",
            hint="use `--rule best`",
        )


def nothing_qualifies(decision: Decision, where: str) -> errors.NothingQualifies:
    """Make the error for a decision in which no candidate qualifies."""
    n_compared = decision.n_compared
    guilty = [found for found in decision.rejections if found.broken or found.unrecorded]
    said = [f"`{found.constraint}` rejects {_count(found)}{_nearest(found)}" for found in guilty]
    said += [f"`{found.candidate.label}` failed as a finalist: {found.reason}" for found in decision.failed]
    return errors.NothingQualifies(
        f"none of the {n_compared:,} candidates qualifies" if n_compared > 1 else "the only candidate does not qualify",
        where=where,
        why=",\n".join(said),
        hint="loosen a bound, or try other models or hyperparameters",
    )


# The order in which candidates are preferred


def _order(
    qualifying: Sequence[Candidate], choice: Choice, metric: str, failed: Sequence[Candidate], *, greater: bool
) -> tuple[list[Candidate], str, str]:
    """Put the winner first and the runner-up second; say why, and why not."""
    left = [candidate for candidate in qualifying if candidate not in failed]
    if len(qualifying) < 2:
        return left, "the only one" + (" that qualifies" if choice.constraints else ""), ""
    if choice.rule == "best":
        why = f"the best {metric}" + (" of those that qualify" if choice.constraints else "")
        if left and left[0] is not qualifying[0]:
            why += ", the finalists before it having failed"
        return left, why, _behind(left, metric, greater=greater) if len(left) > 1 else ""
    return _within_one_standard_error(qualifying, choice, metric, failed, greater=greater)


def _within_one_standard_error(
    qualifying: Sequence[Candidate], choice: Choice, metric: str, failed: Sequence[Candidate], *, greater: bool
) -> tuple[list[Candidate], str, str]:
    """Prefer the cheapest within one standard error of the best (Breiman et al. 1984); no other may be chosen."""
    best = qualifying[0]
    error = standard_error(best.folds or ())
    near = [c for c in qualifying if abs(c.value - best.value) <= error]
    far = [candidate for candidate in qualifying[len(near) :] if candidate not in failed]
    near = sorted((c for c in near if c not in failed), key=lambda candidate: _costs(candidate, choice))
    if not near:
        return [], "", ""
    order = [*near, *far]
    reach = f"within one standard error ({format_measure(error)}) of the best {metric}"
    why = (
        f"the cheapest by {', then '.join(choice.cost)} of {len(near):,} {reach}" if len(near) > 1 else f"alone {reach}"
    )
    if len(near) > 1:
        return order, why, _dearer(near[0], near[1], choice)
    return order, why, f"{_behind(order, metric, greater=greater)}, more than one standard error" if far else ""


def _costs(candidate: Candidate, choice: Choice) -> tuple[float, ...]:
    return tuple(candidate.measures.get(name, inf) for name in choice.cost)


def _dearer(winner: Candidate, other: Candidate, choice: Choice) -> str:
    for name, mine, its in zip(choice.cost, _costs(winner, choice), _costs(other, choice), strict=True):
        if mine != its:
            return (
                f"{name} {format_measure(its)} against {format_measure(mine)}"
                if its < inf
                else f"{name} was not recorded of it"
            )
    return "it costs the same, and is not better"


def _behind(order: Sequence[Candidate], metric: str, *, greater: bool) -> str:
    gap = abs(order[0].value - order[1].value)
    if gap == 0:
        return f"its {metric} is equal; it comes later"
    return f"its {metric} is {gap:.3g} {'lower' if greater else 'higher'}"


# What is rejected


def _reject(ranked: Sequence[Candidate], constraint: Constraint) -> Rejection:
    values = [(candidate, candidate.measures.get(constraint.name)) for candidate in ranked]
    broken = tuple(candidate for candidate, value in values if value is not None and not constraint.allows(value))
    return Rejection(constraint, broken, tuple(candidate for candidate, value in values if value is None))


def _count(rejection: Rejection) -> str:
    n_broken, n_unrecorded = len(rejection.broken), len(rejection.unrecorded)
    return f"{n_broken:,}" + (f", and {n_unrecorded:,} that it was not recorded of" if n_unrecorded else "")


def _nearest(rejection: Rejection) -> str:
    name, limit = rejection.constraint.name, rejection.constraint.limit
    values = [candidate.measures[name] for candidate in rejection.broken]
    return f" (the nearest has {format_measure(min(values, key=lambda value: abs(value - limit)))})" if values else ""


# What else is to be known


def _ties(
    order: Sequence[Candidate], choice: Choice, test_share: float | None, *, greater: bool
) -> tuple[Tie, ...] | None:
    """Find candidates whose difference from the first may be due to chance alone."""
    if not order or test_share is None or len(order[0].folds or ()) < _FEWEST:
        return None
    winner, others = order[0], order[1:]
    besides = set_beside(
        winner.folds or (),
        [other.folds or () for other in others],
        greater_is_better=greater,
        test_share=test_share,
        practical_difference=choice.practical_difference,
    )
    return tuple(
        Tie(other, -beside.difference.mean, beside.p, beside.equal)
        for other, beside in zip(others, besides, strict=True)
        if beside is not None and beside.is_tied
    )


def _views(directions: Mapping[str, bool], choice: Choice, qualifying: Sequence[Candidate]) -> dict[str, bool]:
    """Name the numbers of the Pareto view: the recorded ones among metrics and costs."""
    recorded = {name for candidate in qualifying for name in candidate.measures}
    wanted = {**directions, **dict.fromkeys((name for name in choice.cost if name not in directions), False)}
    return {name: greater for name, greater in wanted.items() if name in recorded}


def _pareto(qualifying: Sequence[Candidate], views: Mapping[str, bool]) -> tuple[Candidate, ...]:
    if len(views) < 2:
        return ()
    points = [
        [-c.measures.get(name, -inf) if greater else c.measures.get(name, inf) for name, greater in views.items()]
        for c in qualifying
    ]
    return tuple(qualifying[place] for place in pareto_front(points))
