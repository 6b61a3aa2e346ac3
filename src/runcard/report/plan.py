"""The report of a plan: what a run would do."""

from __future__ import annotations

from collections import Counter

from runcard import errors
from runcard.card.doubts import find_doubts
from runcard.plan import Plan
from runcard.report.blocks import Block, Facts, Line, Text


def plan_report(plan: Plan) -> list[Block]:
    """Show what a run would do."""
    noted = [*plan.work.notes(), *(("warning", text) for text in find_doubts(plan.card))]
    facts: list[tuple[str, Line]] = [*_facts(plan).items()]
    facts += [(name, Text((text, "notable"))) for name, text in noted if text]
    return [Text(f"{plan.card.shown} is valid"), Text(), Facts(facts)]


def _facts(plan: Plan) -> dict[str, str]:
    return {
        "experiment": plan.card.name,
        **plan.work.facts(),
        "metrics": ", ".join(metric.name for metric in plan.metrics)
        + f"; ranked by {plan.primary.name}, "
        + ("greater is better" if plan.primary.greater_is_better else "smaller is better")
        + _pooled(plan),
        "trials": _trials(plan),
        "fits": f"{_n_fits(plan)} on the folds, {_n_finalists(plan)} on all training rows",
        "choice": _choice(plan),
    }


def _pooled(plan: Plan) -> str:
    names = errors.listing(plan.pooled)
    return f"; {names} once, on all folds' rows together, for a fold scores a single row" if names else ""


def _trials(plan: Plan) -> str:
    search = plan.card.search
    shown = f"{plan.n_trials} by a Bayesian search of {errors.listing([entry.model for entry in plan.draw.entries])}"
    if plan.trials:
        counts = Counter(trial.model for trial in plan.trials)
        shown = f"{plan.n_trials}: " + ", ".join(f"{name} {n}" for name, n in counts.items())
    if search.trials is not None and plan.n_trials < search.trials:
        shown += f"; there are no more than these {plan.n_trials}"
    if plan.impossible:
        shown += f"; {len(plan.impossible)} are impossible: {next(iter(plan.impossible.values()))}"
    return shown + ("; those that fall behind are stopped early" if plan.draw.stopping else "")


def _n_finalists(plan: Plan) -> str:
    """Count the finalists: the best of each model, and the chosen trial where the rule may choose another."""
    n_models = len({trial.model for trial in plan.probes}) if plan.n_units else 1
    is_open = plan.choice.rule != "best" or plan.choice.constraints
    return f"{n_models} or {n_models + 1}" if is_open and plan.n_trials > n_models else str(n_models)


def _choice(plan: Plan) -> str:
    choice = plan.choice
    words = [f"{choice.rule} by {plan.primary.name}"]
    if choice.rule == "one_standard_error":
        words.append(f"the cheapest by {', then '.join(choice.cost)}")
    words += [str(constraint) for constraint in choice.constraints]
    if choice.practical_difference:
        words.append(f"differences up to {choice.practical_difference:g} do not matter")
    return "; ".join(words)


def _n_fits(plan: Plan) -> str:
    if plan.draw.lag:
        return f"{'at most ' if plan.draw.stopping else ''}{plan.n_trials * plan.n_units:,}"
    return f"{len(plan.fits()) * plan.n_units:,}"
