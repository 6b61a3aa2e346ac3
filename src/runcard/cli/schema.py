"""`runcard schema`."""

from __future__ import annotations

import json

import click


@click.command("schema")
def command() -> None:
    """Print the JSON Schema of cards, for editors.

    `runcard check --schema CARD` writes it to where the card's `yaml-language-server` line points.
    """
    from runcard.card.schema import card_schema

    click.echo(json.dumps(card_schema(), indent=2))
