"""An audit for the terminal."""

from __future__ import annotations

from rich.table import Table
from rich.text import Text

from runcard.audit import Audit, Item
from runcard.printable import printable_line
from runcard.report.tables import plain_table

_MARKS = {"passed": ("✓", "green"), "failed": ("✗", "red"), "not applicable": ("–", "dim")}


def audit_table(audit: Audit) -> Table:
    """List the items by group, each with its evidence; below one that failed, what mends it."""
    table = plain_table(f"Audit of {audit.name} ({audit.run_id[:8]}) in {audit.experiment}")
    table.add_column("")
    table.add_column("item", no_wrap=True)
    table.add_column("evidence", overflow="fold")
    group = ""
    for item in audit.items:
        if item.group != group:
            group = item.group
            table.add_row("", Text(group, style="bold"), "")
        mark, style = _MARKS[item.finding.verdict]
        table.add_row(Text(mark, style=style), Text(item.name), _evidence(item))
    return table


def audit_summary(audit: Audit) -> str:
    """Count the verdicts in one line."""
    counts = [f"{audit.count(verdict)} {verdict}" for verdict in _MARKS]
    return f"{audit.n_held} of {len(audit.items)} hold: {', '.join(counts)}"


def _evidence(item: Item) -> Text:
    text = Text(printable_line(item.finding.evidence))
    if item.finding.mend:
        text.append("\nmend: ", style="bold").append(printable_line(item.finding.mend))
    return text
