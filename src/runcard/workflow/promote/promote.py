"""Promotion: moving an alias to a version if every gate passes, with an event in the team's ledger."""

from __future__ import annotations

from dataclasses import dataclass, replace

from runcard import errors
from runcard.names import VersionRef, read_as
from runcard.printable import printable_line
from runcard.project import Project
from runcard.promotion import EventKind, Gate, Promotion
from runcard.redact import redact
from runcard.tags import OUR_TAGS, SIGNATURE_TAG
from runcard.tracking.versions import ModelVersion
from runcard.workflow.promote.chosen import KEPT
from runcard.workflow.promote.events import complete_events, record_event
from runcard.workflow.promote.gates import judge_gates
from runcard.workflow.promote.session import Desk, Note, open_desk
from runcard.workflow.refs import explain_unknown


@dataclass(frozen=True, slots=True)
class Promoted:
    """The result of moving an alias."""

    version: ModelVersion
    alias: str
    promotion: Promotion | None
    """The event; None where the version held the alias already."""


def promote(
    model: str,
    *,
    to: str,
    force: bool = False,
    reason: str = "",
    allow_code: bool = False,
    project: Project | None = None,
    tracking_uri: str | None = None,
    note: Note = lambda line: None,
) -> Promoted:
    """Move an alias to a model version if every gate passes.

    Parameters
    ----------
    model
        `churn/3`, `churn@staging`, or `churn` for its latest version.
    to
        The alias, `staging` or `production`.
    force, reason
        Move it although a gate does not hold, which needs a reason; both are recorded.
    allow_code
        Whether code that comes with a model may run where a gate scores it, see `open_model`.

    Raises
    ------
    GateFailed
        A gate does not hold, or cannot be judged.
    PromotionOvertaken
        The alias was moved by somebody else meanwhile.
    ModelVersionUnknown, UsageError
    """
    _refuse_silent_force(force=force, reason=reason)
    ref = read_as(VersionRef, model)
    with open_desk(project, tracking_uri=tracking_uri, note=note, allow_code=allow_code) as desk:
        entries = complete_events(desk, ref.name)
        with explain_unknown(model, desk.project):
            candidate = desk.registry.find(ref)
        holder = desk.registry.holder(ref.name, to)
        if holder is not None and holder.version == candidate.version:
            _sign_in_place(desk, candidate)
            return Promoted(candidate, to, None)
        signature = desk.sign(candidate.text) if candidate.digest else ""
        gates = judge_gates(desk, candidate, holder, signature=signature)
        is_held = all(gate.verdict == "passed" for gate in gates)
        if not is_held and not force:
            raise _failed(desk, candidate, to, gates)
        promotion = move(desk, candidate, holder, kind="promote", alias=to, gates=gates, reason=reason)
        promotion = replace(promotion, is_forced=not is_held)
        if signature:
            desk.registry.mark(candidate.name, candidate.version, SIGNATURE_TAG, signature)
        record_event(desk, promotion, entries)
        return Promoted(candidate, to, promotion)


def _sign_in_place(desk: Desk, version: ModelVersion) -> None:
    """Sign a version that already holds its alias, promoted before its promoter had a key."""
    signature = desk.sign(version.text) if version.digest and SIGNATURE_TAG not in version.tags else ""
    if not signature:
        return
    failed = [gate for gate in judge_gates(desk, version, None, signature=signature) if gate.verdict != "passed"]
    if failed:
        desk.note(f"{version} is not signed: {gate_lines(tuple(failed))}")
        return
    desk.registry.mark(version.name, version.version, SIGNATURE_TAG, signature)
    desk.note(f"{version} is signed now")


def move(
    desk: Desk,
    version: ModelVersion,
    holder: ModelVersion | None,
    *,
    kind: EventKind,
    alias: str,
    gates: tuple[Gate, ...],
    reason: str,
) -> Promotion:
    """Make the event of an alias that moves from its holder to a version."""
    return Promotion(
        kind=kind,
        model=version.name,
        version=version.version,
        run_id=version.run_id or "",
        alias=alias,
        previous=holder.version if holder else None,
        # Which trial of which card the version is.
        decision={name: version.tags[f"{OUR_TAGS}{name}"] for name in KEPT if f"{OUR_TAGS}{name}" in version.tags},
        gates=gates,
        reason=redact(reason.strip()),
        **desk.signed(),
    )


def gate_lines(gates: tuple[Gate, ...]) -> str:
    """Write the result of every gate, a line each, failed ones first."""
    ordered = sorted(gates, key=lambda gate: gate.verdict == "passed")
    return "\n".join(printable_line(f"{gate.verdict}: {gate.name}: {gate.evidence}") for gate in ordered)


def _refuse_silent_force(*, force: bool, reason: str) -> None:
    if force and not reason.strip():
        raise errors.UsageError(
            "`--force` needs a reason",
            why="the whole team sees in the ledger why a gate was passed over",
            hint='add `--reason "..."`',
        )


def _failed(desk: Desk, candidate: ModelVersion, alias: str, gates: tuple[Gate, ...]) -> errors.GateFailed:
    n_open = sum(gate.verdict != "passed" for gate in gates)
    return errors.GateFailed(
        f"{candidate} may not become `{alias}`: {n_open} of {len(gates)} gates do not hold",
        where=redact(desk.registry.uri),
        why=gate_lines(gates),
        hint='`--force --reason "..."` moves it all the same, and is recorded',
    )
