"""Searches whose trials depend on earlier results: asked for, judged and recorded in order.

Trial n is begun once the trials up to n - lag are known, whatever has ended besides: what it is and what it is
measured by do not depend on who finishes first.
"""

from __future__ import annotations

import itertools
from bisect import insort
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from statistics import fmean
from typing import Any

from runcard.engine.base import LATER, Lost
from runcard.plan import Bench, Fit, Plan, Stage, Trial, shape_of
from runcard.record import JobResult, Record
from runcard.search.stopping import Brackets, Thresholds
from runcard.workflow.run.draft import PartialRecord, impossible_record, make_record
from runcard.workflow.run.train import Probed, probe


@dataclass(frozen=True, slots=True)
class Asked:
    """A trial as the search gave it."""

    trial: Trial
    record: Record | None
    """What it got, if that is known already."""
    thresholds: Thresholds | None
    """What it is measured by on its way."""


class RunningSearch:
    """A search in progress.

    Parameters
    ----------
    find
        Gives the record of a trial if there is one already.
    """

    def __init__(self, plan: Plan, find: Callable[[Trial], Record | None]) -> None:
        self._plan, self._find = plan, find
        self._search = None if plan.trials else plan.search()
        self._brackets = {by_steps: _brackets_of(plan) for by_steps in (False, True)}
        self._records: dict[int, Record] = {}
        self._n_known = 0
        self._n_told = 0
        self.trials: list[Trial] = []
        self.pending: list[Asked] = []
        """Those that were asked for before any was run, and are not known."""
        self.n_trials = plan.n_trials
        """How many there will be; fewer than planned where nothing new turns up."""

    @property
    def may_ask(self) -> bool:
        """Whether the next trial can be asked for."""
        return len(self.trials) < self.n_trials and self._n_known > len(self.trials) - self._plan.draw.lag

    @property
    def is_over(self) -> bool:
        """Whether every trial has its record."""
        return self._n_known == self.n_trials

    def ask(self) -> Asked | None:
        """Return the next trial; None when there are no more."""
        number = len(self.trials)
        while self._n_told <= number - self._plan.draw.lag:  # and not one more, though more may be known
            self._tell(self._n_told)
            self._n_told += 1
        trial = self._next(number)
        if trial is None:
            self.n_trials = number
            return None
        self.trials.append(trial)
        record = self._find(trial)
        if record is not None:
            self.add(trial, record)
        brackets = self._brackets[_steps_of(trial, self._plan) is not None]
        return Asked(trial, record, brackets.thresholds() if brackets else None)

    def ask_known(self) -> None:
        """Ask for all trials that can be given before any is run; unknown ones are pending."""
        while self.may_ask and (asked := self.ask()) is not None:
            if asked.record is None:
                self.pending.append(asked)

    def add(self, trial: Trial, record: Record) -> None:
        """Add the record of a trial."""
        self._records[trial.index] = record
        while self._n_known in self._records:
            self._n_known += 1

    def _next(self, number: int) -> Trial | None:
        if self._search is None:
            return self._plan.trials[number]
        point = self._search.ask()
        return None if point is None else self._plan.draw.trial(number, point)

    def _tell(self, number: int) -> None:
        record, name = self._records.pop(number), self._plan.primary.name
        if record.status == "impossible":
            if self._search is not None:
                self._search.tell(number, None)
            return
        points = record.curves.get(name, {})
        if self._search is not None and record.stopped_at is not None:
            self._search.tell(number, points[record.stopped_at], step=record.stopped_at)
        elif self._search is not None:
            self._search.tell(number, record.mean(name))
        # After five folds and after five boosting rounds are not the same.
        brackets = self._brackets[_steps_of(self.trials[number], self._plan) is not None]
        if brackets is not None:
            brackets.add(points)


PROBE = -1
"""In place of a unit."""


@dataclass(frozen=True, slots=True)
class FitJob:
    """One fit of a trial: complete on a unit, or on the first unit with only some of its steps."""

    trial: Trial
    unit: int
    """`PROBE`: in little time, on a part of the first."""
    shortened: Mapping[str, int] = field(default_factory=dict)
    """The hyperparameter that counts its steps, and how many are done."""


class Course:
    """A trial in progress: the jobs of each leg, and the bracket at which it is judged afterwards."""

    def __init__(self, plan: Plan, asked: Asked, *, is_known_possible: bool) -> None:
        self.impossible: str | None = None
        """Why it cannot be trained, if it cannot."""
        self.draft = PartialRecord(asked.trial, plan.work.units)
        self.marks: tuple[int, ...] = ()
        """The steps after which it is judged, if it learns in steps."""
        self._plan, self._trial, self._thresholds = plan, asked.trial, asked.thresholds
        self._legs = deque(self._plan_legs())
        if not is_known_possible:
            self._legs.appendleft((None, [FitJob(asked.trial, PROBE)]))
        self._bracket: int | None = None
        self._n_open = 0

    def next_jobs(self) -> list[FitJob]:
        """Give the jobs of the next leg once those of the last are done and the trial goes on; else none."""
        if self._n_open or self.impossible or self.draft.is_complete or not self._legs:
            return []
        if self._bracket is not None and self._is_stopped(self._bracket):
            self.draft.stopped_at = self._bracket
            return []
        self._bracket, jobs = self._legs.popleft()
        self._n_open = len(jobs)
        return jobs

    def add(self, job: FitJob, result: JobResult | str | Lost | None) -> None:
        """Add the result of a job."""
        self._n_open -= 1
        if result is None or isinstance(result, str):
            self.impossible = result
        elif isinstance(result, Lost):
            self.draft.lose(job.unit, result.reason)
        elif not job.shortened or result.error or result.stages[0].error:
            self.draft.add(result)
        else:
            name, (n_steps,) = self._plan.primary.name, job.shortened.values()
            self.draft.add_point(name, n_steps, result.stages[0].scores[name], result)

    def _plan_legs(self) -> Iterator[tuple[int | None, list[FitJob]]]:
        rules, whole = self._plan.draw.stopping, [FitJob(self._trial, unit) for unit in range(self._plan.n_units)]
        if rules is None:
            yield None, whole
            return
        steps = _steps_of(self._trial, self._plan)
        if steps is not None:
            self.marks = rules.brackets(steps[1])
            for bracket in self.marks:
                yield bracket, [FitJob(self._trial, 0, {steps[0]: bracket})]
            yield None, whole
            return
        ends = (0, *rules.brackets(len(whole)), len(whole))
        for start, end in itertools.pairwise(ends):
            yield (end if end < len(whole) else None), whole[start:end]

    def _is_stopped(self, bracket: int) -> bool:
        name = self._plan.primary.name
        points = self.draft.curves.setdefault(name, {})
        if not self.marks:
            points[bracket] = fmean(self.draft.results[unit].scores[name] for unit in range(bracket))
        course = {step: value for step, value in points.items() if step <= bracket}
        return self._thresholds is not None and self._thresholds.stop(course)


