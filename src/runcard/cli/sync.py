"""`runcard sync`."""

from __future__ import annotations

import click

from runcard import errors
from runcard.cli import options


@click.command("sync")
@options.tracking_uri
def command(tracking_uri: str | None) -> None:
    """Deliver to MLflow what it has not been told yet.

    Needed only when MLflow was away at the end of a run; the next run does it too.
    Nothing is delivered twice.
    """
    from runcard.project import find_project
    from runcard.workflow.sync import sync

    report = sync(find_project().with_settings(tracking_uri=tracking_uri))
    if report.error is not None:
        click.echo(str(report.error), err=True)
    if report.left:
        click.echo(f"{report.delivered} delivered, {report.left} left.")
        raise click.exceptions.Exit(errors.EXIT_ERROR)
    click.echo(f"{report.delivered} delivered; MLflow has everything.")
