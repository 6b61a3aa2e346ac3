"""A comparison of runs as text: a table for the terminal, Markdown, CSV, JSON, and what there is to say of it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from rich.console import JustifyMethod
from rich.table import Table

from runcard.comparison import LEVEL, Beside
from runcard.errors import MOST_SHOWN
from runcard.printable import in_markdown, printable_line
from runcard.report.cells import csv_cell
from runcard.report.tables import number, plain_table
from runcard.tracking.base import N_TEST_TAG
from runcard.tracking.compared import COSTS, MODEL_PARAM, Apart, ComparedRun, RunComparison

TIED = "≈"
_PARAMETERS, _DIFFERENCE, _INTERVAL, _SHARES = "parameters", "difference", "95% interval", "worse/equal/better %"
_LEFT = ("model", _PARAMETERS, "run")
_FEWEST = 4
_GAP = 2
_MOST_APART = 10


def as_rows(found: RunComparison) -> list[dict[str, Any]]:
    """Give every run in plain values, flat, with the same columns; parameters come last, as `param_<name>`."""
    costs = [name for name in COSTS if any(row.run.value(name) is not None for row in found.rows)]
    rows = [_places(found, row) | {name: row.run.value(name) for name in costs} | row.test_scores for row in found.rows]
    names = list(dict.fromkeys(name for row in rows for name in row))
    params = list(dict.fromkeys(name for row in found.rows for name in row.params))
    return [
        {name: row.get(name) for name in names} | {f"param_{name}": run.params.get(name) for name in params}
        for row, run in zip(rows, found.rows, strict=True)
    ]


def as_json(found: RunComparison) -> str:
    """Write all of it as one JSON document."""
    yardstick, costs = found.yardstick, [*COSTS]
    document = {
        "experiments": list(found.experiments),
        "metric": yardstick.metric,
        "key": yardstick.key,
        "greater_is_better": yardstick.greater_is_better,
        "protocol": found.protocol,
        "n_runs": found.n_runs,
        "n_ranked": found.n_ranked,
        "n_folds": found.n_folds,
        "practical_difference": yardstick.practical_difference,
        "reference": found.reference,
        "has_uncertainty": bool(found.besides),
        "test_openings": found.test_openings,
        "notes": notes(found),
        "not_as_recorded": apart_of(found.apart),
        "n_not_as_recorded": len(found.apart),
        "runs": [
            _places(found, row)
            | {name: row.run.value(name) for name in costs}
            | {"params": row.params, "folds": list(row.folds), "test": row.test_scores}
            for row in found.rows
        ],
    }
    return json.dumps(document, indent=2, default=str, allow_nan=False)


def apart_of(apart: Sequence[Apart]) -> list[dict[str, Any]]:
    """Describe runs that are not as they were recorded, for JSON: as many as are shown of anything."""
    return [{"run_id": each.run.run_id, "name": each.run.name, "why": list(each.why)} for each in apart[:MOST_SHOWN]]


def as_csv(found: RunComparison) -> str:
    """Write all rows as CSV; what a spreadsheet would take for a formula gets an apostrophe before it."""
    rows = as_rows(found)
    lines = [list(rows[0]), *(list(row.values()) for row in rows)] if rows else []
    return "".join(",".join(csv_cell(value) for value in line) + "\n" for line in lines)


def as_markdown(found: RunComparison) -> str:
    """Write what the table shows as a pipe table, all of its columns, with the notes below."""
    heads, rows = _cells(found)
    right = [head not in _LEFT for head in heads]
    lines = [heads, ["---:" if is_right else "---" for is_right in right], *rows]
    table = [f"| {' | '.join(in_markdown(cell) for cell in line)} |" for line in lines]
    return "\n".join([*table, "", *(f"{_note_in_markdown(note)}\n" for note in notes(found))]).rstrip() + "\n"


def compared_table(found: RunComparison, *, width: int) -> Table:
    """Rank the runs in a table as wide as the terminal: the last columns are left out if need be."""
    heads, rows = _cells(found)
    rows = [[printable_line(cell) for cell in row] for row in rows]
    widths = [
        max(len(head), *(len(row[place]) for row in rows)) if rows else len(head) for place, head in enumerate(heads)
    ]
    place = heads.index(_PARAMETERS) if _PARAMETERS in heads else None
    if place is not None:
        widths[place] = max(len(_PARAMETERS), *(len(word) for row in rows for word in row[place].split(" ")))
    n_shown = len(heads)
    while n_shown > _FEWEST and sum(widths[:n_shown]) + _GAP * (n_shown - 1) > width:
        n_shown -= 1
    table = plain_table(_title(found))
    for head, least in list(zip(heads, widths, strict=True))[:n_shown]:
        side: JustifyMethod = "left" if head in _LEFT else "right"
        table.add_column(head, justify=side, no_wrap=head != _PARAMETERS, min_width=least, overflow="fold")
    for row in rows:
        table.add_row(*row[:n_shown])
    return table


def notes(found: RunComparison) -> list[str]:
    """Say what must be known to read the table: what is shown, what is tied, how far the best is to be believed.

    A line each, whatever is in the names.
    """
    said = [_how_many(found), *_same(found), _uncertainty(found), *_optimism(found)]
    if found.others:
        n = len(found.others)
        said.append(
            f"Trials of {n} other protocol{'s' * (n > 1)} there do not compare with these: "
            f"`runcard compare {found.others[0][:8]}` shows those of the latest."
        )
    return [printable_line(text) for text in (*said, *_apart(found)) if text]


def _apart(found: RunComparison) -> list[str]:
    """Name the runs that were left out, and why."""
    if not found.apart:
        return []
    n = len(found.apart)
    said = [f"{n} run{'s are' if n > 1 else ' is'} not compared, as MLflow does not have what was recorded:"]
    said += [f"  {each}" for each in found.apart[:_MOST_APART]]
    return [*said, f"  and {n - _MOST_APART:,} more"] if n > _MOST_APART else said


def _places(found: RunComparison, row: ComparedRun) -> dict[str, Any]:
    """Give a run's place and what is known of how sure that is."""
    run, beside = row.run, row.beside
    places: dict[str, Any] = {"rank": row.rank, "run_id": run.run_id, "name": run.name, "experiment": run.experiment}
    places |= {"status": row.status, "model": run.params.get(MODEL_PARAM), found.yardstick.key: row.value}
    if not found.yardstick.has_folds:
        return places
    places["se"] = row.standard_error
    if beside is None:
        return places | dict.fromkeys(("difference", "low", "high", "p", "p_worse", "p_equal", "p_better", "tied"))
    shares = {"p_worse": beside.worse, "p_equal": beside.equal, "p_better": beside.better}
    return places | {
        "difference": beside.difference.mean,
        "low": beside.low,
        "high": beside.high,
        "p": beside.p,
        **shares,
        "tied": beside.is_tied,
    }


