"""Tables of ranked trials and runs, for `run` (its own trials) and `compare` (what MLflow has)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from runcard.comparison import Beside, Comparison, Standing
from runcard.report.blocks import Block, Column, ReportTable, Text
from runcard.report.wording import format_number, parameters, spelled
from runcard.stats import standard_error
from runcard.tracking.ranking import Yardstick

MAX_ROWS = 20
CHOSEN, UNBEATEN = "*", "°"
"""Marks of a trial in a table: the chosen one; one that no other beats in all that is looked at."""
COSTS = {"fit_seconds": ("fit s", 2), "predict_ms_p95": ("row ms", 1), "model_mb": ("MB", 2)}
"""Measures of what a trial costs -> their heading and digits."""

SameParams = Mapping[str | None, Mapping[str, str]]
"""Parameters that do not tell trials apart: of all trials under None, of each model's under its name."""


@dataclass(frozen=True, slots=True)
class RankedRow:
    """A trial or run as a row of the table."""

    rank: int | None
    """1 for the best; None for one without a score."""
    status: str
    """How it ended; it stands in place of a rank."""
    model: str | None
    params: Mapping[str, str]
    value: float | None
    """What it is ranked by."""
    folds: Sequence[float] = ()
    """That number fold by fold."""
    measures: Mapping[str, float | None] = field(default_factory=dict)
    """Costs, and means of other metrics, by their names."""
    test: Mapping[str, float] = field(default_factory=dict)
    """Scores on the test rows, by their names."""
    mark: str = ""
    """What stands behind the rank."""
    beside: Beside | None = None
    run_id: str = ""
    name: str = ""
    experiment: str = ""

    @property
    def error(self) -> float | None:
        """The standard error of the mean over the folds."""
        return standard_error(self.folds) if self.value is not None and len(self.folds) > 1 else None


def rank_standings(comparison: Comparison, marks: Mapping[str, str] | None = None) -> list[RankedRow]:
    """Make the rows of a comparison's trials; `marks` are appended to ranks, by trial key."""
    return [_ranked(standing, (marks or {}).get(standing.record.trial_key, "")) for standing in comparison.standings]


def _ranked(standing: Standing, mark: str) -> RankedRow:
    record = standing.record
    has_scores = standing.rank is not None and record.scores
    means = {name: record.mean(name) for name in record.scores if name != standing.metric}
    seconds = sum(record.fit_seconds) / len(record.fit_seconds) if record.fit_seconds else None
    return RankedRow(
        standing.rank,
        record.status,
        record.model,
        {name: spelled(value) for name, value in record.params.items()},
        standing.mean if has_scores else None,
        record.scores.get(standing.metric, ()),
        {**means, "fit_seconds": seconds} if has_scores else {},
        mark=mark,
    )


def ranking_report(comparison: Comparison, marks: Mapping[str, str] | None = None) -> list[Block]:
    """Show a comparison's first trials and the chosen ones; `marks` as in `rank_standings`."""
    rows = rank_standings(comparison, marks)
    by = Yardstick(comparison.metric, f"cv_{comparison.metric}_mean", comparison.greater_is_better)
    others = dict.fromkeys(name for row in rows for name in row.measures if name not in COSTS)
    same = say_same_params(rows)
    return [ranked_table(rows, by, others=list(others), limit=MAX_ROWS), *([Text(same)] if same else [])]


def ranked_table(
    rows: Sequence[RankedRow],
    by: Yardstick,
    *,
    others: Sequence[str] = (),
    what: str = "Trials",
    reference: str = "the best",
    limit: int | None = None,
) -> ReportTable[RankedRow]:
    """Make the table of ranked trials or runs: the metric, its uncertainty, and then the costs.

    Parameters
    ----------
    others
        Further measures that people see.
    limit
        How many rows there are at most, besides those that are chosen.
    """
    picked = [row for place, row in enumerate(rows) if limit is None or place < limit or CHOSEN in row.mark]
    own_test = f"test_{by.metric}" if by.key != f"test_{by.metric}" else ""
    rank, model, params = _trial_columns(same_params(rows))
    columns = [
        rank,
        Column("run_id", lambda row: row.run_id, "run", lambda row: row.run_id[:8]),
        Column("name", lambda row: row.name),
        Column("experiment", lambda row: row.experiment),
        Column("status", lambda row: row.status),
        model,
        Column(by.key, lambda row: row.value, by.metric, _score, is_number=True),
        *(_UNCERTAINTY if by.has_folds else ()),
        *(_measure(name) for name in (*COSTS, *others) if name != by.key),
        Column(
            "test", lambda row: row.test, own_test, lambda row: format_number(row.test.get(own_test)), is_number=True
        ),
        params,
        Column("folds", lambda row: tuple(row.folds)),
    ]
    seen = ["rank", "model", "params", by.key, *(_SEEN if by.has_folds else ()), "run_id", "test", *COSTS, *others]
    more = Text(f"{len(picked)} of {len(rows)} trials; ", ("`runcard compare`", "code"), " shows all")
    caption = more if len(picked) < len(rows) else ""
    return ReportTable(columns, picked, _title(rows, by, what, reference), caption, list(dict.fromkeys(seen)), _FEWEST)


