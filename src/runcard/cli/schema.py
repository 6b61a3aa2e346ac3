"""`runcard schema`."""

from __future__ import annotations

import click

from runcard.cli.answer import Command, answer_json


@click.command("schema", cls=Command)
def command() -> None:
    """Print the JSON Schema of cards, for editors.

    `runcard check --schema CARD` writes it to where the card's `yaml-language-server` line points.
    """
    from runcard.card.schema import card_schema

    answer_json(card_schema())
