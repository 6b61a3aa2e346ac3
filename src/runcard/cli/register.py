"""`runcard register`."""

from __future__ import annotations

import click

from runcard.cli import options
from runcard.cli.answer import Command, answer, say


@click.command("register", cls=Command)
@click.argument("name", metavar="[RUN|CARD]", required=False)
@options.tracking_uri
def command(name: str | None, tracking_uri: str | None) -> None:
    """Make a version of a registered model from a decision.

    RUN is the id of a finalist's or a card's run; CARD a card or experiment, whose latest run is meant. Without
    either, the project's only card is. Of a card the trial that was decided upon is taken, else the best one.
    A run is registered once: the second time its version is named again.
    """
    from runcard.workflow.promote import register

    found = register(name, tracking_uri=tracking_uri, note=say)
    if not found.is_new:
        say(f"{found.version} was made of this run already")
    answer(str(found.version))
