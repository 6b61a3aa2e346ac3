"""The seal of a run: a second copy of what was written to MLflow, with a digest, to detect later edits.

RunLog ──► seal_items ──► tags `runcard.seal...`
RunRow ──► unlike     ──► what does not agree, in words

A log is sealed by itself: what a run was recorded with, what came later (a finalist's results, a card's end), and a
decision. A seal shows accidents and careless edits; whoever writes both the run and its seals is not found out.

Why: docs/adr/0029-a-record-is-sealed-in-mlflow.md
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import PurePosixPath
from typing import Any, cast

from runcard.errors import MOST_SHOWN
from runcard.tags import DECISION_TAG, KIND_TAG, OUR_TAGS, PROTOCOL_TAG, RECORD_TAG
from runcard.tracking.items import (
    DECISION_FILE,
    PARENT_TAG,
    TAG_LIMIT,
    Artifact,
    DatasetInput,
    LogItem,
    MetricValue,
    ModelFiles,
    Param,
    RunLog,
    RunRow,
    SealName,
    Tag,
    TextArtifact,
    shorten,
)

BEGUN: SealName = "runcard.seal"
ENDED: SealName = "runcard.seal_end"
DECIDED: SealName = "runcard.seal_decision"
_OPEN = "open"
"""In place of a seal, while what it is about is being written."""

_LONGEST = 66
"""Characters that are kept as they are: a digest in hex is."""
_MOST_POINTS = 16
_HASHED = "sha256:"
_DIGEST = 64
_OURS = re.compile(r"(cv|test|final|curve|best|chosen)_.|(fit_seconds|cpu_seconds|predict_ms_p95|model_mb)$")
"""Metrics that runcard reads as its own, whoever logged them."""

Body = Mapping[str, Any]
NO_FOLDS: Mapping[str, Sequence[float]] = {}


@dataclass(frozen=True, slots=True)
class Sealed:
    """The content that a run's seals say was written."""

    run: Mapping[str, Any]
    """Status, start and parent."""
    params: Mapping[str, str]
    metrics: Mapping[str, Any]
    """Name -> value, or its values in step order; of many their digest and the last."""
    tags: Mapping[str, str]
    files: Mapping[str, str]
    """Path -> sha256 of the content."""
    data: Mapping[str, str]
    """Name of a dataset -> its digest in MLflow."""
    is_open: bool
    """Whether more is being written."""


# Sealing


def open_seal(run: RunLog) -> list[Tag]:
    """Make the tag that stands for a log's seal until the log is complete."""
    return [Tag(run.seal, _OPEN)]


def seal_items(run: RunLog) -> list[Tag]:
    """Make the seal of a log: one tag, or several where it is long."""
    if run.seal != BEGUN:
        return _as_tags(run.seal, {"run": {"status": run.status}, **_said(run.items)})
    about = {"status": run.status, "started": run.started_ms or None, "parent": run.parent_run_id}
    named = (Tag(KIND_TAG, run.kind), Tag(RECORD_TAG, run.record_id))
    return _as_tags(BEGUN, {"run": about, **_said((*named, *run.items))})


def seal_decision(tags: Iterable[Tag], files: Iterable[TextArtifact] = ()) -> list[Tag]:
    """Make the seal of a decision, which may be made again for runs recorded earlier."""
    body = {
        "tags": {tag.name: _short(kept(tag)) for tag in tags},
        "files": {file.name: content_digest(file.text.encode()) for file in files},
    }
    return _as_tags(DECIDED, body)


def _said(items: Iterable[LogItem]) -> dict[str, Any]:
    """Describe the content of a log, except its decision, which has a seal of its own."""
    metrics: dict[str, dict[int, float]] = {}
    params, tags, files, data = {}, {}, {}, {}
    for item in items:
        match item:
            case Param():
                params[item.name] = _short(item.value)
            case MetricValue() | ModelFiles():
                for metric in [item] if isinstance(item, MetricValue) else item.metrics:
                    metrics.setdefault(metric.name, {})[metric.step] = metric.value + 0.0  # there is no -0.0 in SQLite
            case Tag() if _is_sealed_tag(item.name) and not item.name.startswith(DECISION_TAG):
                tags[item.name] = _short(kept(item))
            case TextArtifact() if item.name != DECISION_FILE:
                files[item.name] = content_digest(item.text.encode())
            case Artifact():
                files |= _files_of(item)
            case DatasetInput():
                data[item.name] = item.digest
    said = {
        "params": params,
        "metrics": {name: _points([points[step] for step in sorted(points)]) for name, points in metrics.items()},
        "tags": tags,
        "files": files,
        "data": data,
    }
    return {name: part for name, part in said.items() if part}


