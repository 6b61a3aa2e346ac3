"""Gates and events: pure."""

from __future__ import annotations

from typing import Any

import pytest

from runcard.promotion import (
    Duel,
    Gate,
    Promotion,
    event_digest,
    event_text,
    holders,
    judge_bounds,
    judge_digest,
    judge_duel,
    judge_reproduced,
    judge_signature,
    judge_signed,
    promotion_json,
    read_promotion,
    version_text,
)


def event(kind: Any, version: int, previous: int | None, alias: str = "production") -> Promotion:
    return Promotion(kind, "churn", version, "r", "Ada", "host", "2026-01-02T03:04:05+00:00", alias, previous)


def test_an_event_is_read_back_equal() -> None:
    gates = (Gate("digest", "passed", "é"), Gate("floor roc_auc", "unknown", "not recorded"))
    told = Promotion(
        "promote", "churn", 3, "r1", "Ada", "host", "now", "production", 2, {"trial_key": "k"}, gates, True, "why"
    )
    assert read_promotion(promotion_json(told)) == told
    assert str(told) == "churn/3 to production"
    assert str(event("rollback", 2, 3)) == "churn/2 back to production"


@pytest.mark.parametrize(
    ("events", "held"),
    [
        ([], []),
        ([event("promote", 1, None), event("promote", 2, 1), event("promote", 3, 2)], [1, 2, 3]),
        ([event("promote", 1, None), event("promote", 2, 1), event("rollback", 1, 2)], [1]),
        ([event("promote", 1, None), event("promote", 2, 1), event("promote", 3, 2), event("rollback", 1, 3)], [1]),
        ([event("promote", 1, None), event("promote", 2, None, "staging")], [1]),
        ([event("promote", 1, None), event("promote", 5, 4)], [1, 4, 5]),  # 4 was put there by hand
        ([event("promote", 1, None), event("promote", 2, 1), event("promote", 1, 2), event("rollback", 2, 1)], [1, 2]),
    ],
)
def test_holders_stand_one_upon_the_other(events: list[Promotion], held: list[int]) -> None:
    assert holders(events, "production") == held


@pytest.mark.parametrize(
    ("bound", "margin", "verdict", "words"),
    [
        (0.012, 0.0, "passed", "better by 0.0120 at least with 0.95 confidence, asked: better by more than 0"),
        (0.0, 0.0, "failed", "asked: better by more than 0"),  # equal is not better
        (0.012, 0.02, "failed", "asked: better by more than 0.02"),
        (-0.004, -0.01, "passed", "worse by 0.0040 at worst with 0.95 confidence, asked: worse by less than 0.01"),
        (None, 0.0, "unknown", "too few to say more"),
    ],
)
def test_a_version_must_beat_the_holder_by_more_than_the_margin(
    bound: float | None, margin: float, verdict: str, words: str
) -> None:
    duel = Duel("roc_auc", True, 0.84, 0.82, bound, 80)
    gate = judge_duel(duel, "churn/2", margin=margin, confidence=0.95)
    assert (gate.name, gate.verdict) == ("beats_holder", verdict)
    assert gate.evidence.startswith("roc_auc 0.8400 against 0.8200 of churn/2 on the same 80 rows")
    assert words in gate.evidence


def test_bounds_hold_or_not_or_nobody_knows() -> None:
    bounds = {"roc_auc": ">= 0.8", "log_loss": "< 0.5", "f1": ">=.9"}
    gates = judge_bounds(bounds, {"roc_auc": 0.8, "log_loss": 0.5}, kind="floor")
    assert [(gate.name, gate.verdict) for gate in gates] == [
        ("floor roc_auc", "passed"),
        ("floor log_loss", "failed"),
        ("floor f1", "unknown"),
    ]
    assert gates[1].evidence == "0.5, asked: < 0.5"


def test_digest_and_reproduction() -> None:
    assert [judge_digest("ab", known).verdict for known in ("ab", "cd", None)] == ["passed", "failed", "unknown"]
    verdicts = ("identical", "equivalent", "within tolerance", "different", None)
    judged = [judge_reproduced(verdict, "replay 1f2e").verdict for verdict in verdicts]
    assert judged == ["passed", "passed", "passed", "failed", "unknown"]


def signature(outputs: str = "string", **inputs: str) -> dict[str, Any]:
    columns = [{"name": name, "type": kind, "required": True} for name, kind in inputs.items()]
    return {"inputs": columns, "outputs": [{"type": "tensor", "tensor-spec": {"dtype": outputs, "shape": [-1]}}]}


