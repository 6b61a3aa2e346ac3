"""`runcard import`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from runcard import errors
from runcard.cli.answer import Command, answer, say, say_all

if TYPE_CHECKING:
    from runcard.card.check import KnownNames
    from runcard.project import Project
    from runcard.sweepfile.remarks import Remark

STDOUT = "-"
_MOST_REMARKS = 100


@click.command("import", cls=Command)
@click.argument("sweep", metavar="SWEEP")
@click.option(
    "-o", "--output", metavar="CARD", default=STDOUT, help="Where the card is written; default: standard output."
)
@click.option("--model", metavar="NAME", help="The model that is searched, from `runcard list models`.")
@click.option("--data", metavar="PATH", help="The table's file, or the name of a dataset.")
@click.option("--target", metavar="COLUMN", help="The column to predict.")
def command(sweep: str, output: str, model: str | None, data: str | None, target: str | None) -> None:
    """Turn SWEEP, a W&B sweep file, into a card.

    What a card has no counterpart for is named on standard error, and so is what the sweep does otherwise than
    it looks. A sweep says neither data nor target nor model: without these options the card has marked places
    to be filled in.
    """
    from runcard.card.check import KnownNames, find_spec
    from runcard.catalog.models import unknown_model
    from runcard.project import find_project
    from runcard.sweepfile.draft import draft_card
    from runcard.sweepfile.sweep import read_sweep

    is_file = output != STDOUT
    if is_file and Path(output).exists():
        raise _in_the_way(output)
    project = find_project(Path(output) if is_file else None)
    names = KnownNames(project)
    spec = find_spec(model, names) if model else None
    if model and spec is None:
        error = unknown_model(model, names.catalog)
        error.where = "--model"
        raise error
    remarks: list[Remark] = []
    try:
        found = read_sweep(Path(sweep), names, spec, tell=remarks.append)
    finally:
        say_all(remarks, most=_MOST_REMARKS)
    shown = output if is_file else "standard output"
    given = _data(data, names, project) if data else None
    draft = draft_card(found, project=project, name=shown, model=model, data=given, target=target)
    say_all(draft.blanks)
    if is_file:
        _write(output, draft.text)
        say(f"Wrote {output}")
    else:
        answer(draft.text, nl=False)


def _data(data: str, names: KnownNames, project: Project) -> dict[str, str]:
    """Name the data as a card does: a dataset by its name, a file by its path from the project's root."""
    from runcard.catalog.datasets import bundled_names

    path = Path(data)
    if path.is_file():
        return {"raw_path": project.shown(path.resolve())}
    if data in bundled_names() or data in names.catalog.datasets:
        return {"dataset": data}
    return {"raw_path": data}


def _in_the_way(output: str) -> errors.UsageError:
    return errors.UsageError(
        f"`{output}` is there already",
        where=output,
        why="a card that somebody wrote is not overwritten",
        hint="give another name, or remove it first",
    )


def _write(output: str, text: str) -> None:
    try:
        with Path(output).open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise _in_the_way(output) from None
    except OSError as error:
        raise errors.UsageError(
            f"`{output}` cannot be written",
            where=output,
            why=error.strerror or str(error),
            hint="give a path in a folder that is there",
        ) from None
