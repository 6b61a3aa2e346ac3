"""Trials on their folds: matrices, a rehearsal, every fit; a trial is told of as soon as it is whole."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from runcard import errors
from runcard.engine.base import Engine, Lost
from runcard.plan import Fit, Plan, Trial, shape_of
from runcard.plan.featureset import set_path, why_failed
from runcard.record import PartialRecord, Record, impossible_record, make_record
from runcard.tabular import FitResult, FitTask, Preparation, Prepared, Rehearsal, prepare, rehearse, run_fit
from runcard.workflow.run.schedule import Turns, Twins

_DISK_BYTES = 8_000_000_000
"""How much the matrices of all folds in work may take; more folds are worked through in blocks."""
TRAINING = -1
"""In place of a fold: all training rows to fit on, nothing to score; the test rows stay closed."""
TEST = -2
"""In place of a fold: all training rows to fit on, the test rows to score, if there are any."""
_WHOLE = (TRAINING, TEST)
Marks = tuple[int, ...]
"""Steps that a learning curve must show."""


@dataclass(frozen=True, slots=True, eq=False)
class Bench:
    """Where a plan is carried out: its engine, its staged table, a folder for matrices."""

    engine: Engine
    table: Path
    folder: Path
    on_begun: Callable[[str], None]
    """Called with a trial's key when its first result is in."""


def train(plan: Plan, trials: Sequence[Trial], bench: Bench) -> Iterator[Record]:
    """Score trials on every fold; yield a record for each as soon as its last fold is in.

    Raises
    ------
    HyperparameterRejected, MetricImpossible, CardErrors
        An estimator refuses its hyperparameters; nothing has been trained then.
    """
    drafts = {trial.key: PartialRecord(trial, plan.n_folds) for trial in trials}
    fits: Sequence[Fit] = ()
    for block in _blocks(plan):
        prepare_folds(plan, [trial.features for trial in trials], block, bench)
        if block[0] == 0:
            for key, reason in rehearse_probes(plan, bench, 0, drafts).reasons.items():
                if key in drafts:
                    yield impossible_record(drafts.pop(key).trial, plan, reason)
            fits = plan.fits(drafts)
        for draft in _run_fits(plan, fits, block, bench, drafts):
            if draft.is_complete:
                del drafts[draft.trial.key]
                yield make_record(draft, plan)
        shutil.rmtree(bench.folder / "folds", ignore_errors=True)


def rehearse_on_training_rows(plan: Plan, trials: Sequence[Trial], bench: Bench) -> None:
    """Try the trials of a plan without folds on a few training rows.

    Raises
    ------
    HyperparameterRejected, CardErrors
        None of them can be trained.
    """
    prepare_folds(plan, {trial.features for trial in trials}, [TRAINING], bench)
    rehearse_probes(plan, bench, TRAINING)


def prepare_folds(
    plan: Plan, names: Iterable[str], folds: Sequence[int], bench: Bench
) -> dict[tuple[str, int], Prepared]:
    """Make the matrices of feature sets on folds, or for all training and test rows.

    Raises
    ------
    FeaturesInvalid
        A transformer fails.
    """
    places = [(name, fold) for name in dict.fromkeys(names) for fold in folds]
    tasks = [_preparation(plan, name, fold, bench) for name, fold in places]
    return {
        places[index]: _refuse_failed(found, plan, places[index][0])
        for index, found in bench.engine.run(prepare, tasks)
    }


def _run_fits(
    plan: Plan, fits: Sequence[Fit], block: Sequence[int], bench: Bench, drafts: dict[str, PartialRecord]
) -> Iterator[PartialRecord]:
    twins = Twins(fits)
    turns = Turns(fits, block, twins.awaits)
    places: list[tuple[Fit, int]] = []
    read_off: list[tuple[Fit, FitResult]] = []

    def tasks() -> Iterator[FitTask]:
        for fit, fold in turns:
            if not any(stage.key in drafts for stage in fit.stages):
                continue  # it failed on another fold
            known = twins.read_off(fit, fold)
            if known is not None:
                read_off.append((fit, known))
                continue
            places.append((fit, fold))
            twins.begin(fit, fold)
            yield fit_task(plan, fit, fold, bench)

    for number, result in bench.engine.run(run_fit, tasks()):
        fit, fold = places[number]
        twins.end(fit, fold, result)
        if isinstance(result, FitResult):
            turns.note(fit, result)
        yield from _add(fit, fold, result, drafts, bench)
        while read_off:
            fit, known = read_off.pop()
            yield from _add(fit, known.fold, known, drafts, bench)
    for fit, known in read_off:
        yield from _add(fit, known.fold, known, drafts, bench)


def _add(
    fit: Fit, fold: int, result: FitResult | Lost, drafts: dict[str, PartialRecord], bench: Bench
) -> Iterator[PartialRecord]:
    for stage in fit.stages:
        draft = drafts.get(stage.key)
        if draft is None:
            continue
        if not draft.is_begun:
            bench.on_begun(stage.key)
        if isinstance(result, Lost):
            draft.lose(fold, result.reason)
        else:
            draft.add(result)
        yield draft


