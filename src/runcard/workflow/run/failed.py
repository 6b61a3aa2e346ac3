"""Finalists that failed: which, why, and what to do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from runcard import errors
from runcard.decision import Decision
from runcard.plan import Plan
from runcard.record import FinalRecord, Record
from runcard.workflow.choose.candidates import label_of


def failed_finalists(
    plan: Plan, failed: Sequence[FinalRecord], records: Mapping[str, Record], decision: Decision | None
) -> errors.RunError:
    """Make the error for finalists that could not be trained on all training rows or scored on the test rows."""
    named = [(label_of(records[final.trial_key]), final) for final in failed]
    subject = f"the finalist `{named[0][0]}`" if len(named) == 1 else f"{len(named)} finalists"
    reasons = [str(final.error) if len(named) == 1 else f"`{label}`: {final.error}" for label, final in named]
    return errors.RunError(
        f"{subject} could not be scored on the test rows",
        where=plan.card.name,
        why="\n".join(reasons),
        hint=_remedy(failed) + _instead(failed, decision),
    )


def _remedy(failed: Sequence[FinalRecord]) -> str:
    if all(final.may_pass for final in failed):
        return "run the card again to try once more"
    if any(final.may_pass for final in failed):
        return "run the card again for what a worker's death, memory or the disk cost; the others would fail again"
    return "running it again will not help: correct the model, its `params` or the data"


def _instead(failed: Sequence[FinalRecord], decision: Decision | None) -> str:
    if decision is None or not decision.failed:
        return ""
    if decision.winner is None:
        return "; the rule allows no other trial"
    gone = {found.candidate.id for found in decision.failed}
    is_next = decision.best is not None and decision.best.id in gone
    return f"; `{decision.winner.label}` was chosen in its place" if is_next else ""
