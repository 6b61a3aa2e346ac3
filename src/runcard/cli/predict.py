"""`runcard predict`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from runcard.cli import options
from runcard.cli.answer import Command, say

if TYPE_CHECKING:
    from runcard.workflow.models.predict import OnRows, Prediction


@click.command("predict", cls=Command)
@click.argument("model", metavar="MODEL[@ALIAS|/VERSION]")
@click.argument("source", metavar="INPUT", type=click.Path(path_type=Path))
@click.option(
    "-o", "--output", metavar="OUT", required=True, type=click.Path(path_type=Path), help="A CSV or Parquet file."
)
@options.tracking_uri
@options.allow_code
@options.naming(options.VERSIONS)
def command(model: str, source: Path, output: Path, tracking_uri: str | None, allow_code: bool) -> None:
    """Predict the rows of INPUT, a CSV or Parquet file, with a registered model.

    OUT gets the id or number of each row, its prediction, and of a classifier the probability of each class.
    The rows are read some at a time, so there may be more than fit into memory.
    """
    from runcard.project import find_project
    from runcard.workflow.models.predict import predict

    project = find_project().with_settings(tracking_uri=tracking_uri)
    with _progress() as on_rows:
        found = predict(model, source, output, project=project, allow_code=allow_code, on_rows=on_rows)
    _tell(found)


@contextmanager
def _progress() -> Iterator[OnRows]:
    """Show on a terminal how many rows are done."""
    from runcard.cli.console import progress_console

    console = progress_console()
    if not console.is_terminal:
        yield lambda done, total: None
        return
    with console.status("Loading the model") as status:

        def show(done: int, total: int | None) -> None:
            status.update(f"{done:,} rows" if total is None else f"{done:,} of {total:,} rows")

        yield show


def _tell(found: Prediction) -> None:
    for warning in found.warnings:
        say(f"warning: {warning}")
    if found.ignored:
        from runcard import errors

        say(f"Not used by the model: {errors.listing(found.ignored, 20)}")
    for unseen in found.unseen:
        rows = "1 row has" if unseen.n_rows == 1 else f"{unseen.n_rows:,} rows have"
        values = ", ".join(f"`{value}`" for value in unseen.values) + (" and others" if unseen.more else "")
        say(f"{rows} a `{unseen.column}` that training never saw: {values}")
    if found.signed:
        say(found.signed)
    say(f"{found.n_rows:,} rows predicted by {found.version}: {found.output}")
