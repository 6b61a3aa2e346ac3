"""Recording a replay as a run of its own in MLflow, leaving the original unchanged."""

from __future__ import annotations

import json
import shutil
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from runcard import errors
from runcard.journal import hold_card
from runcard.printable import in_markdown
from runcard.project import Project
from runcard.replay import Replay, kept_at, replay_json
from runcard.tags import (
    CARD_DIGEST_TAG,
    DETERMINISTIC_TAG,
    ENVIRONMENT_SAME_TAG,
    FIRST_DIVERGENCE_TAG,
    REPLAY_MODE_TAG,
    REPLAY_OF_CARD_TAG,
    REPLAY_OF_TAG,
    REPLAY_SANDBOXED_TAG,
    REPLAY_TRUSTED_TAG,
    REPLAYED_KEY_TAG,
    VERDICT_TAG,
    WHY_TAG,
)
from runcard.tracking.backends import connect, import_polars_first
from runcard.tracking.items import Artifact, LogItem, MetricValue, RunLog, Tag, TextArtifact, Tracker, safe_metrics
from runcard.tracking.records import PREDICTIONS_FILE, param_items
from runcard.workflow.replay.recorded import Recorded

REPLAYS = "replays"
REPLAY_FILE = "replay.json"
_BEGUN_FILE = "begun.json"
"""Says which run of MLflow is being filled, until all of it is there."""
Given = TypeVar("Given")


class Teller:
    """A thread that connects to MLflow while the trial runs, since importing MLflow takes seconds."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._pool = ThreadPoolExecutor(1, "tracking")
        self._exits = ExitStack()
        self._tracker: Future[Tracker] = self._pool.submit(self._connect)

    def ask(self, question: Callable[[Tracker], Given]) -> Given:
        """Call a function with the tracker, in the thread."""
        return self._pool.submit(lambda: question(self._tracker.result())).result()

    def close(self) -> None:
        """Close the tracker and end the thread."""
        self._pool.submit(self._exits.close).result()
        self._pool.shutdown()

    def _connect(self) -> Tracker:
        tracker = self._exits.enter_context(connect(self._project))
        tracker.probe()
        return tracker


@contextmanager
def telling(project: Project) -> Iterator[Teller]:
    """Connect to MLflow in the background."""
    import_polars_first()
    teller = Teller(project)
    try:
        yield teller
    finally:
        teller.close()


def keep(left: Left, recorded: Recorded, project: Project, teller: Teller) -> Replay:
    """Save a replay locally, then as a run in MLflow; what MLflow does not take stays local, with a warning."""
    replay = left.replay
    folder = project.home / REPLAYS / f"{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}-{uuid.uuid4().hex[:8]}"
    folder.mkdir(parents=True)
    if left.predictions:
        (folder / PREDICTIONS_FILE).write_bytes(left.predictions)
    (folder / REPLAY_FILE).write_text(replay_json(replay), encoding="utf-8")
    try:
        with hold_card(project.home, _lock_of(folder)):
            told = teller.ask(lambda tracker: _tell(tracker, left, recorded, folder))
            teller.ask(lambda tracker: _end_killed(tracker, project.home))
    except errors.TrackingError as error:
        kept = kept_at(replay, None, f"{project.shown(folder)} ({error.what})")
        (folder / REPLAY_FILE).write_text(replay_json(kept), encoding="utf-8")
        return kept
    shutil.rmtree(folder, ignore_errors=True)
    return told


def _tell(tracker: Tracker, left: Left, recorded: Recorded, folder: Path) -> Replay:
    log = _log(left, recorded)
    (folder / _BEGUN_FILE).write_text(json.dumps([log.experiment, log.record_id]))
    run_id = tracker.open_run(log)
    replay = kept_at(left.replay, run_id)
    files: tuple[LogItem, ...] = (
        TextArtifact(replay_json(replay), REPLAY_FILE),
        TextArtifact(recorded.account.card, "card.yaml"),
        *(TextArtifact(text, name) for name, text in left.files.items()),
    )
    predictions = folder / PREDICTIONS_FILE
    files += (Artifact(predictions),) if predictions.is_file() else ()
    tracker.fill_run(run_id, replace(log, items=(*log.items, *files)))
    (folder / _BEGUN_FILE).unlink()
    return replay


def _end_killed(tracker: Tracker, home: Path) -> None:
    """End runs of replays whose process was killed while writing; their results stay in their folders."""
    for begun in (home / REPLAYS).glob(f"*/{_BEGUN_FILE}"):
        # What cannot be ended now is for whoever comes next: this replay is told, and stands.
        with (
            suppress(errors.CardBusy, errors.TrackingError, OSError, ValueError),
            hold_card(home, _lock_of(begun.parent), patience=0),
        ):
            experiment, record_id = json.loads(begun.read_text())
            tracker.end_killed(experiment, record_id)
            begun.unlink()


def _lock_of(folder: Path) -> str:
    return f"replay-{folder.name[-8:]}"


def _log(left: Left, recorded: Recorded) -> RunLog:
    replay = left.replay
    ended = int(time.time() * 1000)
    return RunLog(
        record_id=uuid.uuid4().hex,
        kind="replay",
        name=f"replay-of-{replay.run_name}",
        experiment=replay.experiment,
        started_ms=ended - int(replay.seconds * 1000),
        status="FINISHED",
        ended_ms=ended,
        parent_run_id=replay.run_id,
        items=(
            *_tags(left, recorded),
            *param_items(replay.model, replay.params),
            *safe_metrics(_metrics(left, ended)),
        ),
    )


def _tags(left: Left, recorded: Recorded) -> list[Tag]:
    replay = left.replay
    tags = {
        REPLAY_OF_TAG: replay.run_id,
        REPLAY_OF_CARD_TAG: replay.card_run_id,
        REPLAY_MODE_TAG: replay.mode,
        REPLAY_TRUSTED_TAG: replay.trusted,
        REPLAY_SANDBOXED_TAG: str(replay.sandboxed).lower(),
        VERDICT_TAG: replay.verdict,
        ENVIRONMENT_SAME_TAG: str(replay.same_environment).lower(),
        DETERMINISTIC_TAG: "" if replay.is_deterministic is None else str(replay.is_deterministic).lower(),
        FIRST_DIVERGENCE_TAG: replay.first_divergence,
        WHY_TAG: replay.why,
        CARD_DIGEST_TAG: recorded.card_digest,
        REPLAYED_KEY_TAG: replay.trial_key,
        "mlflow.note.content": f"**{replay.words}**: {in_markdown(replay.why)}",
        **left.tags,
    }
    return [Tag(name, value) for name, value in tags.items() if value]


def _metrics(left: Left, at: int) -> list[MetricValue]:
    found = []
    for name, scores in left.folds.items():
        found += [MetricValue(f"cv_{name}", score, fold, at) for fold, score in enumerate(scores)]
        found.append(MetricValue(f"cv_{name}_mean", sum(scores) / len(scores), 0, at))
    found += [MetricValue(f"test_{name}", score, 0, at) for name, score in left.test.items()]
    return found


@dataclass(frozen=True, slots=True, eq=False)
class Left:
    """A replay, with the files kept with it."""

    replay: Replay
    files: Mapping[str, str]
    """Its circumstances: path below the run's artifacts -> text."""
    tags: Mapping[str, str]
    """As MLflow itself would set them."""
    folds: Mapping[str, tuple[float, ...]]
    test: Mapping[str, float]
    predictions: bytes = b""
    """The test rows with what was predicted for them, as Parquet; empty where there are none."""