def fit_task(plan: Plan, fit: Fit, fold: int, bench: Bench, marks: Marks = ()) -> FitTask:
    """Make the task of a fit on a fold; on the first, latency, size and the learning curve are taken too."""
    return FitTask(
        folder=matrices_folder(bench, fit.features, fold),
        fold=fold,
        estimator=plan.estimator(fit.model, fit.params),
        stages=fit.stages,
        metrics=tuple(metric for metric in plan.metrics if metric not in plan.pooled),
        pooled=plan.pooled,
        primary=plan.primary.name,
        target=plan.target.without_values(),
        seed=plan.seed,
        is_measured=fold == 0,
        curve=plan.primary if fold == 0 and plan.primary not in plan.pooled else None,
        marks=marks,
    )


def _preparation(plan: Plan, name: str, fold: int, bench: Bench) -> Preparation:
    features = plan.feature_sets[name]
    fit_rows, score_rows = (plan.split.train, plan.split.test) if fold in _WHOLE else plan.split.folds[fold]
    return Preparation(
        table=bench.table,
        columns=features.columns,
        transformer=features.transformer(),
        fit_rows=fit_rows,
        score_rows=None if fold == TRAINING or not len(score_rows) else score_rows,
        target=plan.target.without_values(),
        folder=matrices_folder(bench, name, fold),
        seed=plan.seed,
        is_measured=fold == 0,
    )


def _refuse_failed(found: Prepared | Lost, plan: Plan, name: str) -> Prepared:
    problem = found.reason if isinstance(found, Lost) else found.error
    if problem is None and isinstance(found, Prepared):
        return found
    why, hint = why_failed(name, plan.columns, str(problem))
    raise errors.FeaturesInvalid(
        f"the features of `{name}` cannot be made",
        where=plan.card.where(*set_path(plan.card, name)),
        why=why,
        hint=hint,
    )


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """What came out of trying trials on a few rows."""

    reasons: Mapping[str, str]
    """Key of an impossible trial -> the reason."""
    possible: frozenset[tuple[object, ...]]
    """Shapes of trials of which all that were tried can be trained."""


def rehearse_probes(plan: Plan, bench: Bench, fold: int, keys: Container[str] | None = None) -> Rehearsed:
    """Try the plan's probes, or those of some trials, on a few rows; then all that have the shape of one that fails.

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
        reasons.update(_rehearse(plan, wanted, bench, fold))

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
        wanted = [trial for trial in plain.values() if cannot_be_built(plan, trial) is None]
        broken = _rehearse(plan, wanted, bench, fold)
        first = {entry: trial for entry, trial in first.items() if plain[entry].key in broken}
    errors.raise_all([_refused(plan, trial, reasons[trial.key]) for _, trial in sorted(first.items())])
    return Rehearsed(reasons, frozenset(shape_of(trial) for trial in tried.values()) - bad)


def _rehearse(plan: Plan, trials: Sequence[Trial], bench: Bench, fold: int) -> dict[str, str]:
    tasks = [rehearsal(plan, trial, bench, fold) for trial in trials]
    found = bench.engine.run(rehearse, tasks)
    return {trials[number].key: reason for number, reason in found if isinstance(reason, str)}


def cannot_be_built(plan: Plan, trial: Trial) -> str | None:
    """Give the reason why a trial's estimator cannot be built; None if it can."""
    try:
        plan.estimator(trial.model, trial.params)
    except errors.HyperparameterRejected as error:
        return error.why
    return None


def rehearsal(plan: Plan, trial: Trial, bench: Bench, fold: int) -> Rehearsal:
    """Make the task of trying a trial on a few rows."""
    return Rehearsal(
        matrices_folder(bench, trial.features, fold),
        plan.estimator(trial.model, trial.params),
        plan.metrics,
        plan.target.without_values(),
        plan.seed,
    )


def _refused(plan: Plan, trial: Trial, reason: str) -> errors.RuncardError:
    shown = ", ".join(f"{name}={value!r}" for name, value in trial.params.items())
    return errors.HyperparameterRejected(
        f"`{trial.model}` cannot be trained with {shown or 'its defaults'}",
        where=plan.card.where("models", trial.entry),
        why=reason,
        hint="correct its `params` or its features; nothing has been trained",
    )


def matrices_folder(bench: Bench, features: str, fold: int) -> Path:
    """Name the folder of a feature set's matrices on a fold."""
    return bench.folder / "folds" / features.replace("/", "_") / str(fold)


def _blocks(plan: Plan) -> Iterator[list[int]]:
    """Divide the folds so that the matrices of a block fit on the disk: leave-one-out has thousands."""
    default: Any = next(iter(plan.feature_sets.values()))
    width = len(default.numerical) + 10 * (len(default.columns) - len(default.numerical))
    n_bytes = 8 * len(plan.split.train) * max(width, 1) * len(plan.feature_sets)
    size = max(1, _DISK_BYTES // n_bytes)
    folds = list(range(plan.n_folds))
    for start in range(0, len(folds), size):
        yield folds[start : start + size]
