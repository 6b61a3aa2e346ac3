"""Verification of the ledger, and of the registry's agreement with it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from runcard import errors
from runcard.names import read_model
from runcard.project import Project
from runcard.promotion import event_text
from runcard.provenance.signing import check_signature
from runcard.redact import redact
from runcard.tags import MODEL_DIGEST_TAG
from runcard.tracking.entries import LedgerEntry
from runcard.workflow.promote.events import complete_events
from runcard.workflow.promote.history import moved_by_hand
from runcard.workflow.promote.session import Desk, Note, open_desk
from runcard.workflow.refs import explain_unknown


@dataclass(frozen=True, slots=True)
class Verified:
    """A ledger that was verified."""

    entries: tuple[LedgerEntry, ...]
    n_chained: int
    """Events that are chained to the one before; those at the beginning may be older than that."""
    signers: tuple[str, ...]
    """Who signed, of each event that is signed; somebody unknown where nothing here says whose keys count."""

    def __str__(self) -> str:
        """Describe the findings in one line."""
        n, old = len(self.entries), len(self.entries) - self.n_chained
        older = f"; the first {old} are of before events were chained" if old else ""
        by = "; ".join(f"{count} signed by {who}" for who, count in sorted(Counter(self.signers).items()))
        signed = f"; {by}" if by else ""
        return f"the ledger is as it was written: {n} event{'s' * (n != 1)}, each in its place{older}{signed}"


def verify_history(
    model: str,
    *,
    project: Project | None = None,
    tracking_uri: str | None = None,
    note: Note = lambda line: None,
) -> Verified:
    """Verify that no ledger event was edited, removed, inserted or moved, and the model's aliases agree with it.

    Raises
    ------
    LedgerAltered
        Something is not as it was.
    ModelVersionUnknown
        There is no such model.
    """
    name = read_model(model)
    with open_desk(project, tracking_uri=tracking_uri, note=note) as desk:
        entries, faults = desk.ledger.examine()
        if not faults:  # what a killed process left undone is finished first
            complete_events(desk, name)
            entries, faults = desk.ledger.examine()
        signatures = [
            (entry, check_signature(desk.project.root, event_text(entry.digest), entry.signature))
            for entry in entries
            if entry.signature
        ]
        faults += [f"the signature of {entry}: {found.said}" for entry, found in signatures if found.verdict == "bad"]
        if entries or not faults:
            with explain_unknown(model, desk.project):
                faults += _unlike_registry(desk, name, entries)
        if faults:
            raise errors.LedgerAltered(
                f"the ledger is not as it was written: {len(faults)} fault{'s' * (len(faults) != 1)}",
                where=f"{redact(desk.registry.uri)}, experiment `runcard-ledger`",
                why="\n".join(faults),
                hint="find out who changed it: MLflow's database keeps what was deleted until `mlflow gc`",
            )
        signers = (found.said if found.verdict == "good" else "somebody unknown" for _, found in signatures)
        return Verified(tuple(entries), sum(entry.is_chained for entry in entries), tuple(signers))


def _unlike_registry(desk: Desk, model: str, entries: Sequence[LedgerEntry]) -> Iterator[str]:
    versions = {version.version: version for version in desk.registry.versions(model)}
    ours = [entry for entry in entries if entry.promotion.model == model]
    registered = {e.promotion.version: e for e in ours if e.promotion.kind == "register" and e.is_finished}
    for number, version in sorted(versions.items()):
        event = registered.get(number)
        if event is None and MODEL_DIGEST_TAG in version.tags:
            yield f"{version} has no event of its registration: one was taken out, or it was made by hand"
        elif event is not None and event.promotion.run_id != version.run_id:
            yield f"{version} is of the run {version.run_id}, and {event} says {event.promotion.run_id}"
    for entry in ours:
        if entry.is_void and entry.promotion.version in versions:
            yield f"{entry} is marked as void, and its version is there"
    yield from moved_by_hand(desk, model, [entry for entry in ours if entry.is_finished])
