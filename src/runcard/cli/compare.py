"""`runcard compare`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from runcard.cli import options
from runcard.cli.answer import Command, answer, answer_document

if TYPE_CHECKING:
    from runcard.tracking.ranking import RunComparison


@click.command("compare", cls=Command)
@click.argument("names", metavar="[CARD|EXPERIMENT|RUN|VERSION]...", nargs=-1)
@click.option("--metric", metavar="NAME", help="What to rank by; default: the card's primary metric.")
@click.option(
    "--maximize/--minimize", "greater_is_better", default=None, help="Which is better, where the name does not tell."
)
@click.option("--baseline", metavar="RUN", help="Set the others beside this run instead of the best.")
@click.option("--where", default="", metavar="FILTER", help="Only runs that fulfil this, in MLflow's filter language.")
@click.option("--top", type=click.IntRange(min=1), default=20, show_default=True, metavar="N", help="Show the N best.")
@click.option("--all", "show_all", is_flag=True, help="Show all.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "json", "csv", "markdown"]),
    default="table",
    show_default=True,
    help="How to print them; csv and json have all columns.",
)
@options.tracking_uri
@options.naming(options.RUNS)
def command(
    names: tuple[str, ...],
    metric: str | None,
    greater_is_better: bool | None,
    baseline: str | None,
    where: str,
    top: int,
    show_all: bool,
    form: str,
    tracking_uri: str | None,
) -> None:
    """Rank the trials of a card or experiment, or runs, as MLflow has them, and say how sure that is.

    A card or an experiment stands for the trials of its latest card; the run of a card for its trials; without a
    name, the project's only card is meant. Trials are compared fold by fold, and only if they were measured alike:
    on the same data, folds, features and metrics. Other runs are ranked by a metric.
    """
    from runcard.project import find_project
    from runcard.workflow.choose.compare import compare_runs

    found = compare_runs(
        names,
        find_project().with_settings(tracking_uri=tracking_uri),
        metric=metric,
        greater_is_better=greater_is_better,
        baseline=baseline,
        where=where,
        limit=None if show_all else top,
    )
    _show(found, form)


def _show(found: RunComparison, form: str) -> None:
    from runcard.cli.console import show
    from runcard.report.cells import as_csv
    from runcard.report.compared import comparison_json, comparison_report, comparison_table
    from runcard.report.markdown import as_markdown

    if form == "json":
        answer_document(comparison_json(found))
    elif form == "csv":
        answer(as_csv(comparison_table(found)), nl=False)
    elif form == "markdown":
        answer(as_markdown(comparison_report(found)), nl=False)
    else:
        show(*comparison_report(found))
