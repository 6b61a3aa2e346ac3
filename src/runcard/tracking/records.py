"""Conversion of records into run logs: which of runcard's data is stored where in MLflow.

An execution is the parent run, a trial a child run; a finalist adds to its trial's run.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from runcard.execution import Execution
from runcard.provenance.capture.modules import text_digest
from runcard.record import FinalRecord, Record
from runcard.redact import redact
from runcard.stats import deviation
from runcard.tags import (
    CARD_DIGEST_TAG,
    CARD_PATH_TAG,
    DECISION_TAG,
    ERROR_TAG,
    EXACT_PARAMS_TAG,
    FEATURES_TAG,
    FINALIST_TAG,
    GREATER_IS_BETTER_TAG,
    IMPOSSIBLE_TAG,
    INDEX_TAG,
    METRICS_TAG,
    MISSING_TAG,
    MODEL_DIGEST_TAG,
    MODEL_TAG,
    MODEL_UNSAVED_TAG,
    N_TEST_TAG,
    OUR_TAGS,
    OUTPUTS_TAG,
    PARTS_TAG,
    PLAN_TAG,
    PRIMARY_TAG,
    PROTOCOL_TAG,
    SELECTION_TAG,
    STOPPED_AT_TAG,
    TASK_TAG,
    TEST_ERROR_TAG,
    TEST_LOST_TAG,
    TEST_MISSING_TAG,
    TEST_OUTPUTS_TAG,
    TEST_SHARE_TAG,
    TRIAL_KEY_TAG,
    VERSION_TAG,
    WARNINGS_TAG,
)
from runcard.tokens import REMOVED, find_secret
from runcard.tracking.items import (
    DECISION_FILE,
    EXACT_PARAMS_FILE,
    MISSING_FILE,
    OUTPUTS_FILE,
    TEST_MISSING_FILE,
    Artifact,
    DatasetInput,
    Distinction,
    LogItem,
    MetricValue,
    ModelFiles,
    Param,
    RunLog,
    RunStatus,
    Tag,
    TextArtifact,
    safe_json,
    safe_metrics,
    safe_params,
    safe_schema,
)
from runcard.tracking.models.digest import model_digest
from runcard.tracking.seal import ENDED, seal_decision

PREDICTIONS_FILE = "predictions.parquet"
MODEL_FOLDER = "model"
PLAN_FILE = "plan.json"
_STATUS: Mapping[str, RunStatus] = {
    "running": "RUNNING",
    "done": "FINISHED",
    "interrupted": "KILLED",
    "failed": "FAILED",
}

_TRIAL_STATUS: Mapping[str, RunStatus] = {
    "done": "FINISHED",
    "stopped": "KILLED",
    "impossible": "FAILED",
    "failed": "FAILED",
    "lost": "FAILED",
}


def opened_log(execution: Execution) -> RunLog:
    """Make the log that says an execution has begun."""
    words = execution.description
    if execution.hypothesis:
        words += ("\n\n" if words else "") + f"**Hypothesis.** {execution.hypothesis}"
    tags = {
        **execution.tags,
        **execution.provenance.get("mlflow_tags", {}),
        "mlflow.note.content": words,
        PLAN_TAG: execution.plan_hash,
        PROTOCOL_TAG: execution.protocol,
        PRIMARY_TAG: str(execution.plan["primary"]),
        GREATER_IS_BETTER_TAG: str(execution.plan["greater_is_better"]).lower(),
        TASK_TAG: str(execution.plan.get("task", "")),
        N_TEST_TAG: str(execution.plan.get("split", {}).get("n_test", 0)),
        PARTS_TAG: json.dumps(execution.plan["parts"]),
        TEST_SHARE_TAG: json.dumps(execution.plan["test_share"]),
        SELECTION_TAG: json.dumps(execution.plan["selection"]),
        METRICS_TAG: json.dumps(execution.plan["directions"]),
        VERSION_TAG: str(execution.provenance.get("runcard", "")),
        CARD_DIGEST_TAG: text_digest(execution.card),
        CARD_PATH_TAG: str(execution.provenance.get("card_path", "")),
    }
    items: tuple[LogItem, ...] = (*_tags(tags), TextArtifact(execution.card, "card.yaml"))
    return _card_log(execution, items, "RUNNING")


def closed_log(execution: Execution, folder: Path, chosen_run_id: str | None) -> RunLog:
    """Make the log that says how an execution ended and describes it; its files are in `folder`."""
    summary = execution.summary
    at = _end_ms(execution)
    items: list[LogItem] = [
        *_tags({f"{OUR_TAGS}{name}": str(value) for name, value in summary.get("tags", {}).items()}),
        *safe_metrics([MetricValue(name, float(value), 0, at) for name, value in summary.get("metrics", {}).items()]),
        TextArtifact(json.dumps(execution.plan, indent=2, default=str), PLAN_FILE),
        *([_dataset(execution.plan, "training")] if "data" in execution.plan else []),
    ]
    items += [TextArtifact(text, name) for name, text in summary.get("tables", {}).items()]
    items += _files(folder)
    if decision := summary.get("decision"):
        items += decision_items(decision, chosen_run_id)
        items.append(distinction(decision, chosen_run_id, execution.protocol))
    return replace(_card_log(execution, tuple(items), _STATUS[execution.status]), seal=ENDED)


def decision_items(decision: Mapping[str, Any], run_id: str | None) -> tuple[LogItem, ...]:
    """Make the items of a decision, for the run it was made for; `run_id` is the chosen run."""
    winner = decision["winner"]
    told = {**decision, "winner": winner and {**winner, "run_id": run_id}}
    tags = {
        DECISION_TAG: "chosen" if winner else "none",
        f"{DECISION_TAG}_rule": decision["rule"],
        f"{DECISION_TAG}_trial": winner["id"] if winner else "none",
        f"{DECISION_TAG}_run": (winner and run_id) or "none",
    }
    written, file = _tags(tags), TextArtifact(json.dumps(told, indent=2), DECISION_FILE)
    return (*written, *seal_decision(written, [file]), file)


def distinction(decision: Mapping[str, Any], run_id: str | None, protocol: str | None) -> Distinction:
    """Make the tags that mark the chosen run, of which there is one per protocol."""
    why = f"{decision['why']}; of {decision['n_compared']:,}"
    tags = {DECISION_TAG: "chosen", f"{DECISION_TAG}_rule": decision["rule"], f"{DECISION_TAG}_why": why}
    written = _tags(tags)
    return Distinction((*written, *seal_decision(written)), run_id, protocol)


def trial_log(record: Record, experiment: str, parent_run_id: str | None) -> RunLog:
    """Make the log of a trial."""
    at = _end_ms(record)
    return RunLog(
        record_id=record.record_id,
        kind="trial",
        name=f"{record.model}-{record.trial_key[:8]}",
        experiment=experiment,
        started_ms=_ms(record.started),
        status=_TRIAL_STATUS[record.status],
        ended_ms=at,
        parent_run_id=parent_run_id,
        items=(
            *_tags(_trial_tags(record)),
            *_exactly(record),
            *((safe_json(MISSING_TAG, dict(record.missing), file=MISSING_FILE),) if record.missing else ()),
            *param_items(record.model, record.params),
            *safe_metrics(_trial_metrics(record, at)),
            *_trace(record),
        ),
    )


def final_log(final: FinalRecord, record: Record, experiment: str, parent_run_id: str | None, folder: Path) -> RunLog:
    """Make the log of a trial's results as a finalist; its files are in `folder`."""
    log = trial_log(record, experiment, parent_run_id)
    has_model = (folder / MODEL_FOLDER).is_dir()
    at = max(log.started_ms, _end_ms(final))
    found = {
        FINALIST_TAG: "true",
        TEST_LOST_TAG if final.may_pass else TEST_ERROR_TAG: final.error,
        MODEL_UNSAVED_TAG: final.unsaved,
        TEST_OUTPUTS_TAG: final.outputs,
        MODEL_DIGEST_TAG: model_digest(folder / MODEL_FOLDER) if has_model else None,
    }
    tags = {name: text for name, text in found.items() if text}
    scores = tuple(MetricValue(f"test_{name}", value, 0, at) for name, value in final.scores.items())
    measures = {"fit_seconds": final.fit_seconds, **_measures(final)}
    # A card's only trial has no folds that these were measured on before.
    prefix = "final_" if record.scores else ""
    measured = [MetricValue(prefix + name, value, 0, at) for name, value in measures.items()]
    items: list[LogItem] = [*_tags(tags), *_files(folder), *safe_metrics(measured)]
    if final.missing:
        items.append(safe_json(TEST_MISSING_TAG, dict(final.missing), file=TEST_MISSING_FILE))
    if has_model:
        given = tuple(item for item in param_items(record.model, record.params) if isinstance(item, Param))
        items.append(ModelFiles(folder / MODEL_FOLDER, MODEL_FOLDER, given, scores))
    else:
        items += safe_metrics(scores)
    return RunLog(
        log.record_id,
        log.kind,
        log.name,
        log.experiment,
        log.started_ms,
        "FAILED" if final.error and not record.scores else log.status,  # a card's only trial has no folds
        at,
        parent_run_id,
        tuple(items),
        ENDED,
    )


