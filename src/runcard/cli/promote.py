"""`runcard promote`."""

from __future__ import annotations

import click

from runcard.cli import options
from runcard.cli.answer import Command, answer, say, say_all


@click.command("promote", cls=Command)
@click.argument("model", metavar="MODEL[@ALIAS|/VERSION]")
@click.option("--to", type=click.Choice(["staging", "production"]), required=True, help="The alias to move.")
@click.option("--force", is_flag=True, help="Move it although a gate does not hold; needs --reason.")
@click.option("--reason", metavar="TEXT", default="", help="Why; the ledger keeps it.")
@options.tracking_uri
@options.allow_code
@options.naming(options.VERSIONS)
def command(model: str, to: str, force: bool, reason: str, tracking_uri: str | None, allow_code: bool) -> None:
    """Move an alias to a model version when every gate holds.

    The gates stand in the card under `registry:` and in
    `[tool.runcard.gates]`. When one does not hold, or cannot be judged, nothing is moved and the exit code is 3.
    """
    from runcard.workflow.promote import promote
    from runcard.workflow.promote.promote import gate_lines

    done = promote(model, to=to, force=force, reason=reason, allow_code=allow_code, tracking_uri=tracking_uri, note=say)
    event = done.promotion
    if event is None:
        say(f"{done.version} is `{to}` already")
    else:
        say_all(gate_lines(event.gates).splitlines())
        before = f"{event.model}/{event.previous}" if event.previous else "no version"
        forced = ", by force" if event.is_forced else ""
        say(f"`{to}` moved from {before} to {done.version}{forced}")
    answer(str(done.version))
