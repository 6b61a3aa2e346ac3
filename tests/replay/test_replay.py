"""A replay as a value: what it says first, and that it is read back as it was written."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import Any

import pytest

from runcard.replay.account import Score
from runcard.replay.difference import Difference
from runcard.replay.replay import Replay, kept_at, read_replay, replay_json
from runcard.replay.rows import Divergence

CODE = Difference("code", "own.py", "1", "2")
NUMPY = Difference("package", "numpy", "1.0", "2.0")
OUTPUT = Divergence("f1", 2, recorded="0.5", now="0.75", by=0.25)


def replay(**changes: Any) -> Replay:
    given: dict[str, Any] = {
        "run_id": "r1", "run_name": "forest-1", "card_run_id": "c1", "experiment": "flowers", "model": "forest",
        "params": {"depth": 3}, "trial_key": "k" * 64, "verdict": "different", "why": "it differs",
        "same_environment": True, "is_deterministic": None, "differences": (CODE, NUMPY), "divergence": OUTPUT,
        "scores": (Score("f1", 0.5, math.inf, math.inf), Score("r2", None, 0.25, math.inf)), "evidence": {"folds": 2},
        "mode": "here", "at": "2026-01-01T00:00:00+00:00", "seconds": 1.5, "n_repeats": 1, "notes": ("a note",),
    }  # fmt: skip
    return Replay(**{**given, **changes})


@pytest.mark.parametrize("found", [replay(), replay(divergence=None, differences=(), scores=())])
def test_it_is_read_back_as_it_was_written(found: Replay) -> None:
    assert read_replay(replay_json(found)) == found
    said = json.loads(replay_json(found))
    assert (said["schema"], said["words"]) == (1, "different")


@pytest.mark.parametrize("change", [{"verdict": "perfect"}, {"divergence": {"what": "f1"}}, {"more": 1}])
def test_what_is_none_is_refused(change: dict[str, Any]) -> None:
    text = json.dumps(json.loads(replay_json(replay())) | change)
    with pytest.raises((ValueError, KeyError, TypeError)):
        read_replay(text)


@pytest.mark.parametrize(
    ("changes", "first"),
    [
        ({}, "code own.py: 1, now 2"),
        ({"differences": (NUMPY, CODE)}, "code own.py: 1, now 2"),  # it decides, and so comes first
        ({"differences": (NUMPY,)}, "f1 on fold 2: 0.5, now 0.75, 0.25 apart"),
        ({"differences": (NUMPY,), "divergence": None}, "package numpy: 1.0, now 2.0"),
        ({"differences": (), "divergence": None}, ""),
    ],
)
def test_what_decides_is_named_before_what_came_out_and_that_before_packages(
    changes: dict[str, Any], first: str
) -> None:
    assert replay(**changes).first_divergence == first


@pytest.mark.parametrize(
    ("verdict", "same", "words"),
    [
        ("equivalent", True, "equivalent"),
        ("equivalent", False, "equivalent in a different environment"),
        ("identical", False, "identical"),
        ("different", False, "different"),
    ],
)
def test_equivalence_elsewhere_is_said_so(verdict: Any, same: bool, words: str) -> None:
    found = replay(verdict=verdict, same_environment=same)
    assert found.words == words
    assert (found.reaches("equivalent"), found.reaches("identical")) == (verdict != "different", verdict == "identical")


def test_where_it_is_kept_is_said_later() -> None:
    assert kept_at(replay(), "r9") == replace(replay(), replay_run_id="r9", kept=None)
    assert kept_at(replay(), None, "folder") == replace(replay(), kept="folder")