def kept(tag: Tag) -> str:
    """Cut a tag's text to the length that MLflow keeps."""
    return shorten(tag.value, TAG_LIMIT, see="runcard's journal")


def content_digest(content: bytes) -> str:
    """Hash a file's content for a seal."""
    return sha256(content).hexdigest()


def _as_tags(name: str, body: Body) -> list[Tag]:
    text = json.dumps(body, separators=(",", ":"), sort_keys=True, ensure_ascii=True)
    text = sha256(text.encode()).hexdigest() + text
    parts = [text[start : start + TAG_LIMIT] for start in range(0, len(text), TAG_LIMIT)]
    return [Tag(f"{name}_{number}" if number else name, part) for number, part in enumerate(parts)]


def _files_of(artifact: Artifact) -> dict[str, str]:
    path, below = artifact.path, PurePosixPath(artifact.folder)
    found = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    return {
        (below / file.relative_to(path.parent).as_posix()).as_posix(): content_digest(file.read_bytes())
        for file in found
    }


def _points(values: Sequence[float]) -> float | list[Any]:
    if len(values) == 1:
        return values[0]
    if len(values) <= _MOST_POINTS:
        return list(values)
    return [_HASHED + sha256(json.dumps(list(values)).encode()).hexdigest(), values[-1]]


def _short(text: str) -> str:
    if len(text) <= _LONGEST and not text.startswith(_HASHED):
        return text
    return _HASHED + sha256(text.encode()).hexdigest()


# Reading


def is_ours(row: RunRow) -> bool:
    """Tell whether runcard made a run."""
    return any(mark in row.tags for mark in (KIND_TAG, RECORD_TAG, BEGUN))


def is_being_written(row: RunRow) -> bool:
    """Tell whether a run has not ended, so that nothing can be judged yet."""
    return row.status == "RUNNING"


def is_open(row: RunRow) -> bool:
    """Tell whether a run that had ended is being written to again."""
    return row.tags.get(ENDED) == _OPEN


def settled(row: RunRow) -> RunRow:
    """Leave out what a trial's run gets as a finalist, while that is being written."""
    if not is_open(row):
        return row
    return replace(row, metrics={n: value for n, value in row.metrics.items() if not n.startswith(("test_", "final_"))})


def unlike(row: RunRow, folds: Mapping[str, Sequence[float]] = NO_FOLDS) -> tuple[str, ...]:
    """List what in a run's row is not as runcard wrote it; empty for a run that is being written.

    What runcard does not read as its own, be it tags, notes or metrics of the user's, is left out.

    Parameters
    ----------
    folds
        Metric -> its scores by fold, where those were read too.
    """
    if is_being_written(row):
        return ()
    try:
        sealed = read_seals(row)
    except ValueError as error:
        return (str(error),)
    if found := _first(_unlike(row, sealed)):
        return found
    return _first(_unlike_folds(sealed, f"cv_{name}", scores) for name, scores in folds.items())


def _first(found: Iterable[str | None]) -> tuple[str, ...]:
    """Keep the first findings, with the number of those left out."""
    said = tuple(each for each in found if each is not None)
    n_more = len(said) - MOST_SHOWN
    return (*said[:MOST_SHOWN], f"and {n_more:,} more") if n_more > 0 else said


def _unlike_folds(sealed: Sealed, name: str, folds: Sequence[float]) -> str | None:
    was = sealed.metrics.get(name)
    if was is None:
        return f"metric `{name}` is not in its record" if folds else None
    points = list(folds)
    if was in (points, points and _points([value + 0.0 for value in points])):
        return None
    recorded = was if isinstance(was, list) else [was]
    at = next((k for k, (a, b) in enumerate(zip(points, recorded, strict=False)) if a != b), None)
    where = f" of fold {at + 1}" if at is not None and len(points) == len(recorded) else ""
    return f"metric `{name}`{where} is not what its record says"


def unlike_files(row: RunRow, files: Mapping[str, bytes | None], *, below: str = "") -> tuple[str, ...]:
    """List which of a run's files are not those it was recorded with.

    Parameters
    ----------
    files
        Path -> content; None for one that is not there.
    below
        How the paths begin of which there may be no others than `files`; empty for none.
    """
    if is_being_written(row):
        return ()
    try:
        recorded = read_seals(row).files
    except ValueError:  # that is told of the run itself
        return ()
    gone = [name for name in recorded if below and name.startswith(below)]
    every = {**dict.fromkeys(gone), **files}
    return _first(_unlike_file(name, content, recorded.get(name)) for name, content in every.items())


def _unlike_file(name: str, content: bytes | None, recorded: str | None) -> str | None:
    if content is None:
        return None if recorded is None else f"file `{name}` is gone"
    if recorded is None:
        return f"file `{name}` is not in its record"
    now = content_digest(content)
    return None if now == recorded else f"file `{name}` hashes to {now[:12]}, its record says {recorded[:12]}"


