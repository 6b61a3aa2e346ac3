"""Options that several commands share."""

from __future__ import annotations

import click

tracking_uri = click.option(
    "--tracking-uri", metavar="URI", help="Where MLflow's runs are; default: the project's setting."
)
card = click.argument("card", metavar="CARD")
as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
allow_code = click.option(
    "--allow-code",
    is_flag=True,
    help="Load a model whose loading runs code of unknown packages, or that runcard did not make.",
)
