"""The report of an audit: the items by group, each with its evidence."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from operator import itemgetter

from runcard.audit import Audit, Item
from runcard.report.blocks import Block, Cell, Column, ReportTable, Text, Tone

_MARKS: dict[str, tuple[str, Tone]] = {
    "passed": ("✓", "good"),
    "failed": ("✗", "bad"),
    "not applicable": ("–", "faint"),
}


def audit_report(audit: Audit) -> list[Block]:
    """List the items with their verdicts, and below a failed one how to fix it."""
    counts = ", ".join(f"{audit.count(verdict)} {verdict}" for verdict in _MARKS)
    title = f"Audit of {audit.name} ({audit.run_id[:8]}) in {audit.experiment}"
    columns = [
        Column("verdict", itemgetter(0), ""),
        Column("item", itemgetter(1)),
        Column("evidence", itemgetter(2), folds=True),
    ]
    return [
        ReportTable(columns, list(_rows(audit)), title),
        Text(f"{audit.n_held} of {len(audit.items)} hold: {counts}"),
    ]


def _rows(audit: Audit) -> Iterator[tuple[Cell, Cell, Cell]]:
    for group, items in groupby(audit.items, lambda item: item.group):
        yield "", Text((group, "strong")), ""
        for item in items:
            yield Text(_MARKS[item.finding.verdict]), item.name, _evidence(item)


def _evidence(item: Item) -> Cell:
    found = item.finding
    return (found.evidence, Text(("mend: ", "strong"), found.mend)) if found.mend else found.evidence
