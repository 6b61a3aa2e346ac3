"""A plan: what would be done, and what the columns are taken for."""

from __future__ import annotations

from collections import Counter
from operator import attrgetter
from typing import TYPE_CHECKING, NamedTuple

from runcard import errors
from runcard.plan import Plan, find_doubts
from runcard.plan.absent import absent_classes
from runcard.report.blocks import Block, Column, Facts, Line, ReportTable, Text

if TYPE_CHECKING:
    import pandas as pd

MAX_COLUMNS = 40
MAX_CLASSES = 8


class _Looked(NamedTuple):
    """A column of the data and what is in it."""

    name: str
    kind: str
    values: pd.Series


def plan_report(plan: Plan, frame: pd.DataFrame) -> list[Block]:
    """Show what would be done, and what the columns are taken for."""
    noted = [("copies", str(plan.copies)), *(("absent", text) for text in _absent(plan))]
    noted += [("warning", text) for text in find_doubts(plan.card)]
    facts: list[tuple[str, Line]] = [*_facts(plan).items()]
    facts += [(name, Text((text, "notable"))) for name, text in noted if text]
    return [Text(f"{plan.card.shown} is valid"), Text(), Facts(facts), Text(), _columns(plan, frame)]


def _facts(plan: Plan) -> dict[str, str]:
    print_of_data, split = plan.fingerprint, plan.split
    n_finalists = _n_finalists(plan)
    return {
        "experiment": plan.card.name,
        "data": f"{plan.source}: {print_of_data.n_rows:,} rows, {len(print_of_data.columns)} columns, "
        f"fingerprint {print_of_data.digest[:12]}",
        "task": f"{plan.task} of `{plan.target.name}`, as {plan.task_because}" + _balance(plan),
        "split": f"{split.kind}: {split_sizes(plan)}, seed {plan.seed}",
        "folds": _folds(plan),
        "metrics": ", ".join(metric.name for metric in plan.metrics)
        + f"; ranked by {plan.primary.name}, "
        + ("greater is better" if plan.primary.greater_is_better else "smaller is better")
        + _pooled(plan),
        "trials": _trials(plan),
        "fits": f"{_n_fits(plan)} on the folds, {n_finalists} on all training rows",
        "choice": _choice(plan),
    }


def split_sizes(plan: Plan) -> str:
    """Say how many rows there are to train on and to test on."""
    n_train, n_test = len(plan.split.train), len(plan.split.test)
    if not n_test:
        return f"all {n_train:,} rows are trained on, none are kept for the test"
    return f"{n_train:,} training and {n_test:,} test rows"


def _pooled(plan: Plan) -> str:
    names = errors.listing([metric.name for metric in plan.pooled])
    return f"; {names} once, on all folds' rows together, for a fold scores a single row" if names else ""


def _absent(plan: Plan) -> list[str]:
    """Foretell which classes some rows will not show; metrics that need them will be missing there."""
    found = absent_classes(plan.split, plan.target)
    more = [f"{len(found) - MAX_CLASSES} more classes are lacking somewhere"] if len(found) > MAX_CLASSES else []
    return [*map(str, found[:MAX_CLASSES]), *more]


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
    """Count the best of each model, and the chosen trial where the rule may choose another."""
    n_models = len({trial.model for trial in plan.probes}) if plan.n_folds else 1
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
        return f"{'at most ' if plan.draw.stopping else ''}{plan.n_trials * plan.n_folds:,}"
    return f"{len(plan.fits()) * plan.n_folds:,}"


def _balance(plan: Plan) -> str:
    counts = plan.target.counts()
    if not counts:
        return ""
    total = sum(counts.values())
    shown = [f"{label} {n:,} ({n / total:.0%})" for label, n in list(counts.items())[:MAX_CLASSES]]
    more = f" and {len(counts) - MAX_CLASSES} more classes" if len(counts) > MAX_CLASSES else ""
    positive = "" if plan.target.positive is None else f"; positive: {plan.target.classes[plan.target.positive]}"
    return f": {', '.join(shown)}{more}{positive}"


def _folds(plan: Plan) -> str:
    if not plan.split.folds:
        return "none: the only trial goes straight to the test"
    sizes = sorted({(len(fit), len(score)) for fit, score in plan.split.folds})
    (fit, score), last = sizes[0], sizes[-1]
    shown = f"{fit:,} + {score:,}" if sizes[0] == last else f"{fit:,} + {score:,} to {last[0]:,} + {last[1]:,}"
    return f"{plan.n_folds}, each fits on and scores {shown} rows"


def _columns(plan: Plan, frame: pd.DataFrame) -> ReportTable[_Looked]:
    columns = plan.fingerprint.columns
    described = [
        Column[_Looked]("column", attrgetter("name"), folds=True),
        Column("type", attrgetter("kind"), folds=True),
        Column("used as", lambda row: _role(plan, row.name), folds=True),
        Column("missing", lambda row: int(row.values.isna().sum()), is_number=True),
        Column("distinct", lambda row: _distinct(row.values), is_number=True),
    ]
    rows = [_Looked(name, kind, frame[name]) for name, kind, _ in columns[:MAX_COLUMNS]]
    caption = f"{MAX_COLUMNS} of {len(columns)} columns" if len(columns) > MAX_COLUMNS else ""
    return ReportTable(described, rows, caption=caption)


def _distinct(values: pd.Series) -> int | None:
    try:
        return int(values.nunique())
    except TypeError:  # lists and structs
        return None


def _role(plan: Plan, name: str) -> str:
    single = {plan.columns.target: "target", plan.columns.id: "id", plan.columns.group: "group"}
    if name in single:
        return single[name]
    roles = [
        "numerical" if name in found.numerical else "categorical" if name in found.categorical else found.name
        for found in plan.feature_sets.values()
        if name in found.columns
    ]
    return ", ".join(dict.fromkeys(roles)) or ("time" if name == plan.columns.time else "not used")
