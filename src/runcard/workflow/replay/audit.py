"""Gathering the evidence for an audit from MLflow and the data store, with digests computed again.

The present work tree is not looked at, and this clone is only asked whether an unpushed commit was pushed since.

Why: docs/adr/0020-an-audit-reads-the-record.md
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runcard import errors
from runcard.audit import DAMAGED, Audit, Evidence, FileState, KeptModel, RecordedReplay, StoredData, make_audit
from runcard.data.splitfile import NAME as SPLIT_FILE
from runcard.data.splitfile import digest_rows, read_split
from runcard.data.store import Store, open_data_store
from runcard.project import Project, find_project
from runcard.provenance.bundle import read_code
from runcard.provenance.capture.modules import text_digest
from runcard.provenance.git import is_pushed
from runcard.provenance.rebuild.records import is_commit
from runcard.tags import (
    CARD_DIGEST_TAG,
    DETERMINISTIC_TAG,
    EXACT_PARAMS_TAG,
    FEATURES_TAG,
    MODEL_DIGEST_TAG,
    VERDICT_TAG,
)
from runcard.tracking.backends import open_reader
from runcard.tracking.items import EXACT_PARAMS_FILE, RunReader, RunRow
from runcard.tracking.models.digest import digest_or_none
from runcard.tracking.runfiles import RunFiles
from runcard.workflow.agreement import unlike_trial
from runcard.workflow.refs import Subject, find_trial, only_card
from runcard.yaml import parse

if TYPE_CHECKING:
    from runcard.tracking.mlflow import MlflowDetails

_PARTS = ("code", "environment", "hardware", "container", "notebooks", "seeds", "data")


def audit_run(name: str | None = None, project: Project | None = None) -> Audit:
    """Audit a run by the reproducibility checklist.

    Parameters
    ----------
    name
        A run, or a registered version for the run that it came from. A card's run stands for its chosen trial, a
        card or an experiment for its latest card's run. None for the project's only card.

    Raises
    ------
    RunUnknown, ExperimentUnknown, NotReplayable, TrackingAway, TrackingError
    """
    from runcard.tracking.mlflow import MlflowDetails

    project = project or find_project()
    with open_reader(project) as reader, MlflowDetails(project.tracking_uri) as details:
        reader.probe()
        subject = find_trial(name or only_card(project, "audit"), reader, project)
        return make_audit(_Gathering(subject, project, reader, details).evidence())


@dataclass(frozen=True, slots=True)
class _Gathering:
    """The sources of the evidence of one run."""

    subject: Subject
    project: Project
    reader: RunReader
    details: MlflowDetails

    def evidence(self) -> Evidence:
        run, card = self.subject.run, self.subject.card
        if card is None:
            return self._of_plain(run)
        files = self._files(card)
        kept = files.read_below("provenance")
        parts = _parts(kept)
        code = parts.get("code") or {}
        plan = _mapping(files.read("plan.json")) or {}
        return Evidence(
            run_id=run.run_id,
            name=run.name,
            experiment=run.experiment,
            card_run_id=card.run_id,
            tags={**card.tags, **run.tags},
            params=run.params,
            altered=unlike_trial(run, card, self.reader, self.project),
            card=_card(files.read("card.yaml"), card.tags.get(CARD_DIGEST_TAG)),
            plan=plan,
            parts=parts,
            code_problem=_problem(code, kept),
            pushed_since=self._is_pushed_since(code),
            hyperparameters=self._hyperparameters(run),
            split=_split(files.read(SPLIT_FILE), plan.get("split") or {}),
            data=self._data(plan, parts.get("data") or {}),
            feature_set=run.tags.get(FEATURES_TAG),
            model=self._model(run),
            replays=tuple(map(_replay, self.reader.read_replays(run.run_id))),
        )

    def _of_plain(self, run: RunRow) -> Evidence:
        """Gather what MLflow itself stores of a run."""
        return Evidence(
            run_id=run.run_id,
            name=run.name,
            experiment=run.experiment,
            tags=self.details.tags_of(run.run_id),
            params=run.params,
            model=self._model(run),
        )

    def _is_pushed_since(self, code: Mapping[str, Any]) -> bool | None:
        """Tell whether an unpushed commit was pushed since; only for a valid commit hash."""
        commit = code.get("commit")
        asked = code.get("pushed") is False and is_commit(commit)
        return is_pushed(self.project.root, str(commit)) if asked else None

    def _files(self, run: RunRow) -> RunFiles:
        return RunFiles(self.project.tracking_uri, run.run_id, self.reader)

    def _hyperparameters(self, run: RunRow) -> Mapping[str, Any] | None:
        text: str | bytes | None = run.tags.get(EXACT_PARAMS_TAG)
        return _mapping(text or self._files(run).read(EXACT_PARAMS_FILE))

    def _data(self, plan: Mapping[str, Any], described: Mapping[str, Any]) -> StoredData:
        """Look up the content of the data by its fingerprint, and read it: a damaged one counts as missing."""
        store, reason = open_data_store(self.project), ""
        try:
            kept = store.find(str((plan.get("data") or {}).get("digest")))
            if kept is not None:
                with store.open_file(kept):
                    return StoredData(f"its bytes are in the data store, {self._shown(store)}")
        except errors.RuncardError as error:
            reason = error.what
        try:
            if dvc := (described.get("locked") or {}).get("dvc"):
                at = f" at git revision {dvc['revision'][:12]}" if dvc.get("revision") else ""
                return StoredData(f"DVC has it as {dvc['md5']}{at}")
        except DAMAGED:
            reason = "what was recorded of it cannot be read"
        return StoredData(None, reason or f"its content is not in the data store, {self._shown(store)}")

    def _shown(self, store: Store) -> str:
        return store.where if "://" in store.where else self.project.shown(Path(store.where))

    def _model(self, run: RunRow) -> KeptModel | None:
        digest = run.tags.get(MODEL_DIGEST_TAG)
        if digest is None:
            return KeptModel(None, None) if self.details.has_model(run.run_id) else None
        with tempfile.TemporaryDirectory(prefix="runcard-") as place:
            folder = self.details.fetch_model(run.run_id, Path(place))
            if folder is None:
                return KeptModel(digest, "gone")
            return KeptModel(digest, "same" if digest_or_none(folder) == digest else "changed")


def _replay(row: RunRow) -> RecordedReplay:
    tags = row.tags
    day = datetime.fromtimestamp(row.started_ms / 1000, UTC).date().isoformat()
    is_deterministic = {"true": True, "false": False}.get(tags.get(DETERMINISTIC_TAG, ""))
    return RecordedReplay(row.run_id, tags.get(VERDICT_TAG, "without a verdict"), is_deterministic, day)


def _problem(code: Mapping[str, Any], kept: Mapping[str, bytes]) -> str:
    """Read the code from the record again, checking every file's digest, and return what is wrong."""
    try:
        read_code(code, kept)
    except errors.CodeNotRestored as error:
        return error.what
    return ""


