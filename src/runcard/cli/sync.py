"""`runcard sync`."""

from __future__ import annotations

import shlex

import click

from runcard import errors
from runcard.cli import options
from runcard.cli.answer import Command, answer, say_error


@click.command("sync", cls=Command)
@options.tracking_uri
def command(tracking_uri: str | None) -> None:
    """Deliver to MLflow what it has not been told yet.

    Needed only when MLflow was away at the end of a run; the next run does it too.
    Nothing is delivered twice. What waits for another address is counted, and the exit code is 1 until nothing waits.
    """
    from runcard.project import find_project
    from runcard.redact import redact
    from runcard.workflow.run.sync import sync

    project = find_project().with_settings(tracking_uri=tracking_uri)
    report = sync(project)
    if report.error is not None:
        say_error(report.error)
    if report.left:
        answer(f"{report.delivered} delivered, {report.left} left.")
    elif report.elsewhere:
        answer(f"{report.delivered} delivered; {redact(project.tracking_uri)} has everything that was meant for it.")
    else:
        answer(f"{report.delivered} delivered; MLflow has everything.")
    for uri, n_waiting in report.elsewhere.items():
        answer(f"{n_waiting} wait for {uri}: runcard sync --tracking-uri {shlex.quote(uri)}")
    if report.left or report.elsewhere:
        raise click.exceptions.Exit(errors.EXIT_ERROR)