def finalists_table(comparison: Comparison, marks: Mapping[str, str] | None = None) -> ReportTable[RankedRow]:
    """Show the finalists' scores on the test rows; `marks` are appended to the ranks of trials, by their keys."""
    ranked = rank_standings(comparison, marks)
    finals = [(row, standing.final) for row, standing in zip(ranked, comparison.standings, strict=True)]
    rows = [
        replace(row, test=final.scores, measures={"predict_ms_p95": final.predict_ms_p95, "model_mb": final.model_mb})
        for row, final in finals
        if final is not None
    ]
    names = sorted(dict.fromkeys(name for row in rows for name in row.test), key=comparison.metric.__ne__)
    tests = [_test_score(name) for name in names]
    costs = [_measure(name) for name in ("predict_ms_p95", "model_mb")]
    same = same_params(ranked)
    said = {**same, None: {name: value for name, value in same[None].items() if name != "model"}}
    scored = "refitted on all training rows, scored on the test rows"
    none_kept = "refitted on all rows; none are kept for the test"
    title = f"Finalists: {scored if names or not rows else none_kept}"
    return ReportTable([*_trial_columns(said), *tests[:1], *costs, *tests[1:]], rows, title, fewest=_FEWEST)


def same_params(rows: Sequence[RankedRow]) -> SameParams:
    """Find the parameters that are equal in all rows; none if there is only one row."""
    several = [{**row.params, **({} if row.model is None else {"model": row.model})} for row in rows]
    overall = _in_common(several)
    models = dict.fromkeys(row.model for row in rows)
    of_each = {model: _in_common([row.params for row in rows if row.model == model]) for model in models if model}
    return {None: overall} | {
        model: {name: value for name, value in same.items() if overall.get(name) != value}
        for model, same in of_each.items()
    }


def say_same_params(rows: Sequence[RankedRow]) -> str:
    """Name in a line the parameters that the table leaves out; empty where there are none."""
    said = [(model, parameters(params)) for model, params in same_params(rows).items() if params]
    where = "; in ".join(f"{'all' if model is None else model}: {shown}" for model, shown in said)
    return f"The same in {where}." if said else ""


def _in_common(params: Sequence[Mapping[str, str]]) -> dict[str, str]:
    if len(params) < 2:
        return {}
    first, *rest = params
    return {name: value for name, value in first.items() if all(other.get(name) == value for other in rest)}


def _trial_columns(said: SameParams) -> tuple[Column[RankedRow], Column[RankedRow], Column[RankedRow]]:
    def model(row: RankedRow) -> str:
        return "" if "model" in said.get(None, ()) else row.model or row.name

    def telling(row: RankedRow) -> str:
        same = {**said.get(None, {}), **said.get(row.model, {})}
        return parameters({name: value for name, value in row.params.items() if name not in same})

    return (
        Column("rank", lambda row: row.rank, shown=_rank, is_number=True),
        Column("model", lambda row: row.model, shown=model),
        Column("params", lambda row: row.params, "parameters", telling, folds=True, prefix="param_"),
    )


def _measure(name: str) -> Column[RankedRow]:
    heading, digits = COSTS.get(name, (name, 4))
    return Column(
        name,
        lambda row: row.measures.get(name),
        heading,
        lambda row: format_number(row.measures.get(name), digits),
        is_number=True,
    )


def _test_score(name: str) -> Column[RankedRow]:
    return Column(name, lambda row: row.test.get(name), is_number=True)


def _rank(row: RankedRow) -> str:
    place = row.rank or (row.status if row.value is None else "")
    return f"{place}{row.mark}".strip()


def _score(row: RankedRow) -> str:
    return format_number(row.value) + ("" if row.error is None else f" ± {format_number(row.error)}")


def _of(tell: Callable[[Beside], Any]) -> Callable[[RankedRow], Any]:
    """Apply a function to rows that are compared with a reference; None for the others."""
    return lambda row: None if row.beside is None else tell(row.beside)


def _difference(beside: Beside) -> str:
    return _signed(beside.difference.mean, beside)


def _interval(beside: Beside) -> str:
    return f"{_signed(beside.low, beside)} to {_signed(beside.high, beside)}"


def _signed(value: float, beside: Beside) -> str:
    """Write a difference with its sign, with as many digits as its interval justifies."""
    return f"{value:+.4f}" if 1e-3 <= max(abs(beside.low), abs(beside.high)) < 1e6 else f"{value:+.3g}"


def _p_value(beside: Beside) -> str:
    return "<0.001" if beside.p < 0.001 else f"{beside.p:.3f}"


def _shares(beside: Beside) -> str:
    return "/".join(f"{100 * share:.0f}" for share in (beside.worse, beside.equal, beside.better))


def _title(rows: Sequence[RankedRow], by: Yardstick, what: str, reference: str) -> str:
    title = f"{what} by {by.metric} ({'greater' if by.greater_is_better else 'less'} is better)"
    if any(len(row.folds) > 1 for row in rows):
        title += ": mean ± standard error over the folds"
    elif any(row.folds for row in rows):
        title += ": of all folds' rows together"
    elif by.key != by.metric:
        title += ", on the test rows"
    return f"{title}; beside {reference}" if any(row.beside for row in rows) else title


_UNCERTAINTY: tuple[Column[RankedRow], ...] = (
    Column("se", lambda row: row.error),
    Column("difference", _of(lambda it: it.difference.mean), shown=_of(_difference), is_number=True),
    Column("low", _of(lambda it: it.low), "95% interval", _of(_interval), is_number=True),
    Column("high", _of(lambda it: it.high)),
    Column("p", _of(lambda it: it.p), shown=_of(_p_value), is_number=True),
    Column("p_worse", _of(lambda it: it.worse), "worse/equal/better %", _of(_shares), is_number=True),
    Column("p_equal", _of(lambda it: it.equal)),
    Column("p_better", _of(lambda it: it.better)),
    Column("tied", _of(lambda it: it.is_tied)),
)
_SEEN = ("difference", "low", "p_worse", "p")
_FEWEST = 4