@pytest.mark.parametrize(
    ("candidate", "verdict", "words"),
    [
        (signature(age="long", plan="string"), "passed", "takes what churn/2 takes"),
        (signature(age="long"), "passed", ""),  # it needs less
        (signature(age="double", plan="string"), "failed", "`age` is double, was long"),
        (signature(age="long", city="string"), "failed", "it needs the column `city`"),
        (signature("int64", age="long"), "failed", "it gives int64 [-1], given was string [-1]"),
        (None, "unknown", "this version has no signature"),
    ],
)
def test_whoever_calls_the_holder_can_call_the_candidate(candidate: Any, verdict: str, words: str) -> None:
    gate = judge_signature(candidate, signature(age="long", plan="string"), "churn/2")
    assert gate.verdict == verdict
    assert words in gate.evidence


def test_a_narrower_type_is_taken_for_a_wider_one() -> None:
    assert judge_signature(signature(age="double"), signature(age="integer"), "churn/2").verdict == "passed"


@pytest.mark.parametrize(
    ("verdict", "said", "gate"),
    [
        ("good", "Ada", Gate("signed", "passed", "by Ada")),
        ("bad", "the key is nobody's", Gate("signed", "failed", "the key is nobody's")),
        ("", "nobody signed it", Gate("signed", "unknown", "nobody signed it")),
    ],
)
def test_a_bad_signature_fails_and_none_leaves_it_open(verdict: str, said: str, gate: Gate) -> None:
    assert judge_signed(verdict, said) == gate


def test_every_gate_has_its_name_and_says_what_it_found() -> None:
    assert [judge_digest("ab" * 32, known) for known in ("ab" * 32, "cd" * 32, None)] == [
        Gate("digest", "passed", "sha256 abababababab..."),
        Gate("digest", "failed", "the files hash to abababababab..., saved was cdcdcdcdcdcd..."),
        Gate("digest", "unknown", "no digest was recorded: register the model with `runcard register`"),
    ]
    assert judge_reproduced("identical", "replay 1f2e") == Gate("reproduced", "passed", "identical: replay 1f2e")
    assert judge_reproduced(None, "not yet") == Gate("reproduced", "unknown", "not yet")
    assert judge_signature(signature(age="long"), None, "churn/2") == Gate(
        "signature", "unknown", "churn/2 has no signature: log the model with one"
    )
    assert judge_bounds({"f1": "> 0.5"}, {}, kind="floor", to_do="do this") == [
        Gate("floor f1", "unknown", "not recorded, asked: > 0.5; do this")
    ]


def test_what_is_hashed_and_signed_is_pinned_for_good() -> None:
    """Ledgers hold it: with other texts every event of every team would look edited."""
    gates = (Gate("digest", "passed", "é"),)
    told = Promotion("promote", "churn", 3, "r1", "Ada", "host", "now", "production", 2, {"b": 1, "a": 2}, gates)
    assert event_digest("e1", "", told) == "2484954f45a4032c6c7afe6d2d4ede8972e257a29a30fc9a2926449de8639d61"
    assert event_digest("e2", "", told) != event_digest("e1", "", told) != event_digest("e1", "e0", told)
    assert event_text("ab") == "runcard event\nsha256: ab\n"
    assert version_text("churn", 3, "ab") == "runcard model version\nname: churn\nversion: 3\nsha256: ab\n"


def test_the_version_that_is_made_of_a_registration_is_not_in_its_digest() -> None:
    """It is made only after the event is agreed upon; that of a promotion is what it is about."""
    told = Promotion("register", "churn", None, "r1", "Ada", "host", "now")
    made = Promotion("register", "churn", 7, "r1", "Ada", "host", "now")
    assert event_digest("e1", "", told) == event_digest("e1", "", made)
    moved = [event("promote", version, None) for version in (1, 2)]
    assert event_digest("e1", "", moved[0]) != event_digest("e1", "", moved[1])


def test_a_column_that_does_not_say_so_is_required() -> None:
    new = {"inputs": [{"name": "city", "type": "string"}], "outputs": []}
    none: dict[str, Any] = {"inputs": [], "outputs": []}
    assert judge_signature(new, none, "churn/2").verdict == "failed"
    new["inputs"][0]["required"] = False  # type: ignore[index]
    assert judge_signature(new, none, "churn/2").verdict == "passed"
