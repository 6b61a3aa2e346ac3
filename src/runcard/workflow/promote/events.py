"""Carrying out events of registered models: entered in the ledger, applied, marked finished.

An event is *agreed upon* once it stands in the ledger, and from then on it will happen: its process moves the alias
and finishes it, or, if that process dies, the next one that looks at the model does. What is done may be done
twice and leaves the same. A process that was held up for long does not touch the alias any more.

Why: docs/adr/0012-events-before-aliases.md
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress

from runcard import errors
from runcard.names import VersionRef
from runcard.promotion import PRODUCTION, Promotion
from runcard.redact import redact
from runcard.tags import ARCHIVED_TAG, OUR_TAGS
from runcard.tracking.entries import LedgerEntry, is_gone
from runcard.tracking.records import MODEL_FOLDER
from runcard.workflow.promote.chosen import KEPT
from runcard.workflow.promote.session import Desk

PATIENCE_SECONDS = 60.0
"""How long another process may take for an event before it is taken for dead; a request takes 30 s at most."""
FRESH_SECONDS = 20.0
"""For how long after its event was agreed upon a process moves the alias itself."""
_LOOK_EVERY_SECONDS = 0.2


def complete_events(desk: Desk, model: str) -> list[LedgerEntry]:
    """Return all ledger entries once those of the model are carried out, waiting for a process that is doing so.

    What was meant to be done with a version that is deleted is void from then on.
    """
    seen: dict[str, float] = {}
    while True:
        entries = desk.ledger.entries()
        begun = next((e for e in entries if e.promotion.model == model and not (e.is_finished or e.is_void)), None)
        if begun is None:
            return entries
        is_new = begun.event_id not in seen
        since = seen.setdefault(begun.event_id, time.monotonic())
        if is_gone(begun.owner) or time.monotonic() - since > PATIENCE_SECONDS:
            desk.note(f"finishing what {_whose(begun)} began and did not end: {begun.promotion}")
            with suppress(errors.ModelVersionUnknown, errors.ModelMissing):
                apply_event(desk, begun)
            continue
        if is_new:
            desk.note(f"waiting for {_whose(begun)}: {begun.promotion}")
        time.sleep(_LOOK_EVERY_SECONDS)


def record_event(desk: Desk, promotion: Promotion, entries: Sequence[LedgerEntry]) -> LedgerEntry:
    """Append an event to the ledger after the entries it was judged by, and carry it out.

    Raises
    ------
    PromotionOvertaken
        The alias was moved, or the same model registered, by somebody else meanwhile.
    """
    known = len(entries)
    while True:
        _refuse_moved(desk, promotion, known)
        began = time.monotonic()
        entry = desk.ledger.append(promotion, entries[-1] if entries else None, desk.sign)
        if entry is not None:
            break
        entries = complete_events(desk, promotion.model)
        _refuse_overtaken(desk, promotion, entries[known:])
    if time.monotonic() - began > FRESH_SECONDS:
        return _finished_by_anyone(desk, entry)
    return apply_event(desk, entry)


def apply_event(desk: Desk, entry: LedgerEntry) -> LedgerEntry:
    """Carry out an event and mark it finished; doing so again changes nothing.

    Raises
    ------
    ModelVersionUnknown, ModelMissing
        What it is about was deleted meanwhile: nothing was moved, and the event is void.
    """
    try:
        version = (
            _make_version(desk, entry.promotion) if entry.promotion.alias is None else _move(desk, entry.promotion)
        )
    except (errors.ModelVersionUnknown, errors.ModelMissing) as error:
        desk.ledger.annul(entry, error.what)
        raise
    done = desk.ledger.finish(entry, version=version)
    _agree(desk, done)
    return done


def _move(desk: Desk, promotion: Promotion) -> int:
    model, alias = promotion.model, str(promotion.alias)
    version = desk.registry.find(VersionRef(model, version=promotion.version)).version
    desk.registry.move_alias(model, alias, version)
    if alias == PRODUCTION:
        desk.registry.mark(model, version, ARCHIVED_TAG, None)
        if promotion.previous is not None:
            desk.registry.mark(model, promotion.previous, ARCHIVED_TAG, promotion.at)
    return version


def _agree(desk: Desk, done: LedgerEntry) -> None:
    """Move an alias on if this process moved it too late, after another took it for dead and went on."""
    ours = done.promotion
    same = [
        entry
        for entry in desk.ledger.entries()
        if entry.is_finished and (entry.promotion.model, entry.promotion.alias) == (ours.model, ours.alias)
    ]
    if ours.alias is not None and same[-1].event_id != done.event_id:
        _move(desk, same[-1].promotion)


def _finished_by_anyone(desk: Desk, entry: LedgerEntry) -> LedgerEntry:
    """Return an event once it is finished: by another process, or else by this one."""
    return next(e for e in complete_events(desk, entry.promotion.model) if e.event_id == entry.event_id)


def _make_version(desk: Desk, promotion: Promotion) -> int:
    decision = promotion.decision
    tags = {f"{OUR_TAGS}{name}": str(decision[name]) for name in KEPT if decision.get(name)}
    made = desk.registry.make_version(
        promotion.model,
        promotion.run_id,
        model=MODEL_FOLDER,
        tags=tags,
        description=str(decision.get("description", "")),
    )
    return made.version


def _refuse_moved(desk: Desk, promotion: Promotion, known: int) -> None:
    """Raise if, after the first `known` entries, the alias is not where it was when the event was judged."""
    if promotion.alias is None:
        return
    holder = desk.registry.holder(promotion.model, promotion.alias)
    now = holder.version if holder else None
    if now != promotion.previous:
        _refuse_overtaken(desk, promotion, desk.ledger.entries()[known:])
        raise _overtaken(desk, promotion, f"it was moved to {promotion.model}/{now}" if now else "it was taken off")


def _refuse_overtaken(desk: Desk, promotion: Promotion, entries: Sequence[LedgerEntry]) -> None:
    """Raise if another's event concerns the same alias, or registers the same run."""
    for other in (entry.promotion for entry in entries if not entry.is_void):
        same = other.model == promotion.model and other.alias == promotion.alias
        if same and (promotion.alias is not None or other.run_id == promotion.run_id):
            raise _overtaken(desk, promotion, f"{other.who} on {other.host} was first: {other}, {other.at}")


def _overtaken(desk: Desk, promotion: Promotion, why: str) -> errors.PromotionOvertaken:
    what = f"`{promotion.alias}` of {promotion.model}" if promotion.alias else promotion.model
    return errors.PromotionOvertaken(
        f"{what} was changed by somebody else while {promotion.model}/{promotion.version or 'a version'} was judged",
        where=redact(desk.registry.uri),
        why=why,
        hint=f"look at `runcard history {promotion.model}`, then ask again: it is judged against the new holder",
    )


def _whose(entry: LedgerEntry) -> str:
    return f"{entry.promotion.who} on {entry.promotion.host}"
