"""Reports that list things: names for a card, locked datasets, events of a registered model."""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter

from runcard.catalog.listing import Row
from runcard.data.locked import Locked
from runcard.promotion import Promotion
from runcard.report.blocks import Cell, Column, ReportTable, Text

_GOOD = ("as locked", "kept", "not kept")


def catalog_table(kind: str, rows: Sequence[Row]) -> ReportTable[Row]:
    """List the names that a card can use."""
    about = "parameters" if kind != "metrics" else "better, needs"
    columns = [
        Column[Row]("name", attrgetter("name")),
        Column("tasks", attrgetter("tasks"), "for", lambda row: ", ".join(row.tasks)),
        Column("package", attrgetter("package"), "from"),
        Column("parameters", attrgetter("parameters"), about, lambda row: ", ".join(row.parameters), folds=True),
        Column("description", attrgetter("description"), "what it is", folds=True),
    ]
    return ReportTable(columns, rows, f"{len(rows)} {kind}")


def datasets_table(rows: Sequence[tuple[Locked, bool]]) -> ReportTable[tuple[Locked, bool]]:
    """List the locked datasets, each with whether its content is kept."""
    columns = [
        Column[tuple[Locked, bool]]("name", lambda row: row[0].name, folds=True),
        Column("rows", lambda row: row[0].content.n_rows, is_number=True),
        Column("columns", lambda row: len(row[0].content.columns), is_number=True),
        Column("fingerprint", lambda row: row[0].content.digest, shown=lambda row: row[0].content.digest[:12]),
        Column("locked", lambda row: f"{row[0].locked:%Y-%m-%d %H:%M}"),
        Column("kept", lambda row: row[1], shown=lambda row: "yes" if row[1] else "no"),
        Column("DVC", lambda row: row[0].dvc.md5[:8] if row[0].dvc else ""),
        Column("why updated", lambda row: row[0].reason, folds=True),
    ]
    return ReportTable(columns, rows, f"{len(rows)} locked")


def verdicts_table(
    rows: Sequence[tuple[str, str, str, Sequence[str]]],
) -> ReportTable[tuple[str, str, str, Sequence[str]]]:
    """List locked names with what exists, what is kept, and what is wrong."""
    columns = [
        Column[tuple[str, str, str, Sequence[str]]]("name", lambda row: row[0], folds=True),
        Column("data", lambda row: row[1], shown=lambda row: _judged(row[1])),
        Column("kept content", lambda row: row[2], shown=lambda row: _judged(row[2])),
        Column("what is wrong", lambda row: tuple(row[3]), folds=True),
    ]
    return ReportTable(columns, rows, f"{len(rows)} locked")


def events_table(model: str, events: Sequence[Promotion]) -> ReportTable[tuple[int, Promotion]]:
    """List the events of a registered model, oldest first."""
    columns = [
        Column[tuple[int, Promotion]]("number", lambda row: row[0], ""),
        Column("when, UTC", lambda row: row[1].at[:19].replace("T", " ")),
        Column("who", lambda row: row[1].who, folds=True),
        Column("what", lambda row: f"{row[1].kind} {row[1].alias or ''}".strip(), folds=True),
        Column("from", lambda row: _before(row[1]), folds=True),
        Column("to", lambda row: str(row[1].version or ""), folds=True),
        Column("gates", lambda row: _gates(row[1]), folds=True),
        Column("reason", lambda row: row[1].reason, folds=True),
    ]
    return ReportTable(columns, list(enumerate(events, start=1)), f"{len(events)} events of {model}")


def _judged(word: str) -> Cell:
    return word if word in _GOOD else Text((word, "bad"))


def _before(event: Promotion) -> str:
    return str(event.previous or "") if event.alias else event.decision.get("chosen_as", "")


def _gates(event: Promotion) -> str:
    not_held = [f"{gate.name} {gate.verdict}" for gate in event.gates if gate.verdict != "passed"]
    if not_held:
        return f"forced: {', '.join(not_held)}"
    return f"{len(event.gates)} passed" if event.gates else ""