def _cells(found: RunComparison) -> tuple[list[str], list[list[str]]]:
    """Give the heads of the columns, the more telling first, and the cells of each row; empty columns are left out."""
    columns = [_column(found, row) for row in found.rows]
    heads = [head for head in (columns[0] if columns else {}) if any(column[head] for column in columns)]
    return heads, [[column[head] for head in heads] for column in columns]


def _column(found: RunComparison, row: ComparedRun) -> dict[str, str]:
    yardstick, run, same = found.yardstick, row.run, found.same_params
    said = same[None] | same.get(run.params.get(MODEL_PARAM), {})
    params = {name: value for name, value in row.params.items() if name not in said}
    own = f"test_{yardstick.metric}"
    costs = (("fit s", "fit_seconds", 2), ("row ms", "predict_ms_p95", 1), ("MB", "model_mb", 2))
    return {
        "rank": _rank(found, row),
        "model": "" if MODEL_PARAM in same[None] else row.model,
        _PARAMETERS: ", ".join(f"{name}={value}" for name, value in params.items()),
        yardstick.metric: _score(row),
        **_beside_cells(row.beside),
        "run": run.run_id[:8],
        own: "" if own == yardstick.key else number(run.value(own)),
        **{head: number(run.value(name), digits) for head, name, digits in costs if name != yardstick.key},
    }


def _rank(found: RunComparison, row: ComparedRun) -> str:
    shown = str(row.rank or (row.status if row.value is None else ""))
    if found.has_baseline and row.run.run_id == found.reference:
        return f"{shown} base".strip()
    return shown + (TIED if row.beside is not None and row.beside.is_tied else "")


def _score(row: ComparedRun) -> str:
    error = row.standard_error
    return number(row.value) + ("" if error is None else f" ± {number(error)}")


def _beside_cells(beside: Beside | None) -> dict[str, str]:
    if beside is None:
        return dict.fromkeys((_DIFFERENCE, _INTERVAL, _SHARES, "p"), "")
    mean, low, high = beside.difference.mean, beside.low, beside.high
    scale = max(abs(low), abs(high))
    shares = "/".join(f"{100 * share:.0f}" for share in (beside.worse, beside.equal, beside.better))
    return {
        _DIFFERENCE: _signed(mean, scale),
        _INTERVAL: f"{_signed(low, scale)} to {_signed(high, scale)}",
        _SHARES: shares,
        "p": "<0.001" if beside.p < 0.001 else f"{beside.p:.3f}",
    }


