"""`runcard serve`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from runcard.cli import options
from runcard.cli.answer import Command, answer, say

if TYPE_CHECKING:
    from runcard.workflow.models.serve import ServedModel


@click.command("serve", cls=Command)
@click.argument("model", metavar="MODEL[@ALIAS|/VERSION]")
@click.option("--host", default="127.0.0.1", show_default=True, help="Who may ask; the default: this machine only.")
@click.option("--port", type=click.IntRange(1, 65535), default=5001, show_default=True)
@options.tracking_uri
@options.allow_code
@options.naming(options.VERSIONS)
def command(model: str, host: str, port: int, tracking_uri: str | None, allow_code: bool) -> None:
    """Answer requests with a registered model until Ctrl-C.

    It is MLflow's scoring server, in this process and with the packages that are here. It asks for no password:
    a host other than this machine is for networks that you trust.
    """
    from runcard.project import find_project
    from runcard.workflow.models.serve import serve_model

    project = find_project().with_settings(tracking_uri=tracking_uri)
    serve_model(model, project=project, host=host, port=port, allow_code=allow_code, on_ready=_tell)


def _tell(served: ServedModel) -> None:
    for warning in served.warnings:
        say(f"warning: {warning}")
    if served.signed:
        say(served.signed)
    say(f"{served.version} answers at {served.address}/invocations (Ctrl-C ends it)")
    if served.request is not None:
        answer(served.curl)
