"""The `runcard` command: its sub-commands by name, and how every error ends."""

from __future__ import annotations

import atexit
import gc
import os
import signal
import sys
import threading
from importlib import import_module
from keyword import iskeyword
from typing import Any

import click

from runcard import __version__, errors
from runcard.cli.answer import prepare_streams, say_error
from runcard.cli.refusal import allow_files, refusal_of
from runcard.redact import redact

_COMMANDS = {
    "audit": "Tick the reproducibility checklist of a run by what was recorded.",
    "check": "Check a card and its data, and print the plan.",
    "compare": "Print the ranked trials of a card or experiment, as MLflow has them.",
    "data": "List, verify and restore the datasets that are locked.",
    "diff": "Show what two runs do not have in common.",
    "history": "Show what happened to a registered model.",
    "import": "Turn a W&B sweep file into a card.",
    "list": "List what a card can name.",
    "lock": "Lock what content a dataset's name stands for.",
    "predict": "Predict the rows of a file with a registered model.",
    "promote": "Move an alias to a model version when every gate holds.",
    "register": "Make a version of a registered model from a decision.",
    "reproduce": "Run a recorded run again and say whether it came out the same.",
    "rollback": "Return production to the version that held it before.",
    "run": "Run a card.",
    "schema": "Print the JSON Schema of cards, for editors.",
    "select": "Choose a run by the card's rule and constraints, and say why.",
    "serve": "Answer requests with a registered model.",
    "sync": "Deliver to MLflow what it has not been told yet.",
    "ui": "Open MLflow's page on this project's runs.",
}

_MANY_OBJECTS = 100_000


class _Commands(click.Group):
    """Finds sub-commands without importing them: `--help` is to be instant."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        module = f"{cmd_name}_" if iskeyword(cmd_name) else cmd_name
        command: click.Command = import_module(f"runcard.cli.{module}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        if args and args[0] not in _COMMANDS and not args[0].startswith("-"):
            near = errors.nearest(args[0], _COMMANDS)
            raise errors.UsageError(
                f"unknown command `{args[0]}`",
                why=f"the commands are {errors.listing(list(_COMMANDS), len(_COMMANDS))}",
                hint=f"did you mean `runcard {near}`?" if near else "`runcard --help` explains them",
            )
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        if ctx.params.get("debug"):
            return super().invoke(ctx)
        try:
            allow_files()
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except errors.RuncardError as error:
            error = refusal_of(error) or error
            _leave(error, error.exit_code)
        except KeyboardInterrupt:
            _leave(errors.Interrupted("interrupted"), errors.EXIT_INTERRUPTED)
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # `runcard ... | head`
            ctx.exit(errors.EXIT_DONE)
        except Exception as error:
            _leave(_unexpected(error), errors.EXIT_ERROR)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="runcard")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
def main(debug: bool) -> None:
    """Say an experiment in one card; run it, compare it, run it again and prove it equal."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, signal.default_int_handler)  # a scheduler's way to say Ctrl-C
    # Nearly all that is made is kept, modules first of all: looking for garbage so often costs a tenth of the time.
    gc.set_threshold(_MANY_OBJECTS)


def program() -> None:
    """Be the whole process: run the command and end.

    The interpreter is not taken apart, which takes half a second once MLflow is imported; what was registered for the
    end is called, and what was printed is out.
    """
    prepare_streams()
    codes: list[int] = []
    atexit.register(_end, codes)  # called last, being the first
    try:
        main()
    except SystemExit as leaving:
        if isinstance(leaving.code, int):
            codes.append(leaving.code)
        raise


def _end(codes: list[int]) -> None:
    """End the process with the code that is there; without one it ends as an error ends any."""
    if codes:
        sys.stdout.flush()  # a full disk raises here, and all is as without us
        sys.stderr.flush()
        os._exit(codes[0])


def _leave(error: errors.RuncardError, code: int) -> None:
    say_error(error)
    raise click.exceptions.Exit(code)


def _unexpected(error: Exception) -> errors.RuncardError:
    refusal = refusal_of(error)
    if refusal is not None:
        return refusal
    if isinstance(error, RecursionError):
        return errors.RecordUnsafe(
            "something that was read has too many levels",
            why="what runcard writes has a few; who wrote this wanted more of whoever reads it",
            hint="`runcard --debug ...` shows what was being read",
        )
    text = redact(str(error)).strip().splitlines()
    return errors.RuncardError(
        f"something went wrong that runcard did not expect: {type(error).__name__}",
        why=text[0] if text else "",
        hint="`runcard --debug ...` shows the traceback; please report it",
    )