def _signed(value: float, scale: float) -> str:
    """Write a difference with its sign, as many digits as its interval is worth."""
    return f"{value:+.4f}" if 1e-3 <= scale < 1e6 else f"{value:+.3g}"


def _title(found: RunComparison) -> str:
    yardstick = found.yardstick
    direction = "greater" if yardstick.greater_is_better else "less"
    title = f"{'Trials' if found.card else 'Runs'} by {yardstick.metric} ({direction} is better)"
    if any(len(row.folds) > 1 for row in found.rows):
        title += ": mean ± standard error over the folds"
    elif any(row.folds for row in found.rows):
        title += ": of all folds' rows together"
    elif yardstick.key != yardstick.metric:
        title += ", on the test rows"
    if found.besides:
        title += "; beside " + ("the baseline" if found.has_baseline else "the best")
    return title


def _how_many(found: RunComparison) -> str:
    n_shown = len(found.rows)
    if found.n_runs is None:
        return f"The first {n_shown} are shown, and there are more: `--top N` or `--all` shows them."
    said = f"{n_shown} of {found.n_runs} are shown: `--all` shows all." if n_shown < found.n_runs else ""
    n_without = found.n_runs - (found.n_runs if found.n_ranked is None else found.n_ranked)
    if n_without and found.card:
        why = "they failed, were stopped early, are not done, or it is not defined for them"
        said += f" {n_without} of {found.n_runs} have no score: {why}."
    return said.strip()


def _same(found: RunComparison) -> list[str]:
    said = []
    for model, params in found.same_params.items():
        shown = ", ".join(f"{name}={value}" for name, value in params.items())
        said += [f"{'all' if model is None else model}: {shown}"] if shown else []
    return [f"The same in {'; in '.join(said)}."] if said else []


def _uncertainty(found: RunComparison) -> str:
    if not found.besides:
        why = f"{found.yardstick.metric} was computed once, on the rows of all folds together"
        why = why if any(len(row.folds) == 1 for row in found.rows) else "there are no scores by fold to go by"
        return "" if len(found.rows) < 2 else f"No uncertainty is known: {why}."
    n_tied, n_others = sum(beside.is_tied for beside in found.besides), len(found.besides)
    who = f"{n_tied} of the other {n_others} {'is' if n_tied == 1 else 'are'}"
    if n_others == 1:
        who = f"The other is{'' if n_tied else ' not'}"
    correction = f"Both p and the intervals are corrected for {n_others} comparisons (Holm). " if n_others > 1 else ""
    practical = found.yardstick.practical_difference
    region = (
        f"Up to {practical:g} apart counts as equal." if practical else "No difference counts as too small to matter."
    )
    return (
        f"{who} tied with {'the baseline' if found.has_baseline else 'the best'} ({TIED}): p of the corrected "
        f"resampled t-test on {found.n_folds} folds is {LEVEL} or more, and the interval holds 0. "
        f"{correction}{region}"
    )


def _optimism(found: RunComparison) -> list[str]:
    yardstick, best = found.yardstick, found.best
    if found.card is None or best is None or not yardstick.has_folds:
        return []
    said = []
    n_trials = max(found.n_ranked or len(found.rows), found.n_done)
    if n_trials > 1:
        said.append(f"The score of the best of {n_trials} trials is optimistic: it was picked for it.")
    if found.card.tags.get(N_TEST_TAG) == "0":
        said.append("No rows are kept for the test: there is no other score to judge it by.")
    finalist = next((row for row in found.rows if row.run.value(f"test_{yardstick.metric}") is not None), None)
    if finalist is not None:
        who = "it" if finalist is best and said else f"the finalist on rank {finalist.rank}"
        times = f", which were opened {_times(found.test_openings)}," if found.test_openings else ""
        said.append(f"On the test rows{times} {who} got {number(finalist.run.value(f'test_{yardstick.metric}'))}.")
    return [" ".join(said)] if said else []


def _times(n: int) -> str:
    return {1: "once", 2: "twice"}.get(n, f"{n} times")


def _note_in_markdown(note: str) -> str:
    """Write a note as a paragraph; what is set in is what a name begins, which must not begin a heading or a list."""
    is_name = note.startswith("  ")
    return f"&nbsp;&nbsp;{in_markdown(note.strip())}" if is_name else in_markdown(note).replace("\\`", "`")