def _card_log(execution: Execution, items: tuple[LogItem, ...], status: RunStatus) -> RunLog:
    ended = _end_ms(execution) if execution.ended is not None and status != "RUNNING" else None
    return RunLog(
        record_id=execution.execution_id,
        kind="card",
        name=execution.name,
        experiment=execution.experiment,
        started_ms=_ms(execution.started),
        status=status,
        ended_ms=ended,
        items=items,
    )


def _dataset(plan: Mapping[str, Any], context: str) -> DatasetInput:
    data, split = plan["data"], plan["split"]
    source = str(data["source"])
    columns = [{"name": name, "type": kind} for name, kind, _ in data["columns"]]
    profile = {"num_rows": data["n_rows"], "n_train": split["n_train"], "n_test": split["n_test"]}
    return DatasetInput(
        name=source.removeprefix("dataset:").rpartition("/")[2],
        digest=str(data["digest"])[:36],  # as long as MLflow keeps; plan.json has all of it
        source=json.dumps({"uri": source}),
        source_type="code" if source.startswith("dataset:") else "local",
        schema_json=safe_schema(columns, see=PLAN_FILE),
        profile_json=json.dumps(profile),
        context=context,
    )


def _trial_tags(record: Record) -> dict[str, str]:
    tags = {
        TRIAL_KEY_TAG: record.trial_key,
        PROTOCOL_TAG: record.protocol,
        MODEL_TAG: record.model,
        FEATURES_TAG: record.features,
        INDEX_TAG: str(record.index),
    }
    if record.error:
        tags[ERROR_TAG] = record.error
    if record.status == "impossible":
        tags[IMPOSSIBLE_TAG] = "true"
    if record.stopped_at is not None:
        tags[STOPPED_AT_TAG] = str(record.stopped_at)
    if record.warnings:
        tags[WARNINGS_TAG] = "\n".join(record.warnings)
    return tags


