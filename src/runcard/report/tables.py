"""Tables for the terminal."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from runcard.catalog.listing import Row
from runcard.comparison import Comparison, Standing
from runcard.printable import printable_line

MAX_ROWS = 20
CHOSEN, UNBEATEN = "*", "°"
"""Marks of a trial in a table: the chosen one; one that no other beats in all that is looked at."""

_LONG = 8


def ranking_table(
    comparison: Comparison, *, width: int, marks: Mapping[str, str] | None = None, limit: int = MAX_ROWS
) -> Table:
    """Rank the trials: the primary metric with its deviation over the folds, the others by their means.

    `marks` are put behind the rank of trials, by their keys; a trial marked as chosen is shown wherever it ranks.
    """
    marks = marks or {}
    first, standings = comparison.metric, comparison.standings
    others = [name for name in _metric_names(standings) if name != first]
    varying = varying_params([s.record.params for s in standings])
    picked = [*standings[:limit], *(s for s in standings[limit:] if CHOSEN in marks.get(s.record.trial_key, ""))]
    rows = [_ranking_row(s, first, others, varying, marks.get(s.record.trial_key, "")) for s in picked]
    is_pooled = all(s.std is None for s in standings)
    over = "of all folds' rows together" if is_pooled else "mean ± standard deviation over the folds"
    table = fitted_table(
        f"Trials by {first}: {over}",
        rows,
        width,
        ["rank", "model", "parameters", first, "fit s", *others],
    )
    if len(standings) > limit:
        table.caption = f"{len(picked)} of {len(standings)} trials; `runcard compare` shows all"
    return table


def test_table(comparison: Comparison, *, width: int, marks: Mapping[str, str]) -> Table:
    """Show the finalists on the test rows; `marks` are put behind the rank of trials, by their keys."""
    finals = [(s, s.final) for s in comparison.standings if s.final is not None]
    names = list(dict.fromkeys(name for _, final in finals for name in final.scores))
    varying = varying_params([s.record.params for s in comparison.standings])
    shown = [comparison.metric, *(name for name in names if name != comparison.metric)] if names else []
    rows = [
        [f"{s.rank or ''}{marks.get(s.record.trial_key, '')}", s.record.model, parameters(s.record.params, varying)]
        + [number(final.scores.get(name)) for name in shown[:1]]
        + [number(final.predict_ms_p95, 1), number(final.model_mb, 2)]
        + [number(final.scores.get(name)) for name in shown[1:]]
        for s, final in finals
    ]
    scored = "refitted on all training rows, scored on the test rows"
    return fitted_table(
        f"Finalists: {scored if names or not finals else 'refitted on all rows; none are kept for the test'}",
        rows,
        width,
        ["rank", "model", "parameters", *shown[:1], "row ms", "MB", *shown[1:]],
    )


def catalog_table(kind: str, rows: Sequence[Row]) -> Table:
    """List what a card can name."""
    table = plain_table(f"{len(rows)} {kind}")
    for name in ("name", "for", "from", "parameters" if kind != "metrics" else "better, needs", "what it is"):
        table.add_column(name, overflow="fold", no_wrap=name in ("name", "for", "from"))
    for row in rows:
        table.add_row(row.name, ", ".join(row.tasks), row.package, ", ".join(row.parameters), row.description)
    return table


def number(value: float | None, digits: int = 4) -> str:
    """Write a number for a table: plainly, or in powers of ten where that would say nothing."""
    if value is None:
        return ""
    return f"{value:.{digits}f}" if value == 0 or 1e-3 <= abs(value) < 1e6 else f"{value:.3g}"


def parameters(params: Mapping[str, Any], names: Sequence[str] | None = None) -> str:
    """Write hyperparameters as a card would."""
    shown = params if names is None else {name: value for name, value in params.items() if name in names}
    return ", ".join(f"{name}={_value(value)}" for name, value in shown.items())


def _value(value: Any) -> str:
    if isinstance(value, float) and len(repr(value)) > _LONG:
        return f"{value:.5g}"  # sampled; all of its digits stand in MLflow
    return value if isinstance(value, str) else json.dumps(value)


def varying_params(all_params: Sequence[Mapping[str, Any]]) -> list[str]:
    """Name the hyperparameters that tell trials apart; all of them where there is one trial."""
    values: dict[str, set[str]] = {}
    for params in all_params:
        for name, value in params.items():
            values.setdefault(name, set()).add(repr(value))
    return [name for name, found in values.items() if len(found) > 1 or len(all_params) == 1]


def _metric_names(standings: Sequence[Standing]) -> list[str]:
    return list(dict.fromkeys(name for standing in standings for name in standing.record.scores))


def _ranking_row(standing: Standing, first: str, others: Sequence[str], varying: Sequence[str], mark: str) -> list[str]:
    record = standing.record
    head = [f"{standing.rank or record.status}{mark}", record.model, parameters(record.params, varying)]
    if standing.rank is None or not record.scores:
        return head
    seconds = sum(record.fit_seconds) / len(record.fit_seconds)
    mean = number(standing.mean) + ("" if standing.std is None else f" ± {number(standing.std)}")
    return [*head, mean, number(seconds, 2), *(number(record.mean(name)) for name in others)]


def fitted_table(title: str, rows: Sequence[Sequence[str]], width: int, heads: Sequence[str]) -> Table:
    """Make a table that fits: numbers whole, parameters folded, the last columns left out if need be."""
    words = [word for row in rows for word in row[_PARAMETERS].split(" ")]
    columns = list(zip(*(list(row) + [""] * (len(heads) - len(row)) for row in rows), strict=True))
    widths = [max([len(head), *map(len, cells)]) for head, cells in zip(heads, columns, strict=False)]
    widths = widths or [len(head) for head in heads]
    widths[_PARAMETERS] = max([len(heads[_PARAMETERS]), *map(len, words)])
    n_shown = len(heads)
    while n_shown > _FEWEST and sum(widths[:n_shown]) + _GAP * (n_shown - 1) > width:
        n_shown -= 1
    table = plain_table(title)
    for place, head in enumerate(heads[:n_shown]):
        left = head in ("", "model", "parameters", "run", "trial", "what")
        folded = place == _PARAMETERS
        table.add_column(
            head,
            justify="left" if left else "right",
            no_wrap=not folded,
            min_width=widths[place],
            overflow="fold",
        )
    for row in rows:
        table.add_row(*row[:n_shown])
    return table


_PARAMETERS = 2
_FEWEST = 4
_GAP = 2


class PlainTable(Table):
    """A table whose cells show texts as they are: no markup, and a line feed in a name is no new line."""

    def add_column(self, header: RenderableType = "", *footer: Any, **how: Any) -> None:
        """Add a column."""
        shown = Text(printable_line(header)) if isinstance(header, str) else header
        super().add_column(shown, *footer, **how)

    def add_row(self, *cells: RenderableType | None, **how: Any) -> None:
        """Add a row."""
        super().add_row(*(Text(printable_line(cell)) if isinstance(cell, str) else cell for cell in cells), **how)


def plain_table(title: str | None = None) -> PlainTable:
    """Make a table without lines."""
    return PlainTable(
        title=None if title is None else printable_line(title),
        title_justify="left",
        title_style="bold",
        box=None,
        pad_edge=False,
        padding=(0, _GAP, 0, 0),
        collapse_padding=True,
        header_style="bold",
        caption_justify="left",
    )
