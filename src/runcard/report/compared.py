"""The report of a comparison: the ranked table, remarks on it, and both as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from runcard.comparison import LEVEL
from runcard.errors import MOST_SHOWN
from runcard.printable import printable_line
from runcard.report.blocks import Block, Excerpt, ReportTable, Text, plain_text
from runcard.report.cells import as_records
from runcard.report.ranked import COSTS, RankedRow, ranked_table, say_same_params
from runcard.report.wording import format_number, times
from runcard.tags import N_TEST_TAG
from runcard.tracking.ranking import MODEL_PARAM, Apart, ComparedRun, RunComparison

TIED = "≈"
_MOST_APART = 10


def comparison_report(found: RunComparison) -> list[Block]:
    """Show the ranked runs, and the remarks needed to read the table."""
    return [comparison_table(found), *notes(found)]


def comparison_table(found: RunComparison) -> ReportTable[RankedRow]:
    """Rank the runs in a table."""
    what, reference = "Trials" if found.card else "Runs", "the baseline" if found.has_baseline else "the best"
    return ranked_table(_rows(found), found.yardstick, what=what, reference=reference)


def comparison_json(found: RunComparison) -> str:
    """Write the comparison as one JSON document."""
    yardstick = found.yardstick
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
        "notes": [line for note in notes(found) for line in _lines(note)],
        "not_as_recorded": apart_of(found.apart),
        "n_not_as_recorded": len(found.apart),
        "runs": as_records(comparison_table(found)),
    }
    return json.dumps(document, indent=2, default=str, allow_nan=False)


def apart_of(apart: Sequence[Apart]) -> list[dict[str, Any]]:
    """Describe runs that differ from their records, for JSON, up to the number of rows that are shown."""
    return [{"run_id": each.run.run_id, "name": each.run.name, "why": list(each.why)} for each in apart[:MOST_SHOWN]]


def _lines(note: Text | Excerpt) -> list[str]:
    lines = note.lines if isinstance(note, Excerpt) else [plain_text(note)]
    return [printable_line(line) for line in lines]


def notes(found: RunComparison) -> list[Text | Excerpt]:
    """Say what is shown, which runs are tied, how optimistic the best is, and what is not compared."""
    said = [_how_many(found), _without_score(found), say_same_params(_rows(found))]
    said += [_uncertainty(found), _optimism(found), _others(found)]
    return [*(each if isinstance(each, Text) else Text(each) for each in said if each), *_apart(found)]


def _others(found: RunComparison) -> Text | None:
    if not found.others:
        return None
    n = len(found.others)
    return Text(
        f"Trials of {n} other protocol{'s' * (n > 1)} there do not compare with these: ",
        (f"`runcard compare {found.others[0][:8]}`", "code"),
        " shows those of the latest.",
    )


def _apart(found: RunComparison) -> list[Text | Excerpt]:
    """Name the runs that were left out, with the reasons."""
    n = len(found.apart)
    if not n:
        return []
    more = [f"  and {n - _MOST_APART:,} more"] if n > _MOST_APART else []
    return [
        Text(f"{n} run{'s are' if n > 1 else ' is'} not compared, as MLflow does not have what was recorded:"),
        Excerpt([*(f"  {each}" for each in found.apart[:_MOST_APART]), *more]),
    ]


def _rows(found: RunComparison) -> list[RankedRow]:
    return [_row(found, row) for row in found.rows]


def _row(found: RunComparison, row: ComparedRun) -> RankedRow:
    run = row.run
    is_tied = row.beside is not None and row.beside.is_tied
    return RankedRow(
        row.rank,
        row.status,
        run.params.get(MODEL_PARAM),
        row.params,
        row.value,
        row.folds,
        {name: run.value(name) for name in COSTS},
        row.test_scores,
        " base" if found.has_baseline and run.run_id == found.reference else TIED if is_tied else "",
        row.beside,
        run.run_id,
        run.name,
        run.experiment,
    )


def _how_many(found: RunComparison) -> Text | None:
    n_shown = len(found.rows)
    if found.n_runs is None:
        more = f"The first {n_shown} are shown, and there are more: "
        return Text(more, ("`--top N`", "code"), " or ", ("`--all`", "code"), " shows them.")
    if n_shown == found.n_runs:
        return None
    return Text(f"{n_shown} of {found.n_runs} are shown: ", ("`--all`", "code"), " shows all.")


def _without_score(found: RunComparison) -> str:
    if found.n_runs is None or found.n_ranked in (None, found.n_runs) or not found.card:
        return ""
    why = "they failed, were stopped early, are not done, or it is not defined for them"
    return f"{found.n_runs - found.n_ranked} of {found.n_runs} have no score: {why}."


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


def _optimism(found: RunComparison) -> str:
    yardstick, best = found.yardstick, found.best
    if found.card is None or best is None or not yardstick.has_folds:
        return ""
    said = []
    n_trials = max(found.n_ranked or len(found.rows), found.n_done)
    if n_trials > 1:
        said.append(f"The score of the best of {n_trials} trials is optimistic: it was picked for it.")
    if found.card.tags.get(N_TEST_TAG) == "0":
        said.append("No rows are kept for the test: there is no other score to judge it by.")
    finalist = next((row for row in found.rows if row.run.value(f"test_{yardstick.metric}") is not None), None)
    if finalist is not None:
        who = "it" if finalist is best and said else f"the finalist on rank {finalist.rank}"
        opened = f", which were opened {times(found.test_openings)}," if found.test_openings else ""
        said.append(
            f"On the test rows{opened} {who} got {format_number(finalist.run.value(f'test_{yardstick.metric}'))}."
        )
    return " ".join(said)
