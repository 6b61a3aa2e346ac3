"""The session of a run: the state that its steps share, from opening the journal to the end."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace

from runcard.comparison import Comparison
from runcard.decision import Decision
from runcard.engine.base import Engine
from runcard.execution import Execution, ExecutionStatus, begin_execution
from runcard.journal import Address, BegunTrials, Journal, hold_card, naming_trouble, open_journal, stage_files
from runcard.plan import Plan, Trial
from runcard.project import Project
from runcard.record import FinalRecord, Record
from runcard.workflow.choose.candidates import decide_by_plan
from runcard.workflow.resolve import Resolved
from runcard.workflow.run.circumstances import Circumstances
from runcard.workflow.run.data import CardData
from runcard.workflow.run.listener import Listener
from runcard.workflow.run.outbox import address_name
from runcard.workflow.run.progress import Tally
from runcard.workflow.run.result import summarize
from runcard.workflow.run.search import RunningSearch
from runcard.workflow.run.sync import end_abandoned


@dataclass(frozen=True, slots=True, eq=False)
class Session:
    """The state that the steps of one run share."""

    project: Project
    plan: Plan
    data: CardData
    engine: Engine
    listener: Listener
    is_fresh: bool
    """Whether trials are run whose results are known."""
    journal: Journal
    address: Address
    tally: Tally

    def decide(self, comparison: Comparison) -> Decision | None:
        """Apply the card's choice rule to the known results."""
        return decide_by_plan(self.plan, comparison, self.tally.finals)


def open_session(resolved: Resolved, engine: Engine, listener: Listener, stack: ExitStack, *, fresh: bool) -> Session:
    """Lock the card for this process and open the journal, until the stack is closed.

    Raises
    ------
    CardBusy, JournalUnusable
    """
    project, plan = resolved.project, resolved.plan
    stack.enter_context(naming_trouble(project.home))
    stack.enter_context(hold_card(project.home, plan.hash))
    journal = stack.enter_context(open_journal(project.home))
    address = Address(address_name(project.tracking_uri, project.root), plan.card.name)
    data = CardData(resolved, listener)
    return Session(project, plan, data, engine, listener, fresh, journal, address, Tally(plan))


def find_previous(session: Session) -> Execution | None:
    """Find the earlier execution with the same choice rule, to continue or follow; end those that were killed."""
    plan, journal = session.plan, session.journal
    found = journal.latest_execution(plan.hash, plan.card.name)
    previous = found if found and found.plan.get("selection") == plan.choice.as_dict() else None
    resumed = previous.execution_id if previous and not session.is_fresh else None
    end_abandoned(journal, session.project.home, held=plan.hash, resumed=resumed)
    return previous


def look_up(session: Session) -> RunningSearch | None:
    """Find the trials whose results are known; if each depends on earlier ones, return the search so far."""

    def find(trials: Sequence[Trial]) -> None:
        keys = [] if session.is_fresh else [trial.key for trial in trials]
        session.tally.add_known(session.journal.records(keys), session.journal.finals(keys))

    def find_one(trial: Trial) -> Record | None:
        find([trial])
        return session.tally.records.get(trial.key)

    if not session.plan.draw.lag:
        find(session.plan.trials)
        return None
    search = RunningSearch(session.plan, find_one)
    session.tally.follow(search)
    search.ask_known()
    return search


def look_up_begun(session: Session, stack: ExitStack) -> BegunTrials:
    """Find the trials that a killed process had begun, and note those that this one begins."""
    begun = stack.enter_context(BegunTrials(session.project.home, session.plan.hash))
    if not session.is_fresh:
        session.tally.add_begun(begun.earlier)
    return begun


def begin(session: Session, previous: Execution | None, found: Circumstances) -> Execution:
    """Record that the run begins, with its circumstances; an unfinished execution is continued."""
    if previous is not None and previous.status != "done" and not session.is_fresh:
        execution = replace(previous, status="running", ended=None)
        session.journal.begin(execution, session.address, {})
    else:
        execution = begin_execution(session.plan, started=time.time(), provenance=found.described)
        with stage_files(session.project.home, execution.execution_id) as (folder, manifest):
            for name, content in {**found.files, "provenance/data.json": session.data.described()}.items():
                path = folder / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
            session.plan.work.keep(folder)
        session.journal.begin(execution, session.address, manifest)
    address_again(session, execution)
    return execution


def address_again(session: Session, execution: Execution) -> None:
    """Queue results found in the journal for this run's address, unless it has them."""
    found = session.tally.take_found()
    records = [each for each in found if isinstance(each, Record)]
    finals = [each for each in found if isinstance(each, FinalRecord)]
    if records or finals:
        session.journal.address_again(records, finals, execution.execution_id, session.address)


def keep_record(session: Session, record: Record, execution: Execution) -> None:
    """Store a trial's record in the journal."""
    session.journal.add_record(record, execution.execution_id, session.address)
    session.tally.add(record)
    session.tally.n_run += 1


def end(
    session: Session,
    execution: Execution,
    status: ExecutionStatus,
    comparison: Comparison,
    decision: Decision | None = None,
) -> None:
    """Record in the journal how the run ended."""
    n_openings = session.journal.count_test_openings(execution) if session.plan.work.n_tested else 0
    summary = summarize(session.plan, session.tally, comparison, decision, n_openings)
    session.journal.end(replace(execution, status=status, ended=time.time(), summary=summary), session.address)
