"""Judging the gates of a version, against the holder of an alias."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from runcard import errors
from runcard.promotion import (
    Gate,
    judge_bounds,
    judge_digest,
    judge_duel,
    judge_reproduced,
    judge_signature,
    judge_signed,
)
from runcard.redact import redact
from runcard.tags import CARD_RUN_TAG, ENVIRONMENT_SAME_TAG, FIRST_DIVERGENCE_TAG, N_TEST_TAG, OUR_TAGS, VERDICT_TAG
from runcard.tracking.items import PARENT_TAG, RunRow
from runcard.tracking.models.description import describe_model
from runcard.tracking.models.digest import digest_or_none
from runcard.tracking.records import PLAN_FILE
from runcard.tracking.seal import is_ours
from runcard.tracking.versions import ModelVersion
from runcard.workflow.agreement import part, unlike_trial
from runcard.workflow.models.load import load_pipeline, signer_of
from runcard.workflow.promote.duel import Contender, compare_on, read_test_rows
from runcard.workflow.promote.rules import Rules, read_rules
from runcard.workflow.promote.session import Desk
from runcard.workflow.refs import origin_of, run_of_id

NOT_COMPARABLE = "not comparable"
_CHOSEN_BY = "; its card keeps no rows for the test, so its score is the one that it was chosen by"


@dataclass(frozen=True, slots=True)
class Origin:
    """The origin of a version's model: the runs of its trial and its card, and the card's text."""

    run: RunRow
    card: RunRow
    card_text: str


@dataclass(frozen=True, slots=True)
class _Files:
    """The files of a version in a local folder, with their digest."""

    version: ModelVersion
    folder: Path
    digest: str

    @property
    def gate(self) -> Gate:
        return judge_digest(self.digest, self.version.digest)

    @property
    def signature(self) -> dict[str, Any] | None:
        from runcard.tracking.mlflow import signature_of

        return signature_of(self.folder)


def judge_gates(
    desk: Desk, candidate: ModelVersion, holder: ModelVersion | None, *, signature: str = ""
) -> tuple[Gate, ...]:
    """Judge a version by the gates of its card and project; `signature` is the one it would get.

    Raises
    ------
    CardErrors, CardError
        The gates are not what they must be.
    """
    origin = find_origin(desk, candidate)
    experiment = origin.run.experiment if origin else ""
    rules = read_rules(desk.project, experiment, origin.card_text if origin else None)
    desk.note(f"judging {candidate} by the gates of {rules.where}")
    asked = rules.gates
    with tempfile.TemporaryDirectory(prefix="runcard-") as folder:
        ours = _fetch(desk, candidate, Path(folder, "candidate"))
        theirs = _fetch(desk, holder, Path(folder, "holder")) if holder else None
        gates = [*_record(desk, candidate, origin), *([ours.gate] if asked.digest else [])]
        gates += [_signature(ours, theirs)] if asked.signature else []
        gates += [_signed(desk, candidate, signature)] if asked.signed else []
        gates += _measured(rules, origin)
        gates += [_reproduced(desk, candidate, origin)] if asked.reproduced else []
        gates += [_beats_holder(desk, rules, origin, ours, theirs)] if asked.beats_holder else []
    return tuple(gates)


def judge_files(desk: Desk, version: ModelVersion) -> Gate:
    """Judge whether a version's files are unaltered."""
    with tempfile.TemporaryDirectory(prefix="runcard-") as folder:
        return _fetch(desk, version, Path(folder, "model")).gate


def find_origin(desk: Desk, version: ModelVersion) -> Origin | None:
    """Find the runs that a version came from; None for a version that no card's run made."""
    run = origin_of(version, desk.reader)
    card_id = run and (version.tags.get(CARD_RUN_TAG) or run.tags.get(PARENT_TAG))
    card = run_of_id(card_id, desk.reader) if card_id else None
    if run is None or card is None:
        return None
    return Origin(run, card, desk.ledger.read_text(card.run_id, "card.yaml"))


def _record(desk: Desk, version: ModelVersion, origin: Origin | None) -> list[Gate]:
    """Judge whether what is used of a version's trial and card is as recorded; no gate if it is."""
    if origin is None or not is_ours(origin.run):
        return []
    found = [*unlike_trial(origin.run, origin.card, desk.reader, desk.project)]
    for name in ("model_digest", "trial_key", "protocol"):
        ours, theirs = version.tags.get(f"{OUR_TAGS}{name}"), origin.run.tags.get(f"{OUR_TAGS}{name}")
        if ours is not None and ours != theirs:
            found.append(f"{version}: tag `runcard.{name}` is {ours[:12]}, its run says {str(theirs)[:12]}")
    return [Gate("record", "failed", "; ".join(found))] if found else []


def _fetch(desk: Desk, version: ModelVersion, folder: Path) -> _Files:
    folder.mkdir()
    place = desk.registry.fetch(version, folder)
    return _Files(version, place, digest_or_none(place) or "no model any more")


