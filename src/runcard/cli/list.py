"""`runcard list`."""

from __future__ import annotations

from dataclasses import asdict

import click

from runcard.cli import options
from runcard.cli.answer import Command, answer_json

KINDS = ("models", "metrics", "datasets", "features")


@click.command("list", cls=Command)
@click.argument("kind", type=click.Choice(KINDS))
@options.as_json
def command(kind: str, as_json: bool) -> None:
    """List what a card can name: models, metrics, datasets or features.

    What the project registers in the modules of `[tool.runcard] modules` is listed with what runcard brings.
    """
    from runcard.catalog import listing
    from runcard.catalog.registered import collect
    from runcard.project import find_project, import_modules

    catalog = collect(import_modules(find_project()))
    makers = {
        "models": listing.list_models,
        "metrics": listing.list_metrics,
        "datasets": listing.list_datasets,
        "features": listing.list_features,
    }
    rows = makers[kind](catalog)
    if as_json:
        answer_json([asdict(row) for row in rows])
        return
    from runcard.cli.console import show
    from runcard.report.listings import catalog_table

    show(catalog_table(kind, rows))