def sweep(plan: Plan, state: RunningSearch, bench: Bench) -> Iterator[Record]:
    """Run what a search has not run yet; yield each record as soon as it is complete.

    Raises
    ------
    HyperparameterRejected, CardErrors
        A trial refuses its hyperparameters; nothing has been trained then.
    """
    plan.work.prepare([entry.features for entry in plan.draw.entries], range(plan.n_units), bench)
    floor = _Floor(plan, state, bench, probe(plan, bench, 0))
    for asked in state.pending:
        floor.begin(asked)
    tasks: Iterator[Any] = floor.tasks()
    for number, result in bench.engine.run(plan.work.run, tasks):
        floor.take_in(number, result)
        yield from floor.ended()
    yield from floor.ended()


class _Floor:
    """The trials in progress, and the jobs that come next."""

    def __init__(self, plan: Plan, state: RunningSearch, bench: Bench, probed: Probed) -> None:
        self._plan, self._state, self._bench, self._probed = plan, state, bench, probed
        self._courses: dict[int, Course] = {}
        self._ready: list[FitJob] = []
        self._jobs: list[FitJob] = []
        self._ended: list[Record] = []

    def begin(self, asked: Asked) -> None:
        """Begin a trial, unless its hyperparameters are known to be impossible."""
        trial = asked.trial
        reason = self._probed.reasons.get(trial.key) or self._plan.work.refusal(trial)
        if reason is not None:
            self._end(trial, impossible_record(trial, self._plan, reason))
            return
        is_known_possible = shape_of(trial) in self._probed.possible
        course = Course(self._plan, asked, is_known_possible=is_known_possible)
        self._courses[trial.index] = course
        self._get_ready(course)

    def tasks(self) -> Iterator[Any]:  # a kind's own, or LATER
        """Yield tasks, those of earlier trials first, asking the search for trials when it can give some."""
        while self._ready or not self._state.is_over:
            if self._ready:
                job = self._ready.pop(0)
                if job.trial.index in self._courses:  # else it failed on another unit
                    self._jobs.append(job)
                    course = self._courses[job.trial.index]
                    yield _task(self._plan, job, course, self._bench)
            elif self._state.may_ask:
                asked = self._state.ask()
                if asked is not None and asked.record is None:
                    self.begin(asked)
            else:
                yield LATER

    def take_in(self, number: int, result: JobResult | str | Lost | None) -> None:
        """Process the result of the `number`-th task."""
        job = self._jobs[number]
        course = self._courses.get(job.trial.index)
        if course is None:
            return
        if not course.draft.is_begun and job.unit != PROBE:
            self._bench.on_begun(job.trial.key)
        course.add(job, result)
        self._get_ready(course)
        if course.impossible is not None:
            self._end(job.trial, impossible_record(job.trial, self._plan, course.impossible))
        elif course.draft.is_complete:
            self._end(job.trial, make_record(course.draft, self._plan))

    def ended(self) -> Iterator[Record]:
        """Yield the records of trials that have ended, each once."""
        while self._ended:
            yield self._ended.pop(0)

    def _end(self, trial: Trial, record: Record) -> None:
        self._courses.pop(trial.index, None)
        self._state.add(trial, record)
        self._ended.append(record)

    def _get_ready(self, course: Course) -> None:
        for job in course.next_jobs():
            insort(self._ready, job, key=_turn)


def _turn(job: FitJob) -> tuple[int, int]:
    """Give the sort key of a job: earlier trials first, since later ones wait for their results."""
    return job.trial.index, job.unit


def _task(plan: Plan, job: FitJob, course: Course, bench: Bench) -> Any:
    trial = job.trial
    if job.unit == PROBE:
        return plan.work.probe(trial, 0, bench)
    fit = Fit(trial.model, trial.features, {**trial.params, **job.shortened}, (Stage(trial.key, None),))
    return plan.work.job(fit, job.unit, bench, marks=course.marks, is_shortened=bool(job.shortened))


def _steps_of(trial: Trial, plan: Plan) -> tuple[str, int] | None:
    return plan.work.steps_of(trial) if plan.draw.stopping else None


def _brackets_of(plan: Plan) -> Brackets | None:
    rules = plan.draw.stopping
    return Brackets(rules, greater_is_better=plan.primary.greater_is_better) if rules else None
