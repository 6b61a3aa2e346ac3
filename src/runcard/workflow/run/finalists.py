"""The finalists of a card: which trials they are, their refits, and the handling of failed ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from runcard import errors
from runcard.comparison import Comparison, Standing, best_of_each_model
from runcard.decision import Decision
from runcard.execution import Execution
from runcard.plan import Bench, Plan
from runcard.record import FinalRecord, Record
from runcard.tracking.delivery import Delivery
from runcard.tracking.models.trust import untrusted_types
from runcard.workflow.choose.candidates import label_of
from runcard.workflow.run.result import chosen_of
from runcard.workflow.run.session import Session


def choose_finalists(session: Session, comparison: Comparison) -> list[Standing]:
    """Select the best trial of each model, and the chosen trial."""
    if session.plan.n_units == 0:
        return [standing for standing in comparison.standings if standing.record.status == "done"]
    found = best_of_each_model(comparison)
    chosen = chosen_of(comparison, session.decide(comparison))
    return found if chosen is None or chosen in found else [*found, chosen]


def finish_finalists(
    session: Session, execution: Execution, delivery: Delivery, comparison: Comparison, bench: Bench
) -> None:
    """Refit the finalists; if the chosen one fails for good, the next that the rule allows is added."""
    finals = session.tally.finals
    while missing := [
        standing.record for standing in choose_finalists(session, comparison) if standing.record.trial_key not in finals
    ]:
        session.listener.step(f"Refitting {len(missing)} finalist{'s' * (len(missing) > 1)}")
        for final, manifest in session.plan.work.finish(missing, bench, session.project):
            session.journal.add_final(final, execution.execution_id, session.address, manifest)
            finals[final.trial_key] = final
            delivery.notify()


def problem_of_finalists(session: Session, comparison: Comparison) -> errors.RuncardError | None:
    """Return the error for finalists that failed, or whose model could not be saved."""
    finals = session.tally.finals.values()
    if failed := [final for final in finals if final.error]:
        return failed_finalists(session.plan, failed, session.tally.records, session.decide(comparison))
    unsaved = next((final.unsaved for final in finals if final.unsaved), None)
    return untrusted_types(unsaved, "the scores are kept, the model itself is not") if unsaved else None


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
