"""`runcard select`."""

from __future__ import annotations

from typing import Any

import click

from runcard import errors
from runcard.cli import options
from runcard.cli.answer import Command, answer_json, say, say_all


def _bounds(sign: str) -> Any:
    """Read `NAME=VALUE` as a bound on a recorded number."""

    def read(_: click.Context, parameter: click.Parameter, given: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
        for text in given:
            name, _equals, value = text.partition("=")
            if not name.strip() or not _is_number(value):
                raise errors.UsageError(
                    f"`{parameter.opts[0]} {text}` is no bound",
                    why="it must be the name of something recorded, and a number",
                    hint=f"write `{parameter.opts[0]} {name.strip() or 'predict_ms_p95'}=5`",
                )
        pairs = (text.partition("=") for text in given)
        return tuple((name.strip(), f"{sign} {value.strip()}") for name, _equals, value in pairs)

    return read


@click.command("select", cls=Command)
@click.argument("name", metavar="[CARD|EXPERIMENT|RUN]", required=False)
@click.option("--experiment", metavar="NAME", help="Choose among the runs of any script in this experiment instead.")
@click.option("--metric", metavar="NAME", help="The metric that decides; default: the card's primary one.")
@click.option("--maximize/--minimize", default=None, help="Which direction is better, where the name does not tell.")
@click.option("--rule", type=click.Choice(["best", "one_standard_error"]), help="Default: the card's rule, else best.")
@click.option("--max", "at_most", metavar="NAME=VALUE", multiple=True, callback=_bounds("<="), help="Only if at most.")
@click.option(
    "--min", "at_least", metavar="NAME=VALUE", multiple=True, callback=_bounds(">="), help="Only if at least."
)
@click.option("--dry-run", is_flag=True, help="Decide, and write nothing to MLflow.")
@options.tracking_uri
@options.as_json
@options.naming(options.RUNS)
def command(
    name: str | None,
    experiment: str | None,
    metric: str | None,
    maximize: bool | None,
    rule: str | None,
    at_most: tuple[tuple[str, str], ...],
    at_least: tuple[tuple[str, str], ...],
    dry_run: bool,
    tracking_uri: str | None,
    as_json: bool,
) -> None:
    """Choose a run by the card's rule and constraints, and say why.

    Chosen is among the trials of one protocol: the same data, folds, features and metrics as the latest card
    that was run in the experiment, or as the card whose run is named. --max and --min are added to the card's
    constraints. The decision is written to MLflow: tags on the chosen run, tags and decision.json on the card's. If
    nothing qualifies, the exit code is 3.
    """
    from runcard.plan import read_constraint
    from runcard.project import find_project
    from runcard.workflow.choose.select import Wish, select, select_plain

    project = find_project().with_settings(tracking_uri=tracking_uri)
    constraints = tuple(read_constraint(name, bound) for name, bound in (*at_most, *at_least))
    wish = Wish(metric, rule, constraints, maximize)
    if experiment is not None:
        _refuse_both(name, experiment)
        found = select_plain(experiment, project, wish, dry_run=dry_run)
    else:
        found = select(name, project, wish, dry_run=dry_run)
    _show(found, as_json=as_json, is_written=not dry_run)
    if found.problem is not None:
        raise found.problem


def _show(found: Any, *, as_json: bool, is_written: bool) -> None:
    if as_json:
        from runcard.report.compared import apart_of

        apart = found.apart
        more = {"not_as_recorded": apart_of(apart), "n_not_as_recorded": len(apart)} if apart else {}
        answer_json({"experiment": found.experiment, **found.decision.as_dict(), **more})
        return
    from runcard.cli.console import show
    from runcard.report.decision import decision_report, pareto_report

    show(*decision_report(found.decision, advice=found.advice), *pareto_report(found.decision))
    say_all(f"not as recorded: {each}" for each in found.apart)
    say("Written to MLflow." if is_written else "Nothing was written: --dry-run.")


def _refuse_both(name: str | None, experiment: str) -> None:
    if name is not None:
        raise errors.UsageError(
            f"`{name}` and `--experiment {experiment}` exclude each other",
            why="the first names a card or its experiment, the second the runs of any script",
            hint="leave one out",
        )


def _is_number(text: str) -> bool:
    from math import isfinite

    try:
        return isfinite(float(text))
    except ValueError:
        return False
