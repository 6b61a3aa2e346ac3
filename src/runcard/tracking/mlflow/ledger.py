"""The ledger in MLflow: events of registered models in one order that everybody agrees on.

MLflow moves an alias for whoever asks last, but a run's parameter is written once: of two processes that log
different values, in any database or through a server, the second is refused. So each event is a run that names
the next one by its parameter `next`, and to append is to be the first who writes that parameter. The first event
of all has none before it; it comes with the experiment, made under a name of its own and then renamed to
`runcard-ledger`, which one process can do. Its parameter `before` is the digest of the event before it, which was
hashed with its own: an event that is edited, taken out or put in later does not fit any more, see `examine`.
"""

from __future__ import annotations

import json
import tempfile
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runcard import errors
from runcard.bounds import MOST_TEXT_BYTES
from runcard.promotion import Promotion, event_text, promotion_json, read_promotion
from runcard.redact import redact
from runcard.tags import AFTER_TAG, EVENT_TAG, KIND_TAG, OUR_TAGS, OWNER_TAG, SIGNATURE_TAG, VOID_TAG
from runcard.tracking import addresses
from runcard.tracking.entries import LEDGER, LedgerEntry, linked, this_process
from runcard.tracking.items import NAME_LIMIT, TAG_LIMIT, storable
from runcard.tracking.mlflow.answers import pages_of
from runcard.tracking.mlflow.connection import PAGE, Connection
from runcard.tracking.mlflow.downloads import download

if TYPE_CHECKING:
    from mlflow.entities import Run

NEXT = "next"
"""The parameter of an event that names the event after it."""
BEFORE = "before"
"""The parameter of an event that holds the digest of the event before it."""
DIGEST = "digest"
"""The parameter of an event that holds its own digest."""
FIRST = "first"
Sign = Callable[[str], str]
"""Gives the signature of a text, empty for none."""
_BEGUN = f"{LEDGER}-begun-"


