"""`runcard check`."""

from __future__ import annotations

import json
from pathlib import Path

import click

from runcard import errors
from runcard.cli import options
from runcard.cli.answer import Command, answer_json, say


@click.command("check", cls=Command)
@options.card
@click.option("--schema", is_flag=True, help="Also write the JSON Schema where the card's editor line points.")
@options.as_json
def command(card: str, schema: bool, as_json: bool) -> None:
    """Check CARD and its data, and print the plan; nothing is fitted.

    Shown are the task, the columns and their types, the split and the folds, the balance of the classes, and
    how many trials and fits there will be.
    """
    from runcard.card import find_card, load_card

    path = find_card(card)
    if schema:
        _write_schema(path)
    found = load_card(path)

    from runcard.cli.console import show
    from runcard.report.blocks import Text
    from runcard.report.plan import plan_report
    from runcard.tabular.shown import columns_table
    from runcard.tabular.work import tabular
    from runcard.workflow.resolve import resolve

    resolved = resolve(found)
    if as_json:
        answer_json(resolved.plan.as_dict())
    else:
        show(*plan_report(resolved.plan), Text(), columns_table(tabular(resolved.plan), resolved.table.frame))


def _write_schema(card: Path) -> None:
    from runcard.card.schema import card_schema, schema_path

    path = schema_path(card)
    if path is None:
        raise errors.UsageError(
            "the schema is not written",
            where=str(card),
            why="the card's `yaml-language-server` line points to a URL",
            hint="point it to a file: `# yaml-language-server: $schema=runcard.schema.json`",
        )
    path.write_text(json.dumps(card_schema(), indent=2) + "\n", encoding="utf-8")
    say(f"Wrote {path}")
