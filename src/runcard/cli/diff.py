"""`runcard diff`."""

from __future__ import annotations

import click

from runcard.cli import options
from runcard.cli.answer import Command, answer_json


@click.command("diff", cls=Command)
@click.argument("first", metavar="CARD|EXPERIMENT|RUN|VERSION")
@click.argument("second", metavar="CARD|EXPERIMENT|RUN|VERSION")
@options.tracking_uri
@options.as_json
@options.naming(options.RUNS)
def command(first: str, second: str, tracking_uri: str | None, as_json: bool) -> None:
    """Show what two runs do not have in common: what they are made of, part by part, and what came out.

    Of a card or an experiment its latest card's run is meant. Of runs that runcard did not make, parameters, metrics
    and tags are compared.
    """
    from runcard.workflow.replay import diff_runs

    found = diff_runs(first, second, tracking_uri=tracking_uri)
    if as_json:
        answer_json(found.as_dict())
        return
    from runcard.cli.console import show
    from runcard.report.replay import diff_report

    show(*diff_report(found))
