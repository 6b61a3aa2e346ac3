"""`runcard history`."""

from __future__ import annotations

from dataclasses import asdict

import click

from runcard.cli import options
from runcard.cli.answer import Command, answer_json, say, say_all


@click.command("history", cls=Command)
@click.argument("model", metavar="MODEL")
@click.option("--verify", is_flag=True, help="Exit with 3 if the ledger is not as it was written.")
@options.tracking_uri
@options.as_json
@options.naming(options.MODEL)
def command(model: str, verify: bool, tracking_uri: str | None, as_json: bool) -> None:
    """Show what happened to a registered model.

    Every version that was registered and every alias that was moved, by whom, when and why, as the ledger has it:
    the experiment `runcard-ledger` in MLflow. Each event holds the digest of the one before: `--verify` sees one of any
    model that was edited, taken out, put in or moved, and where MODEL is not where the ledger left it.
    """
    from runcard.workflow.promote import read_history, verify_history

    verified = verify_history(model, tracking_uri=tracking_uri, note=say) if verify else None
    found = read_history(model, tracking_uri=tracking_uri, note=say)
    if as_json:
        events = [{"event": entry.event_id, **asdict(entry.promotion)} for entry in found.entries]
        told = {} if verified is None else {"verified": str(verified)}
        answer_json({"model": model, "events": events, "moved_by_hand": list(found.moved), **told})
        return
    from runcard.cli.console import show
    from runcard.report.listings import events_table

    show(events_table(model, [entry.promotion for entry in found.entries]))
    say_all(found.moved)
    if verified is not None:
        say(str(verified))