def _split(content: bytes | None, planned: Mapping[str, Any]) -> FileState:
    """Tell whether the kept row numbers are those of the plan."""
    if content is None:
        return "gone"
    with tempfile.TemporaryDirectory(prefix="runcard-") as place:
        path = Path(place, SPLIT_FILE)
        path.write_bytes(content)
        try:
            found = digest_rows(*read_split(path))
        except (OSError, *DAMAGED):  # whatever is no such table any more
            return "changed"
    return "same" if found.items() <= planned.items() else "changed"


def _parts(kept: Mapping[str, bytes]) -> dict[str, Any]:
    """Read the parts of a run's provenance; unreadable ones count as not recorded."""
    parts = {}
    for name in _PARTS:
        with suppress(KeyError, ValueError):
            found = json.loads(kept[f"{name}.json"])
            if found is None or isinstance(found, Mapping):
                parts[name] = found
    return parts


def _card(content: bytes | None, digest: str | None) -> Mapping[str, Any] | None:
    """Parse a card, if it is still the one that was run."""
    text = (content or b"").decode("utf-8", "replace")
    if text_digest(text) != digest:
        return None
    found = parse(text, "card.yaml").value
    return found if isinstance(found, Mapping) else None


def _mapping(content: str | bytes | None) -> Mapping[str, Any] | None:
    try:
        found = json.loads(content or "null")
    except ValueError:
        return None
    return found if isinstance(found, Mapping) else None
