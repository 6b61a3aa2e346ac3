"""Running a card, from its name to its results, in the one order that loses nothing."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

from runcard import errors
from runcard.comparison import Comparison, Standing, best_of_each_model
from runcard.data.locked import Locked, as_dict
from runcard.data.source import Table, check_unchanged, release_memory, write_parquet
from runcard.data.splitfile import NAME as SPLIT_FILE
from runcard.data.splitfile import write_split
from runcard.decision import Decision, FinalScore, nothing_qualifies
from runcard.engine.base import Engine
from runcard.engine.process import give_back_large_arrays
from runcard.execution import Execution, begin_execution
from runcard.journal import Address, BegunTrials, Journal, hold_card, naming_trouble, open_journal, stage_files
from runcard.plan import Plan, Trial, find_doubts
from runcard.project import Project, find_project
from runcard.record import FinalRecord, Record
from runcard.redact import redact
from runcard.tabular import stage_table
from runcard.tracking.backends import connect, import_polars_first
from runcard.tracking.delivery import Delivery, DeliveryReport
from runcard.tracking.models.trust import untrusted_types
from runcard.workflow.choose.candidates import decide_by_plan
from runcard.workflow.datasets.check import Content, lock_first, said
from runcard.workflow.datasets.snapshot import Keeping, keep_beside, size_of
from runcard.workflow.resolve import CardSource, Resolved, open_card, resolve
from runcard.workflow.run.address import heed_address
from runcard.workflow.run.bench import choose_engine, scratch
from runcard.workflow.run.circumstances import Circumstances, capture_circumstances
from runcard.workflow.run.committed import heed_uncommitted, refused_remark
from runcard.workflow.run.finalists import failed_finalists, get_ready_to_save, refit_finalists
from runcard.workflow.run.listener import Listener
from runcard.workflow.run.outbox import JournalOutbox, address_name
from runcard.workflow.run.progress import Tally
from runcard.workflow.run.result import Result, chosen_of, summarize
from runcard.workflow.run.search import Asked, RunningSearch, sweep
from runcard.workflow.run.sync import end_abandoned
from runcard.workflow.run.train import Bench, rehearse_on_training_rows, train

_LAST_DELIVERY_SECONDS = 10.0
_SILENT_SECONDS = 3.0
"""How long data may be on their way to the store before it is mentioned."""


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
    """Run a card: what is missing is trained, everything is recorded, MLflow is filled meanwhile.

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
            run = _Run(resolve(card, project=project), engine, listener, fresh=fresh)
            result = run.carry_out(stack)
        run.wait_for_data()
        return result
    finally:
        listener.finished()


