"""`runcard lock`."""

from __future__ import annotations

import click

from runcard import errors
from runcard.cli import options
from runcard.cli.answer import Command, say


@click.command("lock", cls=Command)
@click.argument("name", metavar="NAME")
@click.option("--update", is_flag=True, help="Let a locked name stand for what is there now; needs --reason.")
@click.option("--reason", metavar="TEXT", help="Why it now stands for other content; runcard.lock keeps it.")
@options.naming(options.DATASETS)
def command(name: str, update: bool, reason: str | None) -> None:
    """Lock what content NAME stands for.

    The first `runcard run` does so by itself. A locked name that stands for other content stops every run, until
    it is either given another name or updated. What was locked before stays in the data store, and in git.
    """
    if update != bool(reason):
        raise errors.UsageError(
            "an update needs its reason" if update else "a reason is for an update",
            where=f"runcard lock {name}",
            why="whoever compares with earlier runs will want to know why the data changed",
            hint='`--update --reason "..."`',
        )
    from runcard.project import find_project
    from runcard.workflow.datasets import lock_dataset
    from runcard.workflow.datasets.check import said

    found, is_new = lock_dataset(find_project(), name, reason=reason)
    for locked in found:
        say(said(locked) if is_new else f"{locked.name} is locked already, and is what it was then")
