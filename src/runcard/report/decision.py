"""The report of a decision: what was chosen and why, and what was not."""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter

from runcard.decision import Candidate, Decision, Rejection, format_measure
from runcard.report.blocks import Block, Column, Facts, ReportTable, Text
from runcard.report.ranked import CHOSEN, UNBEATEN
from runcard.report.wording import format_number, times

NO_TEST_ROWS = "none: the card keeps no rows for the test, so the score is the one that it was chosen by"
MAX_NAMED = 3
MAX_PARETO = 12


def decision_report(decision: Decision, *, advice: str = "") -> list[Block]:
    """Show what was chosen and why, and what was not.

    `advice` is what to do about a winner without a test score.
    """
    return [Facts(_facts(decision, advice), f"Decision by {decision.metric}, rule {decision.choice.rule}")]


def pareto_report(decision: Decision) -> list[Block]:
    """Show the candidates of the Pareto front, if there are several."""
    return [Text(), _pareto_table(decision)] if len(decision.pareto) > 1 else []


def legend(decision: Decision) -> str:
    """Explain the marks of a table."""
    words = [f"{CHOSEN} chosen"] if decision.winner else []
    if len(decision.pareto) > 1:
        words.append(f"{UNBEATEN} beaten by no other in {', '.join(decision.directions)} together")
    return "; ".join(words)


def marks_of(decision: Decision | None) -> dict[str, str]:
    """Mark trials in a table: the chosen one, and those on the Pareto front."""
    if decision is None:
        return {}
    marks = {decision.winner.id: CHOSEN} if decision.winner else {}
    for candidate in decision.pareto if len(decision.pareto) > 1 else ():
        marks[candidate.id] = marks.get(candidate.id, "") + UNBEATEN
    return marks


def _facts(decision: Decision, advice: str) -> list[tuple[str, str]]:
    """List the facts that a person should know, the most important first."""
    facts = [
        ("chosen", _named(decision.winner, decision.metric) if decision.winner else "none: no candidate qualifies")
    ]
    if decision.winner:
        facts += [("why", decision.why), ("test", _test(decision) or advice)]
    if decision.best and decision.winner and decision.best.id != decision.winner.id:
        facts.append(("best", _named(decision.best, decision.metric)))
    if decision.failed:
        facts.append(("failed", _failed(decision)))
    if decision.runner_up:
        facts.append(("runner-up", f"{decision.runner_up.label}: {decision.why_not}"))
    facts += [("constraint", _rejected(rejection, decision)) for rejection in decision.rejections]
    if decision.winner:
        facts.append(("ties", _ties(decision)))
    facts.append(("compared", _compared(decision)))
    return [(name, text) for name, text in facts if text]


def _failed(decision: Decision) -> str:
    said = [f"{found.candidate.label}: {found.reason}" for found in decision.failed[:MAX_NAMED]]
    rest = len(decision.failed) - MAX_NAMED
    return "; ".join(said) + (f"; and {rest:,} more" if rest > 0 else "")


def _named(candidate: Candidate, metric: str) -> str:
    return f"{candidate.label}: {metric} {format_number(candidate.value)}"


def _test(decision: Decision) -> str:
    if not decision.has_test_rows:
        return NO_TEST_ROWS
    if decision.test is None:
        return ""
    n_openings = decision.test.n_openings
    opened = "" if n_openings is None else f"; these test rows were opened {times(n_openings)} so far"
    copies = f"; {decision.test.copies}" if decision.test.copies and str(decision.test.copies) else ""
    return (
        f"{decision.metric} {format_number(decision.test.score)} on the test rows, the number to report{opened}{copies}"
    )


def _rejected(rejection: Rejection, decision: Decision) -> str:
    n_rejected = len(rejection.broken) + len(rejection.unrecorded)
    if n_rejected == 0:
        return f"{rejection.constraint} rejected none"
    text = f"{rejection.constraint} rejected {n_rejected:,} of {decision.n_compared:,}"
    if rejection.broken:
        name = rejection.constraint.name
        first = rejection.broken[0]
        text += f"; the best of them: {_named(first, decision.metric)}"
        text += "" if name == decision.metric else f", {name} {format_measure(first.measures[name])}"
    if rejection.unrecorded:
        text += f"; of {len(rejection.unrecorded):,} it was not recorded: {_some(rejection.unrecorded)}"
    return text


def _ties(decision: Decision) -> str:
    n_others = decision.n_qualifying - len(decision.failed) - 1
    if n_others < 1:
        return ""
    if decision.ties is None:
        return "unknown: there are no scores fold by fold"
    if not decision.ties:
        return f"none: all {n_others:,} others differ from it by more than chance"
    text = f"{len(decision.ties):,} of {n_others:,} others may differ from it by chance alone (corrected t, Holm, 5%)"
    text += f": {_some([tie.candidate for tie in decision.ties])}"
    if practical := decision.choice.practical_difference:
        n_equal = sum(tie.p_equal >= 0.95 for tie in decision.ties)
        text += f"; {n_equal:,} of them lie within {practical:g} of it with 95% certainty"
    return text


def _compared(decision: Decision) -> str:
    left = ", ".join(f"{n:,} {word}" for word, n in decision.left_out.items())
    text = f"{decision.n_compared:,}" + (f", {left}" if left else "")
    return f"{text}; {decision.optimism}" if decision.optimism else text


def _some(candidates: Sequence[Candidate]) -> str:
    named, rest = "; ".join(candidate.label for candidate in candidates[:MAX_NAMED]), len(candidates) - MAX_NAMED
    return f"{named}; and {rest:,} more" if rest > 0 else named


def _pareto_table(decision: Decision) -> ReportTable[Candidate]:
    first = decision.pareto[0]
    columns = [
        Column[Candidate]("chosen", lambda row: row == decision.winner, "", lambda row: _mark(row, decision)),
        Column("id", lambda row: row.run_id or row.id, "run" if first.run_id else "trial", _short_id),
        Column("what", attrgetter("label"), folds=True),
        *(_measure(name) for name in decision.directions),
    ]
    title, n = "Pareto view: beaten by no other in all of these together", len(decision.pareto)
    caption = f"{MAX_PARETO} of {n:,}; decision.json has all" if n > MAX_PARETO else ""
    return ReportTable(columns, decision.pareto[:MAX_PARETO], title, caption, fewest=4)


def _mark(candidate: Candidate, decision: Decision) -> str:
    return CHOSEN if candidate == decision.winner else ""


def _short_id(candidate: Candidate) -> str:
    return (candidate.run_id or candidate.id)[:8]


def _measure(name: str) -> Column[Candidate]:
    return Column(name, lambda row: row.measures.get(name), is_number=True)
