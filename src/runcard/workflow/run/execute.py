"""Running a card from its name to its results, ordered so that a kill at any moment loses nothing."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from runcard import errors
from runcard.card.doubts import find_doubts
from runcard.comparison import Comparison
from runcard.decision import Decision, FinalScore, nothing_qualifies
from runcard.engine.process import give_back_large_arrays
from runcard.execution import Execution
from runcard.journal import BegunTrials, open_journal
from runcard.plan import Bench, Plan, Trial
from runcard.project import Project, find_project
from runcard.record import Record
from runcard.tracking.backends import connect, import_polars_first
from runcard.tracking.delivery import Delivery, DeliveryReport
from runcard.workflow.resolve import CardSource, open_card, resolve
from runcard.workflow.run.address import heed_address
from runcard.workflow.run.bench import choose_engine, scratch
from runcard.workflow.run.circumstances import Circumstances, capture_circumstances
from runcard.workflow.run.committed import heed_uncommitted, refused_remark
from runcard.workflow.run.draft import PartialRecord, make_record
from runcard.workflow.run.finalists import choose_finalists, finish_finalists, problem_of_finalists
from runcard.workflow.run.listener import Listener
from runcard.workflow.run.outbox import JournalOutbox
from runcard.workflow.run.result import Result, chosen_of
from runcard.workflow.run.search import RunningSearch, sweep
from runcard.workflow.run.session import (
    Session,
    address_again,
    begin,
    end,
    find_previous,
    keep_record,
    look_up,
    look_up_begun,
    open_session,
)
from runcard.workflow.run.train import probe_without_units, train

_LAST_DELIVERY_SECONDS = 10.0


def run(
    source: CardSource,
    *,
    workers: int | None = None,
    on: str | None = None,
    fresh: bool = False,
    tracking_uri: str | None = None,
    model_format: str | None = None,
    listener: Listener | None = None,
) -> Result:
    """Run a card: train what is missing and record it, while MLflow is filled in the background.

    Parameters
    ----------
    source
        A card's file, its bare name under `configs/`, a mapping, or a loaded card.
    workers
        How many processes train; default: the setting, else one for each core.
    on
        The address of a Dask cluster to train on, such as `tcp://host:8786`; default: the setting, else this machine.
    fresh
        Run every trial, also those whose results are known.
    tracking_uri, model_format
        Override the settings.

    Raises
    ------
    CardErrors, DataError, ModelError
        The card cannot be run; nothing has been trained.
    AllTrialsFailed, CardBusy, Interrupted, ClusterAway, WorkerUnfit
    """
    listener = listener or Listener()
    give_back_large_arrays()
    try:
        card = open_card(source)
        project = find_project(card.path).with_settings(
            workers=workers, on=on, tracking_uri=tracking_uri, model_format=model_format
        )
        heed_address(project, card.name)
        with ExitStack() as stack:
            engine = choose_engine(card, project, workers=workers)
            if fresh or not _was_finished(project, card.text):
                heed_uncommitted(project, listener)
                stack.enter_context(engine)  # workers import what they need while the table is read
            session = open_session(resolve(card, project=project), engine, listener, stack, fresh=fresh)
            result = carry_out(session, stack)
        session.data.wait()
        return result
    finally:
        listener.finished()


def carry_out(session: Session, stack: ExitStack) -> Result:
    """Run a card, ordering the effects so that a kill at any moment loses nothing."""
    session.data.lock()
    previous = find_previous(session)
    search = look_up(session)
    begun = look_up_begun(session, stack)
    if previous is not None and _is_done(session, previous):
        return _nothing_to_run(session, previous)
    execution = begin(session, previous, _look_around(session, stack))
    with _delivery(session, stack) as delivery:
        result = _execute(session, execution, delivery, search, begun)
    begun.forget()
    return result


def _is_done(session: Session, previous: Execution) -> bool:
    """Tell whether the results of all trials and finalists are known."""
    if previous.status != "done" or not session.tally.is_whole:
        return False
    comparison = session.tally.compare()
    return all(standing.final for standing in choose_finalists(session, comparison))


def _look_around(session: Session, stack: ExitStack) -> Circumstances:
    """Start the engine if it is not, and capture code, environment and hardware."""
    if not session.engine.is_running:
        heed_uncommitted(session.project, session.listener)
        stack.enter_context(session.engine)
    found = capture_circumstances(session.project, seed=session.plan.seed, card=session.plan.card.path)
    if remark := refused_remark(found.no_commit, session.project):
        session.listener.warn(remark)
    return found


def _delivery(session: Session, stack: ExitStack) -> Delivery:
    """Make the delivery that writes everything in the journal to MLflow in the background."""
    outbox = stack.enter_context(JournalOutbox(session.project.home))
    if session.plan.pooled:  # what is pooled is scored here, beside the thread that imports MLflow
        import_polars_first()
    return Delivery(outbox, session.project.tracking_uri, lambda: connect(session.project))


def _execute(
    session: Session, execution: Execution, delivery: Delivery, search: RunningSearch | None, begun: BegunTrials
) -> Result:
    """Train what is missing, then the finalists, recording in the journal however that ends."""
    try:
        with scratch(session.project.home) as folder:
            bench = _set_up(session, folder, begun)
            _train(session, execution, delivery, search, bench)
            comparison = session.tally.compare()
            session.listener.ranked(comparison, session.plan, session.decide(comparison))
            finish_finalists(session, execution, delivery, comparison, bench)
            problem = session.data.changed() or problem_of_finalists(session, comparison)
    except KeyboardInterrupt:
        end(session, execution, "interrupted", session.tally.compare())
        delivery.notify()
        report = delivery.finish(timeout=_LAST_DELIVERY_SECONDS)
        raise _interrupted(session, report) from None
    except errors.JournalUnusable:
        raise  # nor could it be told how this ended; the next run does
    except BaseException:
        end(session, execution, "failed", session.tally.compare())
        delivery.notify()
        raise
    return _conclude(session, execution, delivery, problem)


def _set_up(session: Session, folder: Path, begun: BegunTrials) -> Bench:
    session.data.stage(folder)
    return Bench(session.engine, folder, folder, begun.note)


def _train(
    session: Session, execution: Execution, delivery: Delivery, search: RunningSearch | None, bench: Bench
) -> None:
    """Run the missing trials, recording each before the next result is processed."""
    listener, tally = session.listener, session.tally
    for doubt in find_doubts(session.plan.card):
        listener.warn(doubt)
    listener.planned(session.plan, tally.counts)
    for record in _records(session, search, bench):
        address_again(session, execution)  # a search may come upon trials that are known
        keep_record(session, record, execution)
        delivery.notify()
        listener.recorded(record, tally.counts, tally.best)
        if delivery.is_connected:
            session.plan.work.warm_up(session.project)  # now, while workers train


def _records(session: Session, search: RunningSearch | None, bench: Bench) -> Iterator[Record]:
    plan, tally = session.plan, session.tally
    if tally.is_whole:
        return iter(())
    if plan.n_units == 0:
        probe_without_units(plan, tally.missing, bench)
        return iter([_unscored(trial, plan) for trial in tally.missing])
    return sweep(plan, search, bench) if search is not None else train(plan, tally.missing, bench)


def _unscored(trial: Trial, plan: Plan) -> Record:
    """Make the record of a card's only trial, which goes straight to the final test."""
    now = time.time()
    return make_record(PartialRecord(trial, (), started=now, ended=now), plan)


