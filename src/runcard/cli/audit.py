"""`runcard audit`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from runcard import errors
from runcard.cli import options
from runcard.cli.answer import Command, answer_json

if TYPE_CHECKING:
    from runcard.audit import Audit


@click.command("audit", cls=Command)
@click.argument("name", metavar="[CARD|EXPERIMENT|RUN|VERSION]", required=False)
@click.option(
    "--require",
    type=click.IntRange(min=0),
    metavar="N",
    help="Exit with 3 if fewer than N items hold: passed, or not applicable.",
)
@options.tracking_uri
@options.as_json
@options.naming(options.RUNS)
def command(name: str | None, require: int | None, tracking_uri: str | None, as_json: bool) -> None:
    """Tick the reproducibility checklist of a run by what was recorded of it.

    Seventeen items about code, environment, data and training: each passed, failed or not applicable, with the
    evidence and, where it failed, the command that mends it. Nothing is taken on trust: digests of kept files are
    computed again. Of a card or an experiment its latest card's run is meant, and of a card's run its chosen trial,
    else its best finalist; without a name, the project's only card is.
    """
    from runcard.audit import N_ITEMS
    from runcard.project import find_project
    from runcard.workflow.replay.audit import audit_run

    if require is not None and require > N_ITEMS:
        raise errors.UsageError(
            f"--require {require} cannot be met", why=f"an audit has {N_ITEMS} items", hint=f"ask for {N_ITEMS} at most"
        )
    audit = audit_run(name, find_project().with_settings(tracking_uri=tracking_uri))
    if as_json:
        answer_json(audit.as_dict())
    else:
        from runcard.cli.console import show
        from runcard.report.audit import audit_report

        show(*audit_report(audit))
    if require is not None and audit.n_held < require:
        raise _failed(audit, require)


def _failed(audit: Audit, require: int) -> errors.AuditFailed:
    names = [item.name for item in audit.items if item.finding.verdict == "failed"]
    return errors.AuditFailed(
        f"{audit.n_held} of {len(audit.items)} items hold, and {require} are required",
        where=f"{audit.experiment}, run {audit.name}",
        why=f"failed: {errors.listing(names)}",
        hint="each of them says above what mends it",
    )
