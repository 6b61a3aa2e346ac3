"""Running a recorded run again in the present environment and work tree, and judging it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime

from runcard import errors
from runcard.card import Card
from runcard.engine.process import give_back_large_arrays
from runcard.plan import Bench, digest
from runcard.project import Project
from runcard.replay import Account, Judgement, Outcome, Replay, judge_outcome, scores_beside, weakest
from runcard.workflow.replay.again import Again, train_again
from runcard.workflow.replay.log import Left
from runcard.workflow.replay.now import Present, look_around, not_as_recorded, open_recorded_card, unreadable_card
from runcard.workflow.replay.options import Options, present_mode, present_trust
from runcard.workflow.replay.recorded import Recorded
from runcard.workflow.run.bench import choose_engine, scratch


def replay_here(recorded: Recorded, project: Project, options: Options) -> Left:
    """Run a recorded trial again and judge the results.

    What differs in what it is made of is looked for first: where that decides, nothing is trained. The journal, the
    original run and the work tree are not touched.

    Raises
    ------
    RunError
        A worker died.
    """
    began = time.time()
    give_back_large_arrays()
    present, several = _compared(recorded, project, options)
    replay = _judged(recorded, present, several)
    seconds = time.time() - began
    again = several[0] if several else Again(Outcome())
    found = present.circumstances
    return Left(
        replay=replace(replay, seconds=seconds),
        files={name: text.decode("utf-8", "replace") for name, text in found.files.items() if _is_own(name)},
        tags=found.described.get("mlflow_tags", {}),
        folds=again.outcome.folds,
        test=again.outcome.test,
        predictions=again.predictions,
    )


def _is_own(name: str) -> bool:
    return name.count("/") == 1 and name.endswith((".json", ".txt"))


def _compared(recorded: Recorded, project: Project, options: Options) -> tuple[Present, list[Again]]:
    if recorded.altered:
        return not_as_recorded(recorded, project), []
    try:
        card = open_recorded_card(recorded, project)
    except errors.RuncardError as error:
        return unreadable_card(recorded, error, project), []
    return _look_and_run(recorded, card, project, options)


def _look_and_run(recorded: Recorded, card: Card, project: Project, options: Options) -> tuple[Present, list[Again]]:
    with ExitStack() as stack:
        engine = choose_engine(_alone(card, recorded), project, workers=options.workers)
        stack.enter_context(engine)  # workers import what they need while the table is read
        present = look_around(recorded, card, project)
        if not present.is_comparable or present.resolved is None or present.trial is None:
            return present, []
        plan, trial = present.resolved.plan, present.trial
        folder = stack.enter_context(scratch(project.home))
        plan.work.stage(present.resolved.table, folder)
        several = []
        for number in range(options.repeat):
            options.note(
                f"Running {recorded.run.name} again" + (f", {number + 1} of {options.repeat}" * (options.repeat > 1))
            )
            bench = Bench(engine, folder, folder / str(number))
            several.append(train_again(plan, trial, bench, is_finalist=recorded.is_finalist))
        return present, several


def _alone(card: Card, recorded: Recorded) -> Card:
    """Reduce a card to the model that is to be run, so that workers import nothing else."""
    return replace(card, models=tuple(model for model in card.models if model.name == recorded.account.model))


# The verdict


def _judged(recorded: Recorded, present: Present, several: Sequence[Again]) -> Replay:
    found = _judge_all(recorded, present, several)
    failed = next((again.error for again in several if again.error), "")
    outcome = several[0].outcome if several and not failed else None
    return Replay(
        run_id=recorded.run.run_id,
        run_name=recorded.run.name,
        card_run_id=recorded.card_run.run_id,
        experiment=recorded.experiment,
        model=recorded.account.model,
        params=recorded.account.params,
        trial_key=recorded.account.trial_key,
        verdict=found.verdict,
        why=found.why,
        same_environment=present.same_environment,
        is_deterministic=_is_deterministic(several),
        differences=present.differences,
        divergence=found.divergence,
        scores=tuple(scores_beside(recorded.account.outcome, outcome)) if outcome else (),
        evidence=_evidence(recorded, present, found, several),
        mode=present_mode(),
        trusted=present_trust(),
        at=datetime.now(UTC).isoformat(timespec="seconds"),
        seconds=0.0,
        n_repeats=len(several),
        chosen_as=recorded.chosen_as,
        notes=_notes(present, several, found),
    )


def _judge_all(recorded: Recorded, present: Present, several: Sequence[Again]) -> Judgement:
    """Judge every repetition; the weakest verdict counts."""
    if not several:
        deciding = [each for each in present.differences if each.decides]
        parts = ", ".join(dict.fromkeys(each.part for each in deciding))
        return Judgement("not comparable", f"not as recorded: {parts}; nothing was trained")
    failed = next((again.error for again in several if again.error), "")
    if failed and not present.same_environment:
        return Judgement("not comparable", f"it cannot be run in this environment: {failed}")
    if failed:
        return Judgement("different", f"it was scored before, now it fails: {failed}")
    tolerance = present.resolved.plan.tolerance if present.resolved else None
    every = [judge_outcome(recorded.account.outcome, again.outcome, tolerance) for again in several]
    found = next(each for each in every if each.verdict == weakest([one.verdict for one in every]))
    if _is_deterministic(several) is False:
        return replace(found, why=f"not deterministic: {len(several)} replays differ from each other; {found.why}")
    if len(several) > 1 and found.verdict not in ("identical", "equivalent"):
        found = replace(
            found, why=f"{len(several)} replays are equal to each other, so the result changed; {found.why}"
        )
    if found.verdict == "identical" and not present.same_environment:
        return replace(found, verdict="equivalent")
    return found


def _is_deterministic(several: Sequence[Again]) -> bool | None:
    if len(several) < 2:
        return None
    first = several[0].outcome
    return all(judge_outcome(first, again.outcome).verdict == "identical" for again in several[1:])


def _notes(present: Present, several: Sequence[Again], found: Judgement) -> tuple[str, ...]:
    notes = []
    if several and found.verdict == "different" and len(several) == 1:
        notes.append("`--repeat 2` tells a model that is not deterministic from one whose result changed")
    changed = [each for each in present.differences if each.part == "card file"]
    notes += [f"{each.name} was changed since, not where it matters to this trial" for each in changed]
    return tuple(notes)


# Evidence


def _evidence(recorded: Recorded, present: Present, found: Judgement, several: Sequence[Again]) -> dict[str, object]:
    return {
        "folds": len(recorded.account.outcome.outputs),
        "folds_that_differ": list(found.folds),
        "largest_metric_difference": found.largest_metric if several else None,
        "largest_output_difference": found.largest_output,
        "labels_that_differ": found.n_labels,
        "outputs": {
            "recorded": [*recorded.account.outcome.outputs, recorded.account.outcome.test_outputs],
            "now": [[*again.outcome.outputs, again.outcome.test_outputs] for again in several],
        },
        "circumstances": {"recorded": _digests(recorded.account), "now": _digests(present.account)},
    }


def _digests(account: Account) -> dict[str, str]:
    """Hash what one side of a replay was made of, part by part, for recognising it in other replays."""
    environment = {name: account.environment.get(name) for name in ("python", "packages", "runcard_source")}
    parts = {
        "card": account.card,
        "data": account.plan.get("data", {}).get("digest"),
        "code": account.code.get("modules"),
        "environment": environment,
        "hardware": {name: account.hardware.get(name) for name in ("cpu", "os", "gpus")},
    }
    return {name: digest(part) for name, part in parts.items()}