def _conclude(
    session: Session, execution: Execution, delivery: Delivery, problem: errors.RuncardError | None
) -> Result:
    comparison = session.tally.compare()
    if comparison.best is None:
        end(session, execution, "failed", comparison)
        delivery.notify()
        raise _all_failed(session, comparison)
    decision = _scored(session, execution, comparison)
    end(session, execution, "failed" if problem else "done", comparison, decision)
    delivery.notify()
    session.listener.step("Writing to MLflow")
    report = _finish(session, delivery)
    return _result(session, execution, comparison, decision, report.left, problem)


def _scored(session: Session, execution: Execution, comparison: Comparison) -> Decision | None:
    """Decide, and add the chosen trial's scores on the test rows."""
    decision = session.decide(comparison)
    chosen = chosen_of(comparison, decision)
    if decision is None or chosen is None or chosen.final is None:
        return decision
    if not session.plan.work.n_tested:
        return replace(decision, has_test_rows=False)
    score, n_openings = chosen.final.scores[session.plan.primary.name], session.journal.count_test_openings(execution)
    return replace(decision, test=FinalScore(score, n_openings, session.plan.work.copies))


def _finish(session: Session, delivery: Delivery) -> DeliveryReport:
    """Wait until MLflow has received what it can; Ctrl-C leaves the rest to `runcard sync`."""

    def still_writing(n_left: int) -> None:
        session.listener.step(f"Writing to MLflow, {n_left} left; Ctrl-C leaves them to `runcard sync`")

    try:
        report = delivery.finish(on_wait=still_writing)
    except KeyboardInterrupt:
        raise _interrupted(session, delivery.finish(timeout=0)) from None
    if report.warning:
        session.listener.warn(report.warning)
    return report