class _Run:
    """One run under way: what its steps share."""

    def __init__(self, resolved: Resolved, engine: Engine, listener: Listener, *, fresh: bool) -> None:
        self.project, self.plan = resolved.project, resolved.plan
        self.table: Table | None = resolved.table
        self.stamp, self.catalog = resolved.stamp, resolved.catalog
        self.locked: Locked | None = None
        self.keeping: Keeping | None = None
        self.engine, self.listener, self.fresh = engine, listener, fresh
        self.address = Address(address_name(self.project.tracking_uri, self.project.root), self.plan.card.name)
        self.tally = Tally(self.plan)
        self.state: RunningSearch | None = None
        self.pending: list[Asked] = []
        self.found: list[Record | FinalRecord] = []
        self.n_run = 0

    def carry_out(self, stack: ExitStack) -> Result:
        stack.enter_context(naming_trouble(self.project.home))
        stack.enter_context(hold_card(self.project.home, self.plan.hash))
        journal = stack.enter_context(open_journal(self.project.home))
        if self.table is not None:
            self._lock_data(self.table)
        previous = self._previous(journal)
        resumed = previous.execution_id if previous and not self.fresh else None
        end_abandoned(journal, self.project.home, held=self.plan.hash, resumed=resumed)
        self._look_up(journal)
        begun = stack.enter_context(BegunTrials(self.project.home, self.plan.hash))
        if not self.fresh:
            self.tally.add_begun(begun.earlier)
        if previous and previous.status == "done" and self.tally.is_whole:
            comparison = self.tally.compare()
            decision = self._decide(comparison)
            if all(standing.final for standing in self._finalists_of(comparison, decision)):
                return self._nothing_to_run(journal, previous, comparison, decision)
        if not self.engine.is_running:
            heed_uncommitted(self.project, self.listener)
            stack.enter_context(self.engine)
        found = capture_circumstances(self.project, seed=self.plan.seed, card=self.plan.card.path)
        if remark := refused_remark(found.no_commit, self.project):
            self.listener.warn(remark)
        execution = self._begin(journal, previous, found)
        outbox = stack.enter_context(JournalOutbox(self.project.home))
        if self.plan.pooled:  # what is pooled is scored here, beside the thread that imports MLflow
            import_polars_first()
        with Delivery(outbox, self.project.tracking_uri, lambda: connect(self.project)) as delivery:
            result = self._execute(journal, execution, delivery, begun)
        begun.forget()
        return result

    def wait_for_data(self) -> None:
        """Wait until the data's content is kept; the trials are done, so trouble with that is a warning."""
        if self.keeping is None:
            return
        try:
            if not self.keeping.is_done_within(_SILENT_SECONDS):
                self.listener.step("Keeping the data; Ctrl-C leaves that to the next run")
            trouble = self.keeping.finish()
        except KeyboardInterrupt:
            self.listener.warn("the data's content is not kept yet")
            return
        if trouble is not None:
            self.listener.warn(f"the data's content is not kept: {trouble.what}: {trouble.why}")

    def _lock_data(self, table: Table) -> None:
        """Lock the data's name at its first use, and begin to keep their content."""
        content = Content(table, self.plan.fingerprint, self.stamp, self.plan.card.data.na_values)
        self.locked, is_new = lock_first(self.project, content, self.catalog)
        if is_new:
            self.listener.note(said(self.locked))
        self.keeping = keep_beside(self.project, content, self.locked)
        if is_new and self.keeping is None and self.project.settings.snapshot == "auto":
            n_megabytes = size_of(content, self.locked) / 1e6
            self.listener.note(f'Its content is not kept: {n_megabytes:,.0f} MB; `snapshot = "always"` keeps it')

    def _previous(self, journal: Journal) -> Execution | None:
        """Find the execution to go on with, or after; one that chose otherwise is neither."""
        found = journal.latest_execution(self.plan.hash, self.plan.card.name)
        return found if found and found.plan.get("selection") == self.plan.choice.as_dict() else None

    def _look_up(self, journal: Journal) -> None:
        """Find out which trials are known already."""

        def find(trials: Sequence[Trial]) -> None:
            keys = [] if self.fresh else [trial.key for trial in trials]
            records, finals = journal.records(keys), journal.finals(keys)
            self.tally.add_known(records, finals)
            self.found += [*records.values(), *finals.values()]

        def find_one(trial: Trial) -> Record | None:
            find([trial])
            return self.tally.records.get(trial.key)

        if self.plan.draw.lag:
            self.state = RunningSearch(self.plan, find_one)
            self.tally.follow(self.state)
            self.pending = self.state.ask_known()
        else:
            find(self.plan.trials)

    def _begin(self, journal: Journal, previous: Execution | None, found: Circumstances) -> Execution:
        resumes = previous is not None and previous.status != "done" and not self.fresh
        if previous is not None and resumes:
            execution = replace(previous, status="running", ended=None)
            journal.begin(execution, self.address, {})
        else:
            execution = begin_execution(self.plan, started=time.time(), provenance=found.described)
            with stage_files(self.project.home, execution.execution_id) as (folder, manifest):
                for name, content in {**found.files, "provenance/data.json": self._data()}.items():
                    path = folder / name
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.write_bytes(content)
                write_split(self.plan.split, folder / SPLIT_FILE)
            journal.begin(execution, self.address, manifest)
        self._address_again(journal, execution)
        return execution

    def _data(self) -> bytes:
        """Describe the data as they were locked, for whoever has the run and not the project."""
        described = {"locked": self.locked and as_dict(self.locked), "store": redact(self.project.data_store)}
        return json.dumps(described, indent=2).encode()

    def _address_again(self, journal: Journal, execution: Execution) -> None:
        """Have what was found in the journal told to this run's address, unless it was."""
        records = [found for found in self.found if isinstance(found, Record)]
        finals = [found for found in self.found if isinstance(found, FinalRecord)]
        self.found = []
        if records or finals:
            journal.address_again(records, finals, execution.execution_id, self.address)

    def _execute(self, journal: Journal, execution: Execution, delivery: Delivery, begun: BegunTrials) -> Result:
        try:
            with scratch(self.project.home) as folder:
                bench = self._set_up(folder, begun)
                self._train(journal, execution, delivery, bench)
                comparison = self.tally.compare()
                self.listener.ranked(comparison, self.plan, self._decide(comparison))
                problem = self._finalists(journal, execution, delivery, comparison, bench)
        except KeyboardInterrupt:
            self._end(journal, execution, "interrupted", self.tally.compare())
            delivery.notify()
            report = delivery.finish(timeout=_LAST_DELIVERY_SECONDS)
            raise self._interrupted(report) from None
        except errors.JournalUnusable:
            raise  # nor could it be told how this ended; the next run does
        except BaseException:
            self._end(journal, execution, "failed", self.tally.compare())
            delivery.notify()
            raise
        return self._conclude(journal, execution, delivery, problem)

    def _set_up(self, folder: Path, begun: BegunTrials) -> Bench:
        """Stage the table for the workers and let go of it here."""
        path = folder / "table"
        if self.table is not None:
            if processed := self.plan.card.data.processed_path:
                write_parquet(self.table, self.project.root / processed)
            stage_table(self.plan.typed(self.table.frame), self.plan.target.values, path)
            self.table = None
        release_memory()
        return Bench(self.engine, path, folder, begun.note)

    def _train(
        self,
        journal: Journal,
        execution: Execution,
        delivery: Delivery,
        bench: Bench,
    ) -> None:
        for doubt in find_doubts(self.plan.card):
            self.listener.warn(doubt)
        self.listener.planned(self.plan, self.tally.counts)
        for record in self._records(bench):
            self._address_again(journal, execution)  # a search may come upon trials that are known
            self._keep(record, journal, execution)
            delivery.notify()
            self.listener.recorded(record, self.tally.counts, self.tally.best)
            if delivery.is_connected:
                get_ready_to_save(self.project)  # now, while workers train

    def _records(self, bench: Bench) -> Iterator[Record]:
        if self.tally.is_whole:
            return iter(())
        if self.plan.n_folds == 0:
            rehearse_on_training_rows(self.plan, self.tally.missing, bench)
            return iter([_unscored(trial, self.plan) for trial in self.tally.missing])
        if self.state is not None:
            return sweep(self.plan, self.state, self.pending, bench)
        return train(self.plan, self.tally.missing, bench)

    def _keep(self, record: Record, journal: Journal, execution: Execution) -> None:
        journal.add_record(record, execution.execution_id, self.address)
        self.tally.add(record)
        self.n_run += 1

    def _finalists(
        self, journal: Journal, execution: Execution, delivery: Delivery, comparison: Comparison, bench: Bench
    ) -> errors.RuncardError | None:
        """Refit the finalists; where the chosen one fails for good, the next that the rule allows is one, too."""
        while missing := [
            standing.record
            for standing in self._finalists_of(comparison, self._decide(comparison))
            if standing.record.trial_key not in self.tally.finals
        ]:
            self.listener.step(f"Refitting {_finalists(len(missing))}")
            for final, manifest in refit_finalists(self.plan, missing, bench, self.project):
                journal.add_final(final, execution.execution_id, self.address, manifest)
                self.tally.finals[final.trial_key] = final
                delivery.notify()
        return self._data_changed() or self._problem_of_finalists(comparison)

    def _decide(self, comparison: Comparison) -> Decision | None:
        return decide_by_plan(self.plan, comparison, self.tally.finals)

    def _problem_of_finalists(self, comparison: Comparison) -> errors.RuncardError | None:
        finals = self.tally.finals.values()
        if failed := [final for final in finals if final.error]:
            return failed_finalists(self.plan, failed, self.tally.records, self._decide(comparison))
        unsaved = next((final.unsaved for final in finals if final.unsaved), None)
        return untrusted_types(unsaved, "the scores are kept, the model itself is not") if unsaved else None

    def _conclude(
        self, journal: Journal, execution: Execution, delivery: Delivery, problem: errors.RuncardError | None
    ) -> Result:
        comparison = self.tally.compare()
        if comparison.best is None:
            self._end(journal, execution, "failed", comparison)
            delivery.notify()
            raise self._all_failed(comparison)
        decision = self._scored(self._decide(comparison), journal, execution, comparison)
        self._end(journal, execution, "failed" if problem else "done", comparison, decision)
        delivery.notify()
        self.listener.step("Writing to MLflow")
        report = self._finish(delivery)
        return self._result(journal, execution, comparison, decision, report.left, problem)

    def _scored(
        self, decision: Decision | None, journal: Journal, execution: Execution, comparison: Comparison
    ) -> Decision | None:
        """Add what the chosen trial got on the test rows."""
        chosen = chosen_of(comparison, decision)
        if decision is None or chosen is None or chosen.final is None:
            return decision
        if not len(self.plan.split.test):
            return replace(decision, has_test_rows=False)
        score = chosen.final.scores[self.plan.primary.name]
        return replace(decision, test=FinalScore(score, journal.count_test_openings(execution), self.plan.copies))

    def _finish(self, delivery: Delivery) -> DeliveryReport:
        """Wait until MLflow has been told what can be told; Ctrl-C leaves the rest to `runcard sync`."""
        try:
            report = delivery.finish(on_wait=self._still_writing)
        except KeyboardInterrupt:
            raise self._interrupted(delivery.finish(timeout=0)) from None
        if report.warning:
            self.listener.warn(report.warning)
        return report

    def _still_writing(self, n_left: int) -> None:
        self.listener.step(f"Writing to MLflow, {n_left} left; Ctrl-C leaves them to `runcard sync`")

    def _nothing_to_run(
        self, journal: Journal, previous: Execution, comparison: Comparison, decision: Decision | None
    ) -> Result:
        decision = self._scored(decision, journal, previous, comparison)
        if not journal.has_told(previous.execution_id, self.address):
            journal.begin(previous, self.address, {})
            self._address_again(journal, previous)
            journal.end(previous, self.address)
        n_left = journal.count_waiting(self.address.uri)
        if n_left:
            with JournalOutbox(self.project.home) as outbox:
                delivery = Delivery(outbox, self.project.tracking_uri, lambda: connect(self.project))
                with delivery:
                    n_left = self._finish(delivery).left
        return self._result(journal, previous, comparison, decision, n_left, None)

    def _result(
        self,
        journal: Journal,
        execution: Execution,
        comparison: Comparison,
        decision: Decision | None,
        n_left: int,
        problem: errors.RuncardError | None,
    ) -> Result:
        if problem is None and decision is not None and decision.winner is None:
            problem = nothing_qualifies(decision, self.plan.card.shown)
        return Result(
            execution.experiment,
            comparison,
            decision,
            self._run_ids(journal, comparison),
            journal.run_of(execution.execution_id, self.address)[1],
            self.project.tracking_uri,
            self.n_run,
            n_left,
            problem,
        )

    def _end(
        self,
        journal: Journal,
        execution: Execution,
        status: Any,
        comparison: Comparison,
        decision: Decision | None = None,
    ) -> None:
        n_openings = journal.count_test_openings(execution) if len(self.plan.split.test) else 0
        summary = summarize(self.plan, self.tally, comparison, decision, n_openings)
        journal.end(replace(execution, status=status, ended=time.time(), summary=summary), self.address)

    def _finalists_of(self, comparison: Comparison, decision: Decision | None) -> list[Standing]:
        """Pick the best of each model, and the chosen trial."""
        if self.plan.n_folds == 0:
            return [s for s in comparison.standings if s.record.status == "done"]
        found = best_of_each_model(comparison)
        chosen = chosen_of(comparison, decision)
        return found if chosen is None or chosen in found else [*found, chosen]

    def _run_ids(self, journal: Journal, comparison: Comparison) -> dict[str, str]:
        known, records = journal.runs_at(self.address), [standing.record for standing in comparison.standings]
        return {record.trial_key: known[record.record_id] for record in records if record.record_id in known}

    def _data_changed(self) -> errors.RuncardError | None:
        try:
            if self.stamp is not None:
                check_unchanged(self.stamp)
        except errors.DataChanged as error:
            return error
        return None

    def _interrupted(self, report: DeliveryReport) -> errors.Interrupted:
        counts = self.tally.counts
        return errors.Interrupted(
            f"interrupted: {counts.done} of {self.tally.n_trials} trials are done and kept",
            where=self.plan.card.name,
            hint="run the card again to go on from there",
            why=f"{report.left} of the records are not in MLflow yet" if report.left else "",
        )

    def _all_failed(self, comparison: Comparison) -> errors.AllTrialsFailed:
        first, n_trials = comparison.standings[0].record, len(comparison.standings)
        final = self.tally.finals.get(first.trial_key)  # where there are no folds, it is this that failed
        return errors.AllTrialsFailed(
            f"all {n_trials} trials failed" if n_trials > 1 else "the only trial failed",
            where=self.plan.card.name,
            why=f"the first: {first.model}, {first.error or (final and final.error)}",
            hint="correct the card or the data and run it again",
        )


def _finalists(n: int) -> str:
    return f"{n} finalist{'s' if n > 1 else ''}"


def _unscored(trial: Trial, plan: Plan) -> Record:
    """Make the record of a card's only trial, which goes straight to the test."""
    from runcard.record import PartialRecord, make_record

    now = time.time()
    return make_record(PartialRecord(trial, 0, started=now, ended=now), plan)


def _was_finished(project: Project, text: str) -> bool:
    """Guess from the journal whether there will be anything to train; a wrong guess costs seconds only."""
    if not (project.home / "journal.db").exists():
        return False
    with open_journal(project.home) as journal:
        return journal.has_finished(text)
