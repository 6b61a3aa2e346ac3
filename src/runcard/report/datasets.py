"""Tables of datasets that are locked."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table
from rich.text import Text

from runcard.data.locked import Locked
from runcard.printable import printable_line
from runcard.report.tables import plain_table

_GOOD = ("as locked", "kept", "not kept")


def datasets_table(rows: Sequence[tuple[Locked, bool]]) -> Table:
    """List what is locked, each with whether its content is kept."""
    table = plain_table(f"{len(rows)} locked")
    for name in ("name", "rows", "columns", "fingerprint", "locked", "kept", "DVC", "why updated"):
        table.add_column(
            name,
            justify="right" if name in ("rows", "columns") else "left",
            overflow="fold",
            no_wrap=name not in ("name", "why updated"),
        )
    for locked, is_kept in rows:
        content = locked.content
        table.add_row(
            locked.name,
            f"{content.n_rows:,}",
            f"{len(content.columns):,}",
            content.digest[:12],
            f"{locked.locked:%Y-%m-%d %H:%M}",
            "yes" if is_kept else "no",
            locked.dvc.md5[:8] if locked.dvc else "",
            locked.reason,
        )
    return table


def verdicts_table(rows: Sequence[tuple[str, str, str, Sequence[str]]]) -> Table:
    """List names with what is there, what is kept, and what is wrong."""
    table = plain_table(f"{len(rows)} locked")
    for name in ("name", "data", "kept content", "what is wrong"):
        table.add_column(name, overflow="fold", no_wrap=name in ("data", "kept content"))
    for name, tree, store, problems in rows:
        words = [Text(word, style="" if word in _GOOD else "bold red") for word in (tree, store)]
        table.add_row(name, *words, Text("\n".join(map(printable_line, problems))))
    return table
