"""`runcard reproduce`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from runcard import errors
from runcard.cli import options
from runcard.cli.answer import Command, answer_document, say, say_all

if TYPE_CHECKING:
    from runcard.replay import Replay

_REQUIRED = {"identical": "identical", "equivalent": "equivalent", "within-tolerance": "within tolerance"}


@click.command("reproduce", cls=Command)
@click.argument("name", metavar="CARD|EXPERIMENT|RUN|VERSION")
@click.option(
    "--isolated/--here",
    "isolated",
    default=True,
    help="In a tree and an environment made as they were (default), or in this environment and work tree.",
)
@click.option(
    "--require",
    type=click.Choice(list(_REQUIRED)),
    default="equivalent",
    show_default=True,
    help="The weakest verdict that ends with exit code 0.",
)
@click.option(
    "--repeat", type=click.IntRange(1, 100), default=1, show_default=True, metavar="N", help="Run it N times."
)
@click.option("--workers", type=click.IntRange(1, 1024), metavar="N", help="Processes that train; default: cores.")
@click.option(
    "--allow-code",
    is_flag=True,
    help="Run code and install packages of the run although nobody here is known to answer for them.",
)
@click.option(
    "--sandbox",
    is_flag=True,
    help="Run it without network, home and anything to write to but its own folder; needs bubblewrap.",
)
@options.tracking_uri
@options.as_json
@options.naming(options.RUNS)
def command(
    name: str,
    isolated: bool,
    require: str,
    repeat: int,
    workers: int | None,
    allow_code: bool,
    sandbox: bool,
    tracking_uri: str | None,
    as_json: bool,
) -> None:
    """Run a recorded run again and say whether it came out the same.

    Of a card or an experiment its latest card's run is meant, and of a card's run its chosen trial, else its best
    finalist. The verdict is identical, equivalent, within tolerance, different or not comparable; when it does not
    reach what --require asks for, the exit code is 3. The original run and the work tree stay as they are; the replay
    becomes a run of its own in MLflow.

    Code of others is run only when its author is known: this project's journal has the run, or its commit is on a
    branch of a remote of this clone with nothing uncommitted. Else it is shown and asked for, or --allow-code.
    """
    from runcard.workflow.replay import reproduce

    replay = reproduce(
        name,
        isolated=isolated,
        repeat=repeat,
        workers=workers,
        allow_code=allow_code,
        sandbox=sandbox,
        ask=_ask if sys.stdin.isatty() and sys.stderr.isatty() else None,
        tracking_uri=tracking_uri,
        note=say,
    )
    _show(replay, as_json=as_json)
    if replay.kept is not None:
        say(f"The replay is not in MLflow: {replay.kept}")
    if not replay.reaches(_REQUIRED[require]):
        raise _refused(replay, require)


def _ask(what: str) -> bool:
    say_all(what.splitlines())
    return click.confirm("Run it, with your rights?", default=False, err=True)


def _show(replay: Replay, *, as_json: bool) -> None:
    from runcard.replay import replay_json

    if as_json:
        answer_document(replay_json(replay))
        return
    from runcard.cli.console import show
    from runcard.report.replay import replay_report

    show(*replay_report(replay))


def _refused(replay: Replay, require: str) -> errors.NotReproduced:
    return errors.NotReproduced(
        f"`{replay.run_name}` is {replay.words}; asked: {require.replace('-', ' ')}",
        where=replay.run_id,
        why=replay.first_divergence or replay.why,
        hint=_what_now(replay),
    )


def _what_now(replay: Replay) -> str:
    command = f"`runcard reproduce {replay.run_id}"
    if replay.verdict == "different" and replay.is_deterministic is None:
        return f"{command} --repeat 2` tells whether it is deterministic"
    if replay.mode == "here" and not (replay.verdict == "different" and replay.same_environment):
        return f"{command} --isolated` takes code, packages and data as they were recorded"
    return "`replay.json` in the replay's run has all that was compared; `--require` accepts a weaker verdict"
