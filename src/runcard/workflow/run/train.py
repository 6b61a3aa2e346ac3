"""Training of trials on their units: probes first, then every fit; records are yielded as they complete."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from runcard import errors
from runcard.engine.base import Lost
from runcard.plan import ALL, Bench, Fit, Plan, Trial, shape_of
from runcard.record import JobResult, Record
from runcard.workflow.run.draft import PartialRecord, impossible_record, make_record
from runcard.workflow.run.schedule import Turns, Twins


def train(plan: Plan, trials: Sequence[Trial], bench: Bench) -> Iterator[Record]:
    """Measure trials on every unit; yield the record of each as soon as its last unit is done.

    Raises
    ------
    HyperparameterRejected, MetricImpossible, CardErrors
        A trial refuses its hyperparameters; nothing has been trained then.
    """
    work = plan.work
    drafts = {trial.key: PartialRecord(trial, work.units) for trial in trials}
    fits: Sequence[Fit] = ()
    for block in work.blocks():
        work.prepare((trial.features for trial in trials), block, bench)
        if block[0] == 0:
            for key, reason in probe(plan, bench, 0, drafts).reasons.items():
                if key in drafts:
                    yield impossible_record(drafts.pop(key).trial, plan, reason)
            fits = plan.fits(drafts)
        for draft in _run_fits(plan, fits, block, bench, drafts):
            if draft.is_complete:
                del drafts[draft.trial.key]
                yield make_record(draft, plan)
        work.release(bench)


def probe_without_units(plan: Plan, trials: Sequence[Trial], bench: Bench) -> None:
    """Probe the trials of a plan without units, on a part of the rows they may be fitted on.

    Raises
    ------
    HyperparameterRejected, CardErrors
        None of them can be trained.
    """
    plan.work.prepare({trial.features for trial in trials}, [ALL], bench)
    probe(plan, bench, ALL)


def _run_fits(
    plan: Plan, fits: Sequence[Fit], block: Sequence[int], bench: Bench, drafts: dict[str, PartialRecord]
) -> Iterator[PartialRecord]:
    twins = Twins(fits)
    turns = Turns(fits, block, twins.awaits)
    places: list[tuple[Fit, int]] = []
    read_off: list[tuple[Fit, JobResult]] = []

    def jobs() -> Iterator[Any]:
        for fit, unit in turns:
            if not any(stage.key in drafts for stage in fit.stages):
                continue  # it failed on another unit
            known = twins.read_off(fit, unit)
            if known is not None:
                read_off.append((fit, known))
                continue
            places.append((fit, unit))
            twins.begin(fit, unit)
            yield plan.work.job(fit, unit, bench)

    for number, result in bench.engine.run(plan.work.run, jobs()):
        fit, unit = places[number]
        twins.end(fit, unit, result)
        if isinstance(result, JobResult):
            turns.note(fit, result)
        yield from _add(fit, unit, result, drafts, bench)
        while read_off:
            fit, known = read_off.pop()
            yield from _add(fit, known.unit, known, drafts, bench)
    for fit, known in read_off:
        yield from _add(fit, known.unit, known, drafts, bench)


def _add(
    fit: Fit, unit: int, result: JobResult | Lost, drafts: dict[str, PartialRecord], bench: Bench
) -> Iterator[PartialRecord]:
    for stage in fit.stages:
        draft = drafts.get(stage.key)
        if draft is None:
            continue
        if not draft.is_begun:
            bench.on_begun(stage.key)
        if isinstance(result, Lost):
            draft.lose(unit, result.reason)
        else:
            draft.add(result)
        yield draft


@dataclass(frozen=True, slots=True)
class Probed:
    """The results of probing trials."""

    reasons: Mapping[str, str]
    """Key of an impossible trial -> the reason."""
    possible: frozenset[tuple[object, ...]]
    """Shapes of trials of which all that were tried can be trained."""


def probe(plan: Plan, bench: Bench, unit: int, keys: Container[str] | None = None) -> Probed:
    """Run the plan's probes, or those of some trials; then probe all trials shaped like one that fails.

    Raises
    ------
    HyperparameterRejected, CardErrors
        No trial of the plan can be trained, or none of a model, which cannot with its defaults either.
    """
    reasons = dict(plan.impossible)
    tried: dict[str, Trial] = {}

    def look_at(trials: Iterable[Trial]) -> None:
        new = [t for t in trials if t.key not in tried and t.key not in plan.impossible]
        wanted = [trial for trial in new if keys is None or trial.key in keys]
        tried.update({trial.key: trial for trial in wanted})
        reasons.update(_try(plan, wanted, bench, unit))

    look_at(plan.probes)
    bad = {shape_of(trial) for trial in (*plan.probes, *plan.trials) if trial.key in reasons}
    if bad:
        look_at(trial for trial in plan.trials if shape_of(trial) in bad)
    every = {trial.key: trial for trial in plan.trials or plan.probes}
    first = {trial.entry: trial for trial in reversed(every.values())}
    for entry in {trial.entry for trial in every.values() if trial.key not in reasons}:
        del first[entry]
    if first and first.keys() < {trial.entry for trial in every.values()}:
        plain = {entry: replace(trial, key=f"{entry}", params={}) for entry, trial in first.items()}
        wanted = [trial for trial in plain.values() if plan.work.refusal(trial) is None]
        broken = _try(plan, wanted, bench, unit)
        first = {entry: trial for entry, trial in first.items() if plain[entry].key in broken}
    errors.raise_all([_refused(plan, trial, reasons[trial.key]) for _, trial in sorted(first.items())])
    return Probed(reasons, frozenset(shape_of(trial) for trial in tried.values()) - bad)


def _try(plan: Plan, trials: Sequence[Trial], bench: Bench, unit: int) -> dict[str, str]:
    found = bench.engine.run(plan.work.run, [plan.work.probe(trial, unit, bench) for trial in trials])
    return {trials[number].key: reason for number, reason in found if isinstance(reason, str)}


def _refused(plan: Plan, trial: Trial, reason: str) -> errors.RuncardError:
    shown = ", ".join(f"{name}={value!r}" for name, value in trial.params.items())
    return errors.HyperparameterRejected(
        f"`{trial.model}` cannot be trained with {shown or 'its defaults'}",
        where=plan.card.where("models", trial.entry),
        why=reason,
        hint="correct its `params` or its features; nothing has been trained",
    )
