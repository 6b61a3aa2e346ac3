"""A trial's run as recorded in MLflow, with everything needed to run it again and judge the results."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from runcard import errors
from runcard.project import Project
from runcard.redact import redact
from runcard.replay import Account, Outcome
from runcard.tags import (
    CARD_DIGEST_TAG,
    CARD_PATH_TAG,
    EXACT_PARAMS_TAG,
    FEATURES_TAG,
    FINALIST_TAG,
    INDEX_TAG,
    MODEL_TAG,
    OUTPUTS_TAG,
    STOPPED_AT_TAG,
    TEST_ERROR_TAG,
    TEST_OUTPUTS_TAG,
    TRIAL_KEY_TAG,
    VERSION_TAG,
)
from runcard.tracking.items import EXACT_PARAMS_FILE, OUTPUTS_FILE, RunReader, RunRow
from runcard.tracking.records import PREDICTIONS_FILE
from runcard.tracking.runfiles import RunFiles
from runcard.tracking.seal import is_open
from runcard.workflow.agreement import require_agreement, unlike_model, unlike_trial
from runcard.workflow.refs import Subject
from runcard.workflow.replay.again import read_predictions
from runcard.workflow.run.circumstances import MODULES

if TYPE_CHECKING:
    import pandas as pd

_MODULES = f"{MODULES}/"


@dataclass(frozen=True, slots=True, eq=False)
class Recorded:
    """A run that can be run again."""

    run: RunRow
    """Of the trial."""
    card_run: RunRow
    chosen_as: str
    """Why it is this trial that is meant, where a card or a version was named; else empty."""
    account: Account
    card_digest: str
    """What the card's text must hash to."""
    card_path: str
    """Where the card lay below the project's root; empty if elsewhere."""
    provenance: Mapping[str, bytes]
    """The files under `provenance/` of the card's run: path from there -> content."""
    is_finalist: bool
    """Whether it was refitted and scored on the test rows; not if that failed."""
    trial_index: int
    altered: tuple[str, ...] = ()
    """What of it is not as it was recorded, in words: nothing is run again then."""

    @property
    def experiment(self) -> str:
        """The experiment of both the recorded run and the replay."""
        return self.run.experiment

    @property
    def fingerprint(self) -> str:
        """The digest of the data, 64 hex digits."""
        return str(self.account.plan["data"]["digest"])

    @property
    def packages(self) -> Mapping[str, str]:
        """Every installed package and its version."""
        found: Mapping[str, str] = self.account.environment["packages"]
        return found


def read_recorded(subject: Subject, reader: RunReader, project: Project) -> Recorded:
    """Read everything about the run of a card's trial.

    Raises
    ------
    NotReplayable
        Something that it takes is not there.
    RecordAltered
        MLflow has it as something else than was recorded: as failed, or as a run of no card.
    """
    run, card = subject.run, subject.card
    if card is not None and run.run_id == card.run_id:
        why, hint = "it did not end, or the runs of its finalists were deleted", "name a trial's run"
        raise not_replayable(f"the card's run `{card.name}` has no finalist", project, why, hint)
    if run.status != "FINISHED":
        require_agreement(run, project)
    _require_ended(run, project)
    if card is None:
        require_agreement(run, project)
        raise _not_ours(run, project)
    files = RunFiles(project.tracking_uri, card.run_id, reader)
    kept = files.read_below("provenance")
    account = _account(run, card, files, kept, reader, project)
    altered = unlike_trial(run, card, reader, project)
    if not altered and (said := unlike_model(run, project)):
        altered = (said,)
    if not altered:
        _require_complete(account, run, card, project)
    return Recorded(
        run=run,
        card_run=card,
        chosen_as=subject.chosen_as,
        account=account,
        card_digest=card.tags.get(CARD_DIGEST_TAG, ""),
        card_path=card.tags.get(CARD_PATH_TAG, ""),
        provenance=kept,
        is_finalist=FINALIST_TAG in run.tags and TEST_ERROR_TAG not in run.tags,
        trial_index=int(run.tags.get(INDEX_TAG, 0)) if not altered else 0,
        altered=altered,
    )


def read_account(subject: Subject, reader: RunReader, project: Project) -> Account:
    """Read the account of a trial's or a card's run; what is not known is empty."""
    run, card = subject.run, subject.card
    if card is None:
        return Account(run.name)
    files = RunFiles(project.tracking_uri, card.run_id, reader)
    return _account(run, card, files, files.read_below("provenance"), reader, project)


def _account(
    run: RunRow, card: RunRow, files: RunFiles, kept: Mapping[str, bytes], reader: RunReader, project: Project
) -> Account:
    own = RunFiles(project.tracking_uri, run.run_id, reader)
    plan = _mapping(files.read("plan.json"), "data", "parts", "split")
    is_trial = run.run_id != card.run_id
    return Account(
        name=run.name,
        card=(files.read("card.yaml") or b"").decode("utf-8", "replace"),
        plan=plan,
        code=_mapping(kept.get("code.json"), "changed", "untracked", "left_out", "line_endings", "modules"),
        modules={
            name.removeprefix(_MODULES): content.decode("utf-8", "replace")
            for name, content in kept.items()
            if name.startswith(_MODULES)
        },
        environment=_mapping(kept.get("environment.json"), "packages", "sources", "locks", "variables"),
        hardware=_mapping(kept.get("hardware.json")),
        model=run.tags.get(MODEL_TAG, ""),
        params=_exact(run, own, EXACT_PARAMS_TAG, EXACT_PARAMS_FILE, {}) if is_trial else {},
        features=run.tags.get(FEATURES_TAG, ""),
        trial_key=run.tags.get(TRIAL_KEY_TAG, ""),
        outcome=_outcome(run, own, plan, reader) if is_trial else Outcome(),
    )


