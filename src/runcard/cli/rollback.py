"""`runcard rollback`."""

from __future__ import annotations

import click

from runcard.cli import options
from runcard.cli.answer import Command, answer, say


@click.command("rollback", cls=Command)
@click.argument("model", metavar="MODEL")
@click.option("--to", type=click.IntRange(1), metavar="VERSION", help="An earlier holder; default: the previous one.")
@click.option("--reason", metavar="TEXT", default="", help="Why; the ledger keeps it.")
@options.tracking_uri
@options.naming(options.MODEL)
def command(model: str, to: int | None, reason: str, tracking_uri: str | None) -> None:
    """Return production to the version that held it before.

    Only that its files are what was saved is verified. It is an event in the ledger, as a promotion is.
    """
    from runcard.workflow.promote import rollback

    done = rollback(model, to=to, reason=reason, tracking_uri=tracking_uri, note=say)
    event = done.promotion
    if event is None:
        say(f"{done.version} is `production` already")
    else:
        before = f"{event.model}/{event.previous}" if event.previous else "no version"
        say(f"`production` moved back from {before} to {done.version}")
    answer(str(done.version))