def _exactly(record: Record) -> tuple[LogItem, ...]:
    """Give everything needed to run a trial again and to verify that the results are equal."""
    outputs = (safe_json(OUTPUTS_TAG, list(record.outputs), file=OUTPUTS_FILE),) if any(record.outputs) else ()
    return (safe_json(EXACT_PARAMS_TAG, dict(record.params), file=EXACT_PARAMS_FILE), *outputs)


def _trial_metrics(record: Record, at: int) -> list[MetricValue]:
    found: list[MetricValue] = []
    for name, scores in record.scores.items():
        found += [MetricValue(f"cv_{name}", score, fold, at) for fold, score in enumerate(scores)]
        found.append(MetricValue(f"cv_{name}_mean", record.mean(name) or 0.0, 0, at))
        if len(scores) > 1:
            found.append(MetricValue(f"cv_{name}_std", deviation(scores), 0, at))
    for name, points in record.curves.items():
        found += [MetricValue(f"curve_{name}", value, step, at) for step, value in points.items()]
    if record.fit_seconds:
        found.append(MetricValue("fit_seconds", sum(record.fit_seconds) / len(record.fit_seconds), 0, at))
        found.append(MetricValue("cpu_seconds", record.cpu_seconds, 0, at))
    return found + [MetricValue(name, value, 0, at) for name, value in _measures(record).items()]


def _measures(record: Record | FinalRecord) -> dict[str, float]:
    measures = {"predict_ms_p95": record.predict_ms_p95, "model_mb": record.model_mb}
    return {name: value for name, value in measures.items() if value is not None}


def _trace(record: Record) -> tuple[LogItem, ...]:
    return (TextArtifact(record.trace, "traceback.txt"),) if record.trace else ()


def _files(folder: Path) -> list[LogItem]:
    if not folder.is_dir():
        return []
    return [Artifact(path) for path in sorted(folder.iterdir()) if path.name != MODEL_FOLDER]


def param_items(model: str, params: Mapping[str, Any]) -> tuple[Param | TextArtifact, ...]:
    """Make the items of a trial's model and hyperparameters; the one name that clashes is prefixed by its step."""
    unclashed = {f"model__{name}" if name == "model" else name: value for name, value in params.items()}
    items, _ = safe_params({"model": model, **unclashed})
    return items


def _tags(tags: Mapping[str, str]) -> list[Tag]:
    return [Tag(name, _without_secret(name, value)) for name, value in tags.items() if value]


def _without_secret(name: str, value: str) -> str:
    """Remove secrets from a tag, which may have been set in the card."""
    return REMOVED if find_secret(f'{name}="{value}"') == f"a value of `{name}`" else redact(value)


def _end_ms(told: Execution | Record | FinalRecord) -> int:
    """Give the end time, never before the start: a clock may have been set back in between."""
    return max(_ms(told.started), _ms(told.ended))


def _ms(seconds: float | None) -> int:
    return int((seconds or 0.0) * 1000)
