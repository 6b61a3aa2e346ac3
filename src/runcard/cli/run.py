"""`runcard run`."""

from __future__ import annotations

from typing import Any

import click

from runcard import errors
from runcard.cli import options
from runcard.cli.answer import Command, answer_json, say_error


@click.command("run", cls=Command)
@options.card
@click.option("--workers", type=click.IntRange(1, 1024), metavar="N", help="Processes that train; default: cores.")
@click.option("--on", metavar="ADDRESS", help="A Dask cluster to train on, such as tcp://host:8786.")
@click.option("--fresh", is_flag=True, help="Run every trial again, also those whose results are known.")
@options.tracking_uri
@click.option(
    "--model-format",
    type=click.Choice(["skops", "cloudpickle"]),
    help="How models are saved; default: skops, which is safe to load.",
)
@options.as_json
def command(
    card: str,
    workers: int | None,
    on: str | None,
    fresh: bool,
    tracking_uri: str | None,
    model_format: str | None,
    as_json: bool,
) -> None:
    """Run CARD: a file, or a bare name under configs/.

    Trials that are done already are not run again. Ctrl-C keeps what is done; running the card again goes on
    from there. While trials run, MLflow is filled.
    """
    from runcard.cli.progress import make_listener
    from runcard.workflow.run.execute import run

    listener = make_listener(quiet=as_json)
    result = run(
        card,
        workers=workers,
        on=on,
        fresh=fresh,
        tracking_uri=tracking_uri,
        model_format=model_format,
        listener=listener,
    )
    if as_json:
        answer_json(_as_dict(result))
    else:
        listener.conclude(result)
    if result.problem is not None:
        say_error(result.problem)
        is_no = isinstance(result.problem, errors.GateError)
        raise click.exceptions.Exit(errors.EXIT_GATE if is_no else errors.EXIT_ERROR)


def _as_dict(result: Any) -> dict[str, Any]:
    from runcard.report.noted import missing_metrics, warned
    from runcard.workflow.run.result import row_of

    key = result.chosen.record.trial_key if result.chosen else None
    return {
        "experiment": result.experiment,
        "metric": result.comparison.metric,
        "run_id": result.run_id,
        "n_run": result.n_run,
        "n_left": result.n_left,
        "decision": result.decision.as_dict() if result.decision else None,
        "warnings": [*missing_metrics(result.comparison), *warned(result.comparison)],
        "trials": [row_of(standing, result.runs, key) for standing in result.comparison.standings],
    }
