"""`runcard register`."""

from __future__ import annotations

import click

from runcard.cli import options
from runcard.cli.answer import Command, answer, say


@click.command("register", cls=Command)
@click.argument("name", metavar="[CARD|EXPERIMENT|RUN]", required=False)
@options.tracking_uri
@options.naming(options.RUNS)
def command(name: str | None, tracking_uri: str | None) -> None:
    """Make a version of a registered model from a decision.

    Of a card or an experiment its latest card's run is meant, and of a card's run its chosen trial, else its best
    finalist; without a name, the project's only card is. A run is registered once: the second time its version is named
    again.
    """
    from runcard.workflow.promote import register

    found = register(name, tracking_uri=tracking_uri, note=say)
    if not found.is_new:
        say(f"{found.version} was made of this run already")
    answer(str(found.version))
