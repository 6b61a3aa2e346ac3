"""Lists of names, datasets and events, and an audit, in 80 columns."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from shown import shown

from runcard.audit import Audit, Item
from runcard.audit.evidence import Finding
from runcard.catalog.listing import Row
from runcard.data.fingerprint import Fingerprint
from runcard.data.locked import DvcVersion, Locked
from runcard.promotion import Gate, Promotion
from runcard.report.audit import audit_report
from runcard.report.blocks import heading_of, plain_text
from runcard.report.listings import catalog_table, datasets_table, events_table, verdicts_table

LOCKED = Locked(
    "iris", "dataset:iris", Fingerprint("0123456789abcdef" * 4, 1_500, ()), datetime(2026, 1, 2, 3, 4, tzinfo=UTC)
)


def event(kind: str = "promote", **given: object) -> Promotion:
    told = {"model": "churn", "version": 1, "run_id": "r", "who": "Ada", "host": "h", "at": "2026-01-02T03:04:05+00:00"}
    return Promotion(kind, **told | given)  # type: ignore[arg-type]


TABLES = {
    "models": (
        catalog_table(
            "models", [Row("svc", ("regression",), "sklearn", ("C", "kernel"), "Support vectors, in words.")]
        ),
        ["parameters", "what it is"],
    ),
    "locked": (datasets_table([(replace(LOCKED, reason="many new rows"), True)]), ["name", "why updated"]),
    "verdicts": (
        verdicts_table([("iris of a long name", "changed", "kept", ["one row more"])]),
        ["name", "what is wrong"],
    ),
    "events": (
        events_table("churn", [event(alias="staging", reason="it is urgent and was asked for by everybody")]),
        ["who", "what", "from", "to", "gates", "reason"],
    ),
}


@pytest.mark.parametrize("name", TABLES)
def test_where_it_is_narrow_sentences_are_broken_and_the_rest_is_whole(name: str) -> None:
    table, folded = TABLES[name]
    assert [heading_of(column) for column in table.columns if column.folds] == folded
    width = max(map(len, shown([table], width=200))) - 5
    lines = shown([table], width=width)
    assert max(map(len, lines)) <= width
    assert len(lines) > 3
    for column, (cell,) in table.to_show():
        assert column.folds or plain_text(cell) in lines[2] + lines[3]


def test_what_a_card_can_name() -> None:
    rows = [Row("svc", ("classification", "regression"), "scikit-learn", ("C", "kernel"), "Support vectors.")]
    assert shown([catalog_table("models", rows)], width=100) == [
        "1 models",
        "name  for                         from          parameters  what it is",
        "svc   classification, regression  scikit-learn  C, kernel   Support vectors.",
    ]
    assert "better, needs" in shown([catalog_table("metrics", rows)], width=100)[1]


def test_datasets_that_are_locked() -> None:
    assert shown([datasets_table([(LOCKED, True)])]) == [
        "1 locked",
        "name   rows  columns  fingerprint   locked            kept",
        "iris  1,500        0  0123456789ab  2026-01-02 03:04  yes",
    ]
    tracked = replace(LOCKED, dvc=DvcVersion("d" * 32), reason="new rows")
    assert shown([datasets_table([(tracked, False)])], width=100)[1:] == [
        "name   rows  columns  fingerprint   locked            kept  DVC       why updated",
        "iris  1,500        0  0123456789ab  2026-01-02 03:04  no    dddddddd  new rows",
    ]


def test_datasets_that_are_looked_at() -> None:
    rows = [("iris", "changed", "kept", ["one row more", "one type"]), ("wine", "as locked", "not kept", [])]
    assert shown([verdicts_table(rows)]) == [
        "2 locked",
        "name  data       kept content  what is wrong",
        "iris  changed    kept          one row more",
        "                               one type",
        "wine  as locked  not kept",
    ]


def test_events_of_a_model_the_oldest_first() -> None:
    gates = (Gate("digest", "passed", ""), Gate("floors", "failed", ""))
    events = [
        event("register", decision={"chosen_as": "the decision"}),
        event(alias="staging", gates=gates[:1]),
        event(alias="production", previous=1, version=2, gates=gates, reason="it is urgent"),
    ]
    assert shown([events_table("churn", events)], width=120) == [
        "3 events of churn",
        "   when, UTC            who  what                from          to  gates                  reason",
        "1  2026-01-02 03:04:05  Ada  register            the decision  1",
        "2  2026-01-02 03:04:05  Ada  promote staging                   1   1 passed",
        "3  2026-01-02 03:04:05  Ada  promote production  1             2   forced: floors failed  it is urgent",
    ]


def test_an_audit_groups_its_items_and_says_what_mends() -> None:
    items = (
        Item("code", "commit pinned", Finding("passed", "commit 1234")),
        Item("data", "data kept", Finding("failed", "not kept", "runcard lock")),
        Item("data", "split kept", Finding("not applicable", "no split")),
    )
    assert shown(audit_report(Audit("r" * 32, "forest-1", "churn", "c" * 32, items))) == [
        "Audit of forest-1 (rrrrrrrr) in churn",
        "   item           evidence",
        "   code",
        "✓  commit pinned  commit 1234",
        "   data",
        "✗  data kept      not kept",
        "                  mend: runcard lock",
        "–  split kept     no split",
        "2 of 3 hold: 1 passed, 1 failed, 1 not applicable",
    ]