def _outcome(run: RunRow, own: RunFiles, plan: Mapping[str, Any], reader: RunReader) -> Outcome:
    folds = {name: reader.read_folds([run.run_id], name).get(run.run_id, ()) for name in plan.get("metrics", ())}
    test = {name.removeprefix("test_"): value for name, value in run.metrics.items() if name.startswith("test_")}
    predictions = own.read(PREDICTIONS_FILE) if test else None
    return Outcome(
        folds={name: scores for name, scores in folds.items() if scores},
        test=test,
        outputs=tuple(_exact(run, own, OUTPUTS_TAG, OUTPUTS_FILE, [])),
        test_outputs=run.tags.get(TEST_OUTPUTS_TAG, ""),
        predictions=_table(predictions),
    )


def _exact(run: RunRow, own: RunFiles, tag: str, file: str, absent: Any) -> Any:
    text: str | bytes | None = run.tags.get(tag) or own.read(file)
    try:
        return absent if text is None else json.loads(text)
    except ValueError:
        return absent


def _mapping(content: bytes | None, *tables: str) -> Mapping[str, Any]:
    """Read a part of the record; a damaged one counts as empty, and is reported where the record is checked.

    Parameters
    ----------
    tables
        What in it must be a table, where it is there.
    """
    try:
        found = json.loads(content) if content else {}
    except ValueError:
        return {}
    is_sound = isinstance(found, dict) and all(isinstance(found.get(name) or {}, dict) for name in tables)
    return found if is_sound else {}


def _table(content: bytes | None) -> pd.DataFrame | None:
    try:
        return None if content is None else read_predictions(content)
    except (OSError, ValueError):  # no Parquet any more
        return None


# What may be missing


def _require_ended(run: RunRow, project: Project) -> None:
    stopped = run.tags.get(STOPPED_AT_TAG)
    if is_open(run):
        why = "what it got on the test rows has not all arrived"
        raise not_replayable(
            f"`{run.name}` is still being written", project, why, "wait, or deliver it: `runcard sync`"
        )
    if stopped is not None:
        why = f"a search stopped it after {stopped} of its steps, so it has no scores to be compared"
    elif run.status == "FAILED":
        why = f"it failed: {run.tags.get('runcard.error') or run.tags.get('runcard.test_error') or 'no reason is kept'}"
    elif run.status != "FINISHED":
        why = f"it has not ended: MLflow has it as {run.status}"
    else:
        return
    hint = "name a trial that was scored to its end; `runcard compare` lists them"
    raise not_replayable(f"there is nothing to be reproduced of `{run.name}`", project, why, hint)


def _not_ours(run: RunRow, project: Project) -> errors.NotReplayable:
    why = "it has no tags of runcard's: how it was made is not known"
    return not_replayable(
        f"runcard did not make the run `{run.name}`", project, why, "put it into a card, and run that"
    )


def _require_complete(account: Account, run: RunRow, card: RunRow, project: Project) -> None:
    texts = {
        "card.yaml": account.card,
        "plan.json": account.plan,
        "provenance/code.json": account.code,
        "provenance/environment.json": account.environment,
        "provenance/hardware.json": account.hardware,
    }
    gone = [name for name, content in texts.items() if not content]
    if gone and card.status == "RUNNING":
        why = "it has not ended yet, and they come with its end"
        raise not_replayable(f"the card's run `{card.name}` lacks {errors.listing(gone)}", project, why, "wait for it")
    if gone:
        why = "its artifacts were deleted or changed, or lie where this machine cannot read them"
        hint = "restore them, or run the card again: its new runs can be reproduced"
        raise not_replayable(
            f"files of the card's run `{card.name}` are gone or damaged: {errors.listing(gone)}", project, why, hint
        )
    known = {
        "its card's digest": CARD_DIGEST_TAG in card.tags,
        "its exact hyperparameters": EXACT_PARAMS_TAG in run.tags or bool(account.params),
        "what its model said on the folds": bool(account.outcome.outputs) or not account.outcome.folds,
        "what its model said of the test rows": bool(account.outcome.test_outputs) or not account.outcome.test,
        "the project's own modules": "modules" in account.code,
        "runcard's own source": "runcard_source" in account.environment,
    }
    missing = [name for name, is_known in known.items() if not is_known]
    if missing:
        made = card.tags.get(VERSION_TAG, "")
        why = f"the runcard {made} that made it did not record {', '.join(missing)}".replace("  ", " ")
        hint = "run the card again with `runcard run CARD --fresh`: its new runs can be reproduced"
        raise not_replayable(f"`{run.name}` was made by an older runcard", project, why, hint)


def not_replayable(what: str, project: Project, why: str, hint: str) -> errors.NotReplayable:
    """Make the error for a run that cannot be run again."""
    return errors.NotReplayable(what, where=redact(project.tracking_uri), why=why, hint=hint)
