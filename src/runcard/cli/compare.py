"""`runcard compare`."""

from __future__ import annotations

import json
from dataclasses import asdict

import click

from runcard import errors
from runcard.cli import options


@click.command("compare")
@click.argument("name", metavar="[CARD|EXPERIMENT]", required=False)
@options.tracking_uri
@options.as_json
def command(name: str | None, tracking_uri: str | None, as_json: bool) -> None:
    """Print the ranked trials of a card or experiment, as MLflow has them.

    Compared are the trials of one protocol: the same data, folds, features and metrics as the latest
    card that was run in the experiment. Without a name, the project's only card is meant.
    """
    from runcard.project import find_project
    from runcard.workflow import read_standings

    project = find_project().with_settings(tracking_uri=tracking_uri)
    found = read_standings(_experiment(name), project)
    if as_json:
        shown = {
            "experiment": found.experiment,
            "metric": found.metric,
            "runs": [asdict(row) for row in found.rows],
        }
        click.echo(json.dumps(shown, indent=2, default=str))
        return
    from runcard.cli.console import results_console
    from runcard.report.tables import tracked_table

    console = results_console()
    console.print(tracked_table(found.rows, found.metric, width=console.width))
    if found.n_other:
        click.echo(f"{found.n_other} trials of other data, folds, features or metrics are left out.", err=True)


def _experiment(name: str | None) -> str:
    """Take a card's name, path or text for its experiment's; any other name is the experiment's own."""
    from runcard.card import find_card, load_card
    from runcard.project import CARD_FOLDER, find_project

    if name is not None:
        try:
            return load_card(find_card(name)).name
        except errors.CardMissing:
            return name
    cards = sorted((find_project().root / CARD_FOLDER).glob("*.y*ml"))
    if len(cards) == 1:
        return load_card(cards[0]).name
    raise errors.UsageError(
        "which card or experiment?",
        why=f"the cards here are {errors.listing([card.stem for card in cards])}" if cards else "no card is here",
        hint="name one: `runcard compare CARD`",
    )