class MlflowLedger(Connection):
    """The ledger at one tracking address."""

    def __init__(self, uri: str, *, artifact_root: Path) -> None:
        super().__init__(uri)
        self._artifact_root = artifact_root

    def entries(self) -> list[LedgerEntry]:
        """List all events in their order.

        Raises
        ------
        LedgerUnusable
            Somebody else made the experiment, or an event of it is gone.
        """
        with self.translated("the ledger could not be read"):
            chain, others = self._chain()
            self._remove_late(others, chain)
            return self._entries(chain)

    def examine(self) -> tuple[list[LedgerEntry], list[str]]:
        """List all events, and every way in which they differ from what was written, a line each."""
        try:
            with self.translated("the ledger could not be read"):
                chain, others = self._chain()
                entries = self._entries(chain)
                told = [line for run, entry in zip(chain, entries, strict=True) for line in self._unlike(run, entry)]
        except errors.LedgerUnusable as error:
            return [], [error.why]
        chained = [*_breaks(chain, entries)]
        # Whoever was too late to append an event deletes its run, and never finishes it.
        loose = [run for run in others if run.info.status == "FINISHED" or NEXT in run.data.params]
        return entries, [
            *chained,
            *told,
            *(f"the event {run.info.run_name}, run {run.info.run_id[:8]}, was taken out of its place" for run in loose),
        ]

    def append(
        self, promotion: Promotion, after: LedgerEntry | None, sign: Sign = lambda text: ""
    ) -> LedgerEntry | None:
        """Append an event after the last one, signed if `sign` gives a signature; None if another came first."""
        with self.translated("the event could not be written to the ledger"):
            if after is None:
                return self._begin(promotion, sign)
            experiment_id = self._experiment_id()
            if experiment_id is None:
                raise self._unusable("it was there a moment ago")
            written = self._write(promotion, experiment_id, sign, after)
            if self._is_first(after.event_id, written.event_id):
                return written
            self.client.delete_run(written.event_id)
            return None

    def finish(self, entry: LedgerEntry, *, version: int) -> LedgerEntry:
        """Record that an event was carried out."""
        done = replace(entry, promotion=replace(entry.promotion, version=version), is_finished=True)
        with self.translated("the ledger could not be written"):
            if entry.promotion.version is None:
                self._describe(entry.event_id, done.promotion)
            self.client.set_terminated(entry.event_id, "FINISHED")
        return done

    def annul(self, entry: LedgerEntry, why: str) -> None:
        """Record that an event can no longer be carried out: it keeps its position but has no effect."""
        with self.translated("the ledger could not be written"):
            self.client.set_tag(entry.event_id, VOID_TAG, why[: TAG_LIMIT // 2])
            self.client.set_terminated(entry.event_id, "FAILED")

    # The order

    def _chain(self) -> tuple[list[Run], list[Run]]:
        """Return the runs of all events in their order, and the other runs of the experiment."""
        experiment_id = self._experiment_id()
        if experiment_id is None:
            return [], []
        runs = {run.info.run_id: run for run in self._runs(experiment_id)}
        first = [run_id for run_id, run in runs.items() if run.data.tags.get(AFTER_TAG) == FIRST]
        if len(first) != 1:
            raise self._unusable("its first event is not there")
        chain: list[Run] = []
        at = first[0]
        while at:
            if any(run.info.run_id == at for run in chain):
                raise self._unusable(f"its event {at} comes twice")
            chain.append(runs.pop(at) if at in runs else self._late(at, experiment_id))
            at = chain[-1].data.params.get(NEXT, "")
        return chain, list(runs.values())

    def _experiment_id(self) -> str | None:
        found = self.client.get_experiment_by_name(LEDGER)
        if found is None:
            return None
        if found.lifecycle_stage != "active":
            raise self._unusable(
                "the experiment was deleted", f"bring it back: `mlflow experiments restore -x {found.experiment_id}`"
            )
        return str(found.experiment_id)

    def _begin(self, promotion: Promotion, sign: Sign) -> LedgerEntry | None:
        from mlflow.exceptions import MlflowException

        name = _BEGUN + uuid.uuid4().hex
        location = None if addresses.is_server(self.uri) else self._artifact_root.absolute().as_uri()
        experiment_id = self.client.create_experiment(name, artifact_location=location)
        written = self._write(promotion, experiment_id, sign)
        try:
            self.client.rename_experiment(experiment_id, LEDGER)
        except MlflowException:
            if self._experiment_id() is None:
                raise
        is_ours = self._experiment_id() == experiment_id
        self._remove_false_starts()
        return written if is_ours else None

    def _remove_false_starts(self) -> None:
        """Delete ledgers that others began; one exists now."""
        for experiment in self.client.search_experiments(filter_string=f"name LIKE '{_BEGUN}%'", max_results=PAGE):
            self.client.delete_experiment(experiment.experiment_id)

    def _is_first(self, after: str, event_id: str) -> bool:
        from mlflow.exceptions import MlflowException

        try:
            self.client.log_param(after, NEXT, event_id)
        except MlflowException:
            found = self.client.get_run(after)
            if NEXT not in found.data.params:
                if found.info.lifecycle_stage != "active":
                    raise self._unusable(
                        f"its last event, the run {after}, was deleted",
                        f"bring it back: `mlflow runs restore --run-id {after}`",
                    ) from None
                raise
            return bool(found.data.params[NEXT] == event_id)
        return True

    def _remove_late(self, others: list[Run], chain: list[Run]) -> None:
        """Delete events whose process died before appending them, and that can no longer be appended."""
        is_taken = {run.info.run_id for run in chain if NEXT in run.data.params}
        for run in others:
            if run.info.lifecycle_stage == "active" and run.data.tags.get(AFTER_TAG) in is_taken:
                self.client.delete_run(run.info.run_id)

    def _late(self, event_id: str, experiment_id: str) -> Run:
        """Return an event that was appended while the others were listed."""
        from mlflow.exceptions import MlflowException

        try:
            found = self.client.get_run(event_id)
        except MlflowException as error:
            if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                raise
            raise self._unusable(f"its event {event_id} is not there") from None
        if found.info.experiment_id != experiment_id:
            raise self._unusable(f"its event {event_id} is in another experiment")
        return found

    # Events as runs

    def _write(
        self, promotion: Promotion, experiment_id: str, sign: Sign, after: LedgerEntry | None = None
    ) -> LedgerEntry:
        from mlflow.entities import Param, RunTag

        place = after.event_id if after else FIRST
        tags = {KIND_TAG: "event", AFTER_TAG: place, OWNER_TAG: this_process(), "mlflow.user": promotion.who}
        run = self.client.create_run(experiment_id, tags=tags, run_name=str(promotion)[:NAME_LIMIT])
        entry = LedgerEntry(str(run.info.run_id), promotion, owner=this_process(), before=after.link if after else "")
        entry = replace(entry, signature=sign(event_text(entry.digest)))
        params = {DIGEST: entry.digest} | ({BEFORE: entry.before} if after else {})
        signed = [RunTag(SIGNATURE_TAG, entry.signature)] if entry.signature else []
        self.client.log_batch(entry.event_id, params=[Param(*each) for each in params.items()], tags=signed)
        self._describe(entry.event_id, promotion)
        return entry

    def _describe(self, event_id: str, promotion: Promotion) -> None:
        """Write an event as tags for readers of the page, as one tag for parsing, and as files."""
        from mlflow.entities import RunTag

        text = promotion_json(promotion)
        tags = {f"{OUR_TAGS}{name}": value for name, value in _shown(promotion).items() if value}
        tags |= {"mlflow.runName": str(promotion)[:NAME_LIMIT]} | ({EVENT_TAG: text} if len(text) <= TAG_LIMIT else {})
        self.client.log_batch(event_id, tags=[RunTag(name, value) for name, value in tags.items()])
        with tempfile.TemporaryDirectory(prefix="runcard-") as folder:
            gates = [asdict(gate) for gate in promotion.gates]
            Path(folder, "event.json").write_text(json.dumps(asdict(promotion), indent=2, ensure_ascii=False), "utf-8")
            Path(folder, "gates.json").write_text(json.dumps(gates, indent=2, ensure_ascii=False), "utf-8")
            self.client.log_artifacts(event_id, folder)

    def _entries(self, chain: Sequence[Run]) -> list[LedgerEntry]:
        """Read events; for those from before events were chained, compute what they would store."""
        found: list[LedgerEntry] = []
        for run in chain:
            entry = self._entry(run)
            found.append(entry if entry.is_chained or not found else replace(entry, before=found[-1].link))
        return found

    def _entry(self, run: Run) -> LedgerEntry:
        text = run.data.tags.get(EVENT_TAG) or self.read_text(run.info.run_id, "event.json")
        try:
            promotion = read_promotion(text)
        except (ValueError, TypeError, KeyError):
            raise self._unusable(f"its event {run.info.run_id} is not what runcard writes") from None
        return LedgerEntry(
            run.info.run_id,
            promotion,
            run.info.status == "FINISHED",
            VOID_TAG in run.data.tags,
            run.data.tags.get(OWNER_TAG, ""),
            run.data.params.get(BEFORE, ""),
            DIGEST in run.data.params,
            run.data.tags.get(SIGNATURE_TAG, ""),
        )

    def _unlike(self, run: Run, entry: LedgerEntry) -> list[str]:
        """List what in a finished event's run disagrees with the event."""
        found = []
        if run.info.lifecycle_stage != "active":
            found.append(f"{entry} was deleted")
        if entry.is_finished and entry.is_chained:
            shown = {f"{OUR_TAGS}{name}": value for name, value in _shown(entry.promotion).items()}
            edited = [name for name, value in shown.items() if run.data.tags.get(name, "") != value]
            if edited:
                found.append(f"the tags of {entry} were edited: {errors.listing(edited)}")
            if json.loads(self.read_text(entry.event_id, "event.json")) != json.loads(promotion_json(entry.promotion)):
                found.append(f"the file `event.json` of {entry} was edited")
        return found

    def _runs(self, experiment_id: str) -> list[Run]:
        from mlflow.entities import ViewType

        pages = pages_of(
            lambda token: self.client.search_runs(
                [experiment_id], run_view_type=ViewType.ALL, max_results=PAGE, page_token=token
            )
        )
        return [run for page in pages for run in page]

    def read_text(self, run_id: str, name: str) -> str:
        """Read a text file of a run."""
        with (
            self.translated(f"the file `{name}` of the run {run_id} could not be read"),
            tempfile.TemporaryDirectory(prefix="runcard-") as folder,
        ):
            address = f"{self.client.get_run(run_id).info.artifact_uri}/{name}"
            file = download(address, Path(folder), self.client.tracking_uri, most=MOST_TEXT_BYTES)
            return file.read_text(encoding="utf-8")

    def _unusable(self, why: str, hint: str = "") -> errors.LedgerUnusable:
        return errors.LedgerUnusable(
            f"the ledger of promotions, the experiment `{LEDGER}`, cannot be used",
            where=redact(self.uri),
            why=why,
            hint=hint or "restore what was deleted in MLflow, or rename the experiment, and a new ledger is begun",
        )


def _breaks(chain: Sequence[Run], entries: Sequence[LedgerEntry]) -> Iterator[str]:
    """List the breaks in the chain of events; those from before there were digests store none."""
    is_chained = False
    for at, (run, entry) in enumerate(zip(chain, entries, strict=True)):
        written = run.data.params.get(DIGEST)
        if written != entry.digest and (written is not None or is_chained):
            yield f"{entry} was edited since it was written"
        is_chained = is_chained or written is not None
        if at == 0:
            if entry.before:
                yield f"what came before {entry} was taken out"
            continue
        last = entries[at - 1]
        link = linked(chain[at - 1].data.params.get(DIGEST, last.digest), last.signature)
        if run.data.tags.get(AFTER_TAG) != last.event_id or (is_chained and entry.before != link):
            yield f"{entry} was not written after {last}: what is there was edited, taken out, put in or moved"


def _shown(promotion: Promotion) -> dict[str, str]:
    number = {"version": promotion.version, "previous": promotion.previous}
    verdicts = [f"{gate.name}: {gate.verdict}" for gate in promotion.gates]
    shown: dict[str, Any] = {
        **{name: "" if value is None else str(value) for name, value in number.items()},
        "kind_of_event": promotion.kind,
        "registered_model": promotion.model,
        "alias": promotion.alias,
        "who": promotion.who,
        "host": promotion.host,
        "at": promotion.at,
        "reason": promotion.reason,
        "forced": "true" if promotion.is_forced else "",
        "gates": "\n".join(verdicts),
        "run_id": promotion.run_id,
    }
    return {name: storable(str(value or ""))[: TAG_LIMIT // 2] for name, value in shown.items()}