def _nothing_to_run(session: Session, previous: Execution) -> Result:
    """Return the results of a completed execution, delivering them to this run's address if necessary."""
    journal, address = session.journal, session.address
    comparison = session.tally.compare()
    decision = _scored(session, previous, comparison)
    if not journal.has_told(previous.execution_id, address):
        journal.begin(previous, address, {})
        address_again(session, previous)
        journal.end(previous, address)
    n_left = journal.count_waiting(address.uri)
    if n_left:
        with JournalOutbox(session.project.home) as outbox:
            delivery = Delivery(outbox, session.project.tracking_uri, lambda: connect(session.project))
            with delivery:
                n_left = _finish(session, delivery).left
    return _result(session, previous, comparison, decision, n_left, None)


def _result(
    session: Session,
    execution: Execution,
    comparison: Comparison,
    decision: Decision | None,
    n_left: int,
    problem: errors.RuncardError | None,
) -> Result:
    if problem is None and decision is not None and decision.winner is None:
        problem = nothing_qualifies(decision, session.plan.card.shown)
    return Result(
        execution.experiment,
        comparison,
        decision,
        _run_ids(session, comparison),
        session.journal.run_of(execution.execution_id, session.address)[1],
        session.project.tracking_uri,
        session.tally.n_run,
        n_left,
        problem,
    )


def _run_ids(session: Session, comparison: Comparison) -> dict[str, str]:
    known = session.journal.runs_at(session.address)
    records = [standing.record for standing in comparison.standings]
    return {record.trial_key: known[record.record_id] for record in records if record.record_id in known}


def _interrupted(session: Session, report: DeliveryReport) -> errors.Interrupted:
    return errors.Interrupted(
        f"interrupted: {session.tally.counts.done} of {session.tally.n_trials} trials are done and kept",
        where=session.plan.card.name,
        hint="run the card again to go on from there",
        why=f"{report.left} of the records are not in MLflow yet" if report.left else "",
    )


def _all_failed(session: Session, comparison: Comparison) -> errors.AllTrialsFailed:
    first, n_trials = comparison.standings[0].record, len(comparison.standings)
    final = session.tally.finals.get(first.trial_key)  # where there are no units, it is this that failed
    return errors.AllTrialsFailed(
        f"all {n_trials} trials failed" if n_trials > 1 else "the only trial failed",
        where=session.plan.card.name,
        why=f"the first: {first.model}, {first.error or (final and final.error)}",
        hint="correct the card or the data and run it again",
    )


def _was_finished(project: Project, text: str) -> bool:
    """Guess from the journal whether there is anything to train; a wrong guess only costs seconds."""
    if not (project.home / "journal.db").exists():
        return False
    with open_journal(project.home) as journal:
        return journal.has_finished(text)