def read_seals(row: RunRow) -> Sealed:
    """Read the content that a run's seals describe.

    Raises
    ------
    ValueError
        There is none, or it is not what was written.
    """
    first = _read(row.tags, BEGUN)
    if first is None:
        raise ValueError(f"it has no seal: the tag `{BEGUN}` was removed, or runcard did not write all of it")
    ended = None if is_open(row) else _read(row.tags, ENDED)
    bodies = [body for body in (first, ended, _read(row.tags, DECIDED)) if body is not None]

    def merged(part: str) -> Mapping[str, Any]:
        if len(bodies) == 1:
            return cast("Mapping[str, Any]", first.get(part, {}))
        return {name: value for body in bodies for name, value in body.get(part, {}).items()}

    return Sealed(
        run=merged("run"),
        params=merged("params"),
        metrics=merged("metrics"),
        tags=merged("tags"),
        files=merged("files"),
        data=merged("data"),
        is_open=is_open(row),
    )


def protocol_of(row: RunRow) -> str | None:
    """Name the protocol that a run was recorded with; None if no seal has it."""
    try:
        return read_seals(row).tags.get(PROTOCOL_TAG)
    except ValueError:
        return None


def folded_metrics(row: RunRow) -> tuple[str, ...]:
    """Name the metrics that a run was recorded with by fold; none if no seal has any."""
    try:
        names = read_seals(row).metrics
    except ValueError:
        return ()
    return tuple(name[3:] for name in names if name.startswith("cv_") and f"{name}_mean" in names)


def tags_of_end(row: RunRow) -> frozenset[str]:
    """Name the tags written by later additions to a run; none if there were none, or no seal has them."""
    try:
        found = None if is_open(row) else _read(row.tags, ENDED)
    except ValueError:
        return frozenset()
    more = [name for name in row.tags if name.startswith(f"{ENDED}_")]
    return frozenset([*(found or {}).get("tags", ()), *more])


def _read(tags: Mapping[str, str], name: str) -> Body | None:
    text = tags.get(name)
    if text is None:
        return None
    if len(text) == TAG_LIMIT:  # it goes on
        number = 1
        while (more := tags.get(f"{name}_{number}")) is not None:
            text, number = text + more, number + 1
    digest, said = text[:_DIGEST], text[_DIGEST:]
    if sha256(said.encode()).hexdigest() != digest:
        raise ValueError(f"its seal is damaged: the tag `{name}` is not what was written")
    body: Body = json.loads(said)
    return body


def _unlike(row: RunRow, sealed: Sealed) -> Iterator[str]:
    yield from _unlike_run(row, sealed.run)
    if row.params != sealed.params:
        yield from _unlike_texts("parameter", row.params, sealed.params, lambda name: True)
    metrics = row.metrics
    for name, was in sealed.metrics.items():
        last = was[-1] if type(was) is list else was
        if metrics.get(name) != last:
            yield _changed("metric", name, metrics.get(name), last)
    if not sealed.is_open:
        added = sorted(metrics.keys() - sealed.metrics.keys())
        yield from (f"metric `{name}` is not in its record" for name in added if _OURS.match(name))
    yield from _unlike_texts("tag", row.tags, sealed.tags, lambda name: _is_sealed_tag(name) and not sealed.is_open)


def _unlike_run(row: RunRow, was: Mapping[str, Any]) -> Iterator[str]:
    if was["status"] not in (row.status, "RUNNING"):
        yield f"its status is {row.status}, its record says {was['status']}"
    if was["started"] not in (row.started_ms, None):  # of 0 MLflow makes the present
        yield f"its start is {row.started_ms}, its record says {was['started']}"
    if was["parent"] != (parent := row.tags.get(PARENT_TAG)):
        yield f"it belongs to the run {parent}, its record says {was['parent']}"


def _unlike_texts(
    kind: str, now: Mapping[str, str], sealed: Mapping[str, str], is_ours: Callable[[str], bool]
) -> Iterator[str]:
    for name, was in sealed.items():
        text = now.get(name)
        if text != was and (text is None or _short(text) != was):
            yield _changed(kind, name, text, was)
    added = sorted(now.keys() - sealed.keys())
    yield from (f"{kind} `{name}` is not in its record" for name in added if is_ours(name))


def _is_sealed_tag(name: str) -> bool:
    return name.startswith(OUR_TAGS) and not name.startswith(BEGUN)


def _changed(kind: str, name: str, now: object, was: object) -> str:
    if now is None:
        return f"{kind} `{name}` was removed"
    if isinstance(was, str) and was.startswith(_HASHED):
        return f"{kind} `{name}` is not what its record says"
    return f"{kind} `{name}` is {now}, its record says {was}"
