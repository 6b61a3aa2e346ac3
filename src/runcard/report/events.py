"""The history of a registered model for the terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table

from runcard.promotion import Promotion
from runcard.report.tables import plain_table


def events_table(model: str, events: Sequence[Promotion]) -> Table:
    """List events, the oldest first."""
    table = plain_table(f"{len(events)} events of {model}")
    for name in ("", "when, UTC", "who", "what", "from", "to", "gates", "reason"):
        table.add_column(name, overflow="fold", no_wrap=name in ("", "when, UTC"))
    for number, event in enumerate(events, start=1):
        what = f"{event.kind} {event.alias}" if event.alias else event.kind
        before = str(event.previous or "") if event.alias else str(event.decision.get("chosen_as", ""))
        when = event.at[:19].replace("T", " ")
        table.add_row(str(number), when, event.who, what, before, str(event.version or ""), _gates(event), event.reason)
    return table


def _gates(event: Promotion) -> str:
    not_held = [f"{gate.name} {gate.verdict}" for gate in event.gates if gate.verdict != "passed"]
    if not_held:
        return f"forced: {', '.join(not_held)}"
    return f"{len(event.gates)} passed" if event.gates else ""
