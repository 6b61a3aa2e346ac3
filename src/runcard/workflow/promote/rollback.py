"""Rollback: production returns to a version that held it before."""

from __future__ import annotations

from collections.abc import Sequence

from runcard import errors
from runcard.names import VersionRef, read_model
from runcard.project import Project
from runcard.promotion import PRODUCTION, Gate, holders
from runcard.redact import redact
from runcard.tracking.entries import LedgerEntry
from runcard.tracking.versions import ModelVersion
from runcard.workflow.promote.events import complete_events, record_event
from runcard.workflow.promote.gates import judge_files
from runcard.workflow.promote.promote import Promoted, gate_lines, move
from runcard.workflow.promote.session import Desk, Note, open_desk
from runcard.workflow.refs import explain_unknown


def rollback(
    model: str,
    *,
    to: int | None = None,
    reason: str = "",
    project: Project | None = None,
    tracking_uri: str | None = None,
    note: Note = lambda line: None,
) -> Promoted:
    """Move production back to the version that held it before, or to an earlier one.

    Its files must be what was saved; no other gate is asked, for it passed them when it was promoted.

    Raises
    ------
    ModelVersionUnknown
        No such version held production before, or it was deleted.
    GateFailed
        Its files are not what was saved.
    PromotionOvertaken
        Production was moved by somebody else meanwhile.
    """
    name = read_model(model)
    with open_desk(project, tracking_uri=tracking_uri, note=note) as desk:
        entries = complete_events(desk, name)
        with explain_unknown(model, desk.project):
            holder = desk.registry.holder(name, PRODUCTION)
        earlier = _earlier(entries, name, holder)
        if to is not None and holder is not None and holder.version == to:
            return Promoted(holder, PRODUCTION, None)
        if not earlier or (to is not None and to not in earlier):
            raise _no_earlier(desk, name, to, earlier)
        version = desk.registry.find(VersionRef(name, version=to or earlier[-1]))
        gate = judge_files(desk, version)
        if gate.verdict != "passed":
            raise _not_as_saved(desk, version, gate)
        promotion = move(desk, version, holder, kind="rollback", alias=PRODUCTION, gates=(gate,), reason=reason)
        record_event(desk, promotion, entries)
        return Promoted(version, PRODUCTION, promotion)


def _earlier(entries: Sequence[LedgerEntry], model: str, holder: ModelVersion | None) -> list[int]:
    """List the versions that held production before the present holder, the latest last."""
    events = [entry.promotion for entry in entries if entry.promotion.model == model and entry.is_finished]
    held = holders(events, PRODUCTION)
    now = holder.version if holder else None
    return [version for version in (held[:-1] if held[-1:] == [now] else held) if version != now]


def _not_as_saved(desk: Desk, version: ModelVersion, gate: Gate) -> errors.GateFailed:
    return errors.GateFailed(
        f"{version} may not become `{PRODUCTION}` again: its files are not what was saved",
        where=redact(desk.registry.uri),
        why=gate_lines((gate,)),
        hint=f"name another version: `runcard rollback {version.name} --to VERSION`",
    )


def _no_earlier(desk: Desk, model: str, to: int | None, earlier: Sequence[int]) -> errors.ModelVersionUnknown:
    shown = errors.listing([f"{model}/{version}" for version in dict.fromkeys(earlier)])
    return errors.ModelVersionUnknown(
        f"{model}/{to} is not a holder before the present one"
        if to
        else f"nothing held `{PRODUCTION}` of {model} before",
        where=redact(desk.registry.uri),
        why=f"the ledger has {shown}" if earlier else "the ledger has no earlier holder",
        hint=f"promote a version instead: `runcard promote {model}/VERSION --to {PRODUCTION}`",
    )