def _signature(ours: _Files, theirs: _Files | None) -> Gate:
    if theirs is None:
        return Gate("signature", "passed", "no holder yet")
    return judge_signature(ours.signature, theirs.signature, str(theirs.version))


def _signed(desk: Desk, version: ModelVersion, signature: str) -> Gate:
    found = signer_of(version, desk.project.root, signature)
    if found is None:
        return judge_signed(
            "", "nobody signed it: let git sign with an SSH key, `gpg.format=ssh` and `user.signingkey`"
        )
    return judge_signed(found.verdict, found.said)


def _measured(rules: Rules, origin: Origin | None) -> list[Gate]:
    metrics = origin.run.metrics if origin else {}
    scores = {name.removeprefix("test_"): value for name, value in metrics.items() if name.startswith("test_")}
    # What a finalist got when it was refitted, before what its trial got on a fold.
    measures = {**metrics, **_without_prefix(metrics, "final_")}
    to_do = "let the card measure it" if _has_test_rows(origin) else "its card keeps no rows for the test"
    return [
        *judge_bounds(rules.gates.floors, scores, kind="floor", to_do=to_do),
        *judge_bounds(rules.gates.constraints, measures, kind="constraint"),
    ]


def _has_test_rows(origin: Origin | None) -> bool:
    return origin is None or origin.card.tags.get(N_TEST_TAG) != "0"


def _without_prefix(metrics: Mapping[str, float], prefix: str) -> dict[str, float]:
    return {name.removeprefix(prefix): value for name, value in metrics.items() if name.startswith(prefix)}


def _reproduced(desk: Desk, version: ModelVersion, origin: Origin | None) -> Gate:
    """Judge by the latest replay of the version's run; replays that were not comparable do not count."""
    to_do = f"`runcard reproduce {version}`"
    if origin is None:
        return judge_reproduced(None, "the run that it came from is not known")
    replays, _ = part([each for each in desk.reader.read_replays(origin.run.run_id) if each.status == "FINISHED"])
    for replay in replays:
        verdict = replay.tags.get(VERDICT_TAG, NOT_COMPARABLE)
        if verdict != NOT_COMPARABLE:
            when = datetime.fromtimestamp(replay.started_ms / 1000, UTC).date().isoformat()
            elsewhere = "" if replay.tags.get(ENVIRONMENT_SAME_TAG) != "false" else ", in a different environment"
            return judge_reproduced(verdict, f"replay {replay.run_id[:8]} of {when}{elsewhere}")
    if replays:
        why = replays[0].tags.get(FIRST_DIVERGENCE_TAG, "").strip()
        return judge_reproduced(None, f"not comparable when it was run again ({why}): mend that, then {to_do}")
    return judge_reproduced(None, f"its run was not run again yet: {to_do}")


def _beats_holder(desk: Desk, rules: Rules, origin: Origin | None, ours: _Files, theirs: _Files | None) -> Gate:
    if theirs is None:
        return Gate("beats_holder", "passed", f"no holder yet{'' if _has_test_rows(origin) else _CHOSEN_BY}")
    for files in (theirs, ours):
        if files.gate.verdict != "passed":
            evidence = f"{files.version} is not loaded: {files.gate.evidence}"
            return Gate("beats_holder", "unknown", evidence)
    if origin is None:
        return Gate("beats_holder", "unknown", "the run that it came from is not known: run its card and register it")
    asked = rules.gates
    try:
        rows = read_test_rows(desk.project, origin.card, origin.card_text, _data_of(desk, origin.card), asked.metric)
        desk.note(f"scoring {ours.version} and {theirs.version} on the same {len(rows.truth)} rows")
        duel = compare_on(rows, _load(desk, ours), _load(desk, theirs), confidence=asked.confidence)
    except errors.RuncardError as error:
        return Gate("beats_holder", "unknown", _in_a_line(error))
    return judge_duel(duel, str(theirs.version), margin=asked.margin, confidence=asked.confidence)


def _data_of(desk: Desk, card: RunRow) -> str | None:
    """Read the data fingerprint of a card's run; None if its plan was not kept or is damaged."""
    try:
        return str(json.loads(desk.ledger.read_text(card.run_id, PLAN_FILE))["data"]["digest"])
    except (errors.TrackingError, ValueError, LookupError, TypeError):
        return None


def _load(desk: Desk, files: _Files) -> Contender:
    """Load a model whose digest was verified."""
    name, signature = str(files.version), files.signature
    if signature is None:
        raise errors.MetricImpossible(f"{name} has no signature", hint="log the model with one")
    described = describe_model(files.folder, name)
    pipeline = load_pipeline(described, name, desk.project, allow_code=desk.allow_code, any_version=True)
    return Contender(name, pipeline, tuple(described.columns))


def _in_a_line(error: errors.RuncardError) -> str:
    if isinstance(error, errors.CardErrors):
        return _in_a_line(error.errors[0])
    return redact("; ".join(" ".join(part.split()) for part in (error.what, error.why, error.hint) if part))
