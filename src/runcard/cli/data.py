"""`runcard data`."""

from __future__ import annotations

from dataclasses import asdict

import click

from runcard import errors
from runcard.cli import options
from runcard.cli.answer import Command, answer_json, say

_NOTHING = "nothing is locked yet; the first `runcard run` of a dataset does it, or `runcard lock`"


@click.group("data")
def command() -> None:
    """Look after the datasets that runcard.lock names."""


@command.command("list", cls=Command)
@options.as_json
def list_command(as_json: bool) -> None:
    """List what is locked: rows, columns, fingerprint, when and why, and whether its content is kept."""
    from runcard.project import find_project
    from runcard.workflow.datasets import list_locked

    rows = list_locked(find_project())
    if as_json:
        answer_json([row.as_dict() for row in rows])
        return
    if not rows:
        say(_NOTHING)
        return
    from runcard.cli.console import show
    from runcard.report.listings import datasets_table

    show(datasets_table([(row.locked, row.kept is not None) for row in rows]))


@command.command("verify", cls=Command)
@click.argument("name", metavar="[NAME]", required=False)
@options.as_json
@options.naming(options.DATASETS)
def verify_command(name: str | None, as_json: bool) -> None:
    """Compare what is locked, or NAME alone, with what is there now and with what is kept.

    Every file and every kept content is read whole. Exit code 3 when a name stands for other content than was
    locked or its data are missing, or when a kept content is damaged.
    """
    from runcard.project import find_project
    from runcard.workflow.datasets import verify_locked

    found = verify_locked(find_project(), name)
    if as_json:
        answer_json([{**asdict(verdict), "good": verdict.is_good} for verdict in found])
    elif not found:
        say(_NOTHING)
    else:
        from runcard.cli.console import show
        from runcard.report.listings import verdicts_table

        rows = [(verdict.name, verdict.tree, verdict.store, verdict.problems) for verdict in found]
        show(verdicts_table(rows))
    if not all(verdict.is_good for verdict in found):
        raise click.exceptions.Exit(errors.EXIT_GATE)


@command.command("restore", cls=Command)
@click.argument("name", metavar="NAME")
@click.option("--force", is_flag=True, help="Put what lies there aside under another name.")
@options.naming(options.DATASETS)
def restore_command(name: str, force: bool) -> None:
    """Put the file that NAME stands for back as it was locked, from the data store or from DVC.

    Older content comes back with the older runcard.lock, which git has.
    """
    from runcard.project import find_project
    from runcard.workflow.datasets import restore_dataset

    say(restore_dataset(find_project(), name, force=force))
