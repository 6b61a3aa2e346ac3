"""`runcard ui`."""

from __future__ import annotations

import os
import sys

import click

from runcard import errors
from runcard.cli import options
from runcard.cli.answer import Command, answer


@click.command("ui", cls=Command)
@click.option("--port", type=click.IntRange(1, 65535), default=5000, show_default=True, help="On 127.0.0.1.")
@options.tracking_uri
@click.option("--browser/--no-browser", default=True, help="Whether to open a web browser.")
def command(port: int, tracking_uri: str | None, browser: bool) -> None:
    """Open MLflow's page on this project's runs.

    It is served on this machine only, until Ctrl-C. Where runs go to a server already, its page is opened.
    """
    from runcard.project import find_project
    from runcard.tracking.mlflow.page import serve

    project = find_project().with_settings(tracking_uri=tracking_uri)
    if project.tracking_uri.startswith(("http://", "https://")):
        from runcard.redact import redact

        answer(f"MLflow is at {redact(project.tracking_uri)}")
        _open(project.tracking_uri, browser=browser)
        return
    with serve(project.tracking_uri, root=project.root, port=port) as server:
        answer(f"MLflow is at {server.address} (Ctrl-C ends it)")
        _open(server.address, browser=browser)
        try:
            code = server.wait()
        except KeyboardInterrupt:
            return
    if code:
        raise errors.TrackingError("MLflow's server ended", where=server.address, why=f"exit code {code}")


def _open(address: str, *, browser: bool) -> None:
    has_screen = sys.platform in ("darwin", "win32") or "DISPLAY" in os.environ or "WAYLAND_DISPLAY" in os.environ
    if browser and has_screen:
        import webbrowser

        webbrowser.open(address)
