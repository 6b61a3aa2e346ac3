"""`runcard diff`."""

from __future__ import annotations

import click

from runcard.cli import options
from runcard.cli.answer import Command, answer_json


@click.command("diff", cls=Command)
@click.argument("first", metavar="RUN")
@click.argument("second", metavar="RUN")
@options.tracking_uri
@options.as_json
def command(first: str, second: str, tracking_uri: str | None, as_json: bool) -> None:
    """Show what two runs do not have in common: what they are made of, part by part, and what came out.

    RUN is the run of a trial or of a card, by its id, the first six digits of it or more, or its name; or a version
    of a registered model. Of runs that runcard did not make, parameters, metrics and tags are compared.
    """
    from runcard.workflow.replay import diff_runs

    found = diff_runs(first, second, tracking_uri=tracking_uri)
    if as_json:
        answer_json(found.as_dict())
        return
    from runcard.cli.console import show
    from runcard.report.replay import diff_report

    show(*diff_report(found))
