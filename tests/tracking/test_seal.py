"""The seal of a run: made of a log, read from a row."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from runcard.tracking.items import Artifact, LogItem, MetricValue, ModelFiles, Param, RunLog, RunRow, Tag, TextArtifact
from runcard.tracking.seal import (
    ENDED,
    content_digest,
    is_ours,
    kept,
    read_seals,
    seal_decision,
    seal_items,
    settled,
    unlike,
    unlike_files,
)

FOLDS = (0.1 + 0.2, 1e-17, -0.0)
ITEMS: tuple[LogItem, ...] = (
    Param("C", "10"),
    Param("words", "w" * 5000),
    *(MetricValue("cv_f1", score, fold, 1) for fold, score in enumerate(FOLDS)),
    MetricValue("cv_f1_mean", sum(FOLDS) / 3, 0, 1),
    *(MetricValue("curve_f1", k / 7, k, 1) for k in range(50)),
    Tag("runcard.protocol", "p"),
    Tag("runcard.warnings", "é\n" * 6000),
    Tag("mlflow.note.content", "words"),
    Tag("team", "blue"),
    TextArtifact("trace", "traceback.txt"),
)
LOG = RunLog("r1", "trial", "m-1", "churn", 7, "FINISHED", 9, "parent", ITEMS)
LATER = replace(
    LOG,
    seal=ENDED,
    items=(Tag("runcard.finalist", "true"), ModelFiles(Path(), "model", (), (MetricValue("test_f1", 0.5, 0, 1),))),
)


def row_of(*logs: RunLog, **changes: Any) -> RunRow:
    """Give a run as MLflow lists it once the logs are written to it."""
    params, metrics, tags = {}, {}, {"mlflow.parentRunId": "parent", "runcard.kind": "trial", "runcard.record": "r1"}
    for log in logs:
        for item in [*log.items, *seal_items(log)]:
            if isinstance(item, Param):
                params[item.name] = item.value
            elif isinstance(item, MetricValue):
                metrics[item.name] = item.value
            elif isinstance(item, ModelFiles):
                metrics |= {metric.name: metric.value for metric in item.metrics}
            elif isinstance(item, Tag):
                tags[item.name] = kept(item)
    row = RunRow("id", "m-1", "FINISHED", 7, 9, params, metrics, tags)
    return replace(row, **changes)


def changed(row: RunRow, part: str, name: str, value: Any) -> RunRow:
    """Change, add or, by None, remove one value."""
    values = {**getattr(row, part), name: value}
    return replace(row, **{part: {n: v for n, v in values.items() if v is not None}})


def test_what_was_written_agrees() -> None:
    row = row_of(LOG, LATER)
    assert unlike(row) == ()
    assert unlike(row, {"f1": FOLDS}) == ()
    assert unlike(row, {"f1": (0.1 + 0.2, 1e-17, 0.0)}) == (), "SQLite keeps no -0.0"
    sealed = read_seals(row)
    assert sealed.files == {"traceback.txt": content_digest(b"trace")}
    assert sealed.metrics["curve_f1"][0].startswith("sha256:")


def test_the_order_of_items_does_not_matter() -> None:
    points = [item for item in ITEMS if not isinstance(item, MetricValue)]
    backwards = replace(LOG, items=(*reversed(ITEMS[:6]), *ITEMS[6:56], *points[2:], Param("words", "w" * 5000)))
    assert {*backwards.items} == {*ITEMS}
    assert seal_items(backwards) == seal_items(LOG)


def test_what_is_not_runcards_may_change() -> None:
    row = row_of(LOG, LATER)
    for part, name in (("tags", "team"), ("tags", "mlflow.note.content"), ("metrics", "val_loss")):
        assert unlike(changed(row, part, name, 1.0 if part == "metrics" else "mine")) == ()


@pytest.mark.parametrize(
    ("part", "name", "value", "said"),
    [
        ("metrics", "cv_f1_mean", 0.99, "metric `cv_f1_mean` is 0.99, its record says 0.1"),
        ("metrics", "cv_f1_mean", float("nan"), "metric `cv_f1_mean` is nan, its record says 0.1"),
        ("metrics", "cv_f1_mean", None, "metric `cv_f1_mean` was removed"),
        ("metrics", "cv_f1", 0.5, "metric `cv_f1` is 0.5, its record says 0.0"),
        ("metrics", "test_f1", 0.6, "metric `test_f1` is 0.6, its record says 0.5"),
        ("metrics", "test_r2", 0.6, "metric `test_r2` is not in its record"),
        ("metrics", "predict_ms_p95", 0.6, "metric `predict_ms_p95` is not in its record"),
        ("params", "C", "1", "parameter `C` is 1, its record says 10"),
        ("params", "C", None, "parameter `C` was removed"),
        ("params", "D", "1", "parameter `D` is not in its record"),
        ("params", "words", "w" * 4999, "parameter `words` is not what its record says"),
        ("tags", "runcard.protocol", "q", "tag `runcard.protocol` is q, its record says p"),
        ("tags", "runcard.protocol", None, "tag `runcard.protocol` was removed"),
        ("tags", "runcard.finalist", None, "tag `runcard.finalist` was removed"),
        ("tags", "runcard.stopped_at", "3", "tag `runcard.stopped_at` is not in its record"),
        ("tags", "runcard.decision", "chosen", "tag `runcard.decision` is not in its record"),
        ("tags", "mlflow.parentRunId", "other", "it belongs to the run other, its record says parent"),
        ("tags", "runcard.seal", None, "it has no seal: the tag `runcard.seal` was removed, or"),
        ("tags", "runcard.seal_end", None, "metric `test_f1` is not in its record"),
        ("tags", "runcard.seal", "0" * 64 + "{}", "its seal is damaged: the tag `runcard.seal` is not what"),
    ],
)
def test_what_was_changed_is_named(part: str, name: str, value: Any, said: str) -> None:
    found = unlike(changed(row_of(LOG, LATER), part, name, value))
    assert found[0].startswith(said)
    assert len(found) == (2 if name == "runcard.seal_end" else 1)


def test_of_very_much_the_first_is_named_and_the_rest_counted() -> None:
    many = replace(LOG, items=(*ITEMS, *(Param(f"p{k}", "1") for k in range(500))))
    row = row_of(many)
    found = unlike(replace(row, params=dict.fromkeys(row.params, "2")))
    assert len(found) == 21
    assert found[-1] == "and 482 more"
    assert len(unlike_files(row, {f"kept/{k}.py": b"" for k in range(500)})) == 21


def test_the_run_itself_is_sealed() -> None:
    row = row_of(LOG)
    assert unlike(replace(row, status="FAILED")) == ("its status is FAILED, its record says FINISHED",)
    assert unlike(replace(row, started_ms=8)) == ("its start is 8, its record says 7",)


def test_a_run_that_is_being_written_is_not_judged() -> None:
    assert unlike(RunRow("id", "m", "RUNNING", 1, None, {}, {}, {"runcard.kind": "trial"})) == ()
    row = row_of(LOG, LATER)
    row = changed(changed(row, "tags", "runcard.seal_end", "open"), "metrics", "test_f1", 0.1)
    assert unlike(row) == ()
    assert "test_f1" not in settled(row).metrics
    assert "cv_f1_mean" in settled(row).metrics
    assert unlike(changed(row, "metrics", "cv_f1_mean", 1.0)) != ()


@pytest.mark.parametrize("n_folds", [1, 3, 40])
def test_scores_by_fold(n_folds: int) -> None:
    folds = tuple(k / 7 for k in range(n_folds))
    items = tuple(MetricValue("cv_f1", score, fold, 1) for fold, score in enumerate(folds))
    row = row_of(replace(LOG, items=items))
    assert unlike(row, {"f1": folds}) == ()
    said = unlike(row, {"f1": (*folds[:-1], 0.99)})
    assert said == (f"metric `cv_f1`{f' of fold {n_folds}' * (n_folds < 16)} is not what its record says",)
    assert unlike(row, {"f1": ()}) == ("metric `cv_f1` is not what its record says",)
    assert unlike(row, {"r2": (0.1,)}) == ("metric `cv_r2` is not in its record",)


def test_a_long_seal_goes_on_in_further_tags() -> None:
    log = replace(LOG, items=tuple(Param(f"parameter_{k}", str(k)) for k in range(2000)))
    assert [tag.name for tag in seal_items(log)[:3]] == ["runcard.seal", "runcard.seal_1", "runcard.seal_2"]
    row = row_of(log)
    assert unlike(row) == ()
    assert unlike(changed(row, "tags", "runcard.seal_1", None)) == (
        "its seal is damaged: the tag `runcard.seal` is not what was written",
    )


def test_files_by_their_content(tmp_path: Path) -> None:
    (tmp_path / "provenance" / "modules").mkdir(parents=True)
    (tmp_path / "provenance" / "modules" / "own.py").write_bytes(b"x = 1")
    (tmp_path / "split.parquet").write_bytes(b"rows")
    items = (
        Artifact(tmp_path / "provenance"),
        Artifact(tmp_path / "split.parquet", "more"),
        TextArtifact("é", "a.txt"),
    )
    row = row_of(replace(LOG, items=items))
    contents = {"provenance/modules/own.py": b"x = 1", "more/split.parquet": b"rows", "a.txt": "é".encode()}
    assert unlike_files(row, contents) == ()
    said = unlike_files(row, contents | {"more/split.parquet": b"swor", "new.txt": b""})
    assert [text.partition(" hashes")[0] for text in said] == [
        "file `more/split.parquet`",
        "file `new.txt` is not in its record",
    ]


def test_a_decision_has_a_seal_of_its_own() -> None:
    tags = [Tag("runcard.decision", "chosen"), Tag("runcard.decision_why", "w" * 300)]
    row = row_of(LOG)
    for tag in [*tags, *seal_decision(tags)]:
        row = changed(row, "tags", tag.name, tag.value)
    assert unlike(row) == ()
    assert unlike(changed(row, "tags", "runcard.decision_why", "another")) == (
        "tag `runcard.decision_why` is not what its record says",
    )


PINNED = (
    "ea2c9dedb8721abb878525d7b8649cde54e1ac439515f15e7fb04648c81844cc"
    '{"metrics":{"cv_f1":0.5},"params":{"C":"10"},"run":{"parent":"parent","started":7,"status":"FINISHED"},'
    '"tags":{"runcard.kind":"trial","runcard.record":"r1","runcard.why":"gr\\u00f6\\u00dfer als \\u00e9"}}'
)


def test_a_seal_is_pinned_for_good() -> None:
    """What is in MLflow already must agree with it: the same text, and so the same digest."""
    log = replace(LOG, items=(Param("C", "10"), MetricValue("cv_f1", 0.5, 0, 1), Tag("runcard.why", "größer als é")))
    (seal,) = seal_items(log)
    assert seal.name == "runcard.seal"
    assert seal.value == PINNED


@pytest.mark.parametrize(
    ("tags", "ours"),
    [
        ({}, False),
        ({"team": "blue"}, False),
        ({"runcard.kind": "trial"}, True),
        ({"runcard.record": "r1"}, True),
        ({"runcard.seal": "x"}, True),
        ({"runcard.kind": "trial", "runcard.record": "r1", "runcard.seal": "x"}, True),
    ],
)
def test_any_mark_of_runcard_makes_a_run_its_own(tags: dict[str, str], ours: bool) -> None:
    assert is_ours(RunRow("id", "m-1", "FINISHED", 7, 9, {}, {}, tags)) is ours
