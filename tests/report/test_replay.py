"""A replay, and two runs beside each other, in 80 columns."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from shown import shown

from runcard.replay import Difference, Replay, Score
from runcard.replay.pair import RunDiff
from runcard.report.blocks import Text, words_of
from runcard.report.replay import diff_report, replay_report

LINES = ("--- recorded", "+++ now", "@@ -1 +1 @@", "-depth: 3", "+depth: 4", *(f" line {n}" for n in range(10)))
DIFFERENCES = (
    Difference("card", "", "3 lines", "3 lines", LINES),
    Difference("package", "numpy", "1.0", None),
    Difference("cpu", "", "Xeon", "Ryzen"),
    *(Difference("setting", f"S{n}", None, "1") for n in range(9)),
)
SCORES = (Score("cv_f1_mean", 0.123456789012, 0.5, 0.4), Score("test_f1", 0.25, None, 0.0))


def replay(**given: Any) -> Replay:
    found = Replay(
        run_id="r" * 32, run_name="forest-1", card_run_id="c" * 32, experiment="churn", model="forest", params={},
        trial_key="k" * 64, verdict="different", why="the scores differ", same_environment=False, is_deterministic=None,
        differences=DIFFERENCES, divergence=None, scores=SCORES, evidence={}, mode="isolated", at="", seconds=1,
        n_repeats=1, chosen_as="the decision", notes=("a note",), trusted="it is yours", replay_run_id="f" * 32,
    )  # fmt: skip
    return replace(found, **given)


def test_a_replay_says_what_differs_what_came_out_and_the_verdict() -> None:
    assert shown(replay_report(replay())) == [
        "forest-1 of churn, run again isolated",
        "part           recorded    now",
        "card           3 lines     3 lines  different",
        *(f"{name:<36}same" for name in ("code", "data", "split", "features", "metrics", "trial")),
        "package numpy  1.0         none     different",
        "cpu            Xeon        Ryzen    noted",
        *(f"setting S{n}     none        1        noted" for n in range(7)),
        "               and 2 more",
        "  @@ -1 +1 @@",
        "  -depth: 3",
        "  +depth: 4",
        *(f"   line {n}" for n in range(7)),
        "  ... 3 more lines: --json",
        "score          recorded   now  largest difference",
        "cv_f1_mean  0.123456789   0.5                 0.4",
        "test_f1            0.25  none                   0",
        "different: the scores differ",
        "first divergence: card, line 1: `depth: 3`, now `depth: 4`",
        "it is the decision",
        "its code was run with your rights, in no sandbox, because it is yours",
        "a note",
        f"the replay is the run {'f' * 32}",
    ]


def test_where_it_is_narrow_long_values_are_broken_and_numbers_are_whole() -> None:
    long = replay(differences=(Difference("metrics", "", "accuracy, roc_auc, log_loss", "accuracy, roc_auc"),))
    lines = shown(replay_report(long), width=44)
    assert max(map(len, lines[1:13])) <= 44
    assert any(line.endswith("different") for line in lines)
    (scores,) = (line for line in lines if line.startswith("cv_f1_mean"))
    assert scores.split() == ["cv_f1_mean", "0.123456789", "0.5", "0.4"]


def test_what_is_the_same_needs_no_columns() -> None:
    lines = shown(
        replay_report(replay(verdict="identical", differences=(), scores=(), mode="here", replay_run_id=None))
    )
    assert lines[1:4] == ["part", "card         same", "code         same"]
    assert lines[-3:] == ["identical: the scores differ", "it is the decision", "a note"]
    sandboxed = shown(replay_report(replay(sandboxed=True)), width=200)
    assert "its code was run in a sandbox, without network, because it is yours" in sandboxed


@pytest.mark.parametrize(
    ("difference", "mark"),
    [
        (Difference("data", "rows", "1", "2"), ("different", "bad")),
        (Difference("tag", "team", "a", "b"), ("different", "bad")),
        (Difference("python", "", "3.11", "3.12"), ("different", "notable")),
        (Difference("threads", "", "1", "2"), ("noted", "faint")),
    ],
)
def test_what_decides_stands_out(difference: Difference, mark: tuple[str, str]) -> None:
    table = replay_report(replay(differences=(difference,)))[1]
    *_, (_, marks) = table.to_show()  # type: ignore[union-attr]
    assert [word for cell in marks if isinstance(cell, Text) for word in words_of(cell) if word[0] != "same"] == (
        [mark] if difference.part != "tag" else []
    )


def test_two_runs_stand_side_by_side() -> None:
    found = RunDiff(
        ("forest-1", "linear-2"), ("a" * 32, "b" * 32), (Difference("model", "", "forest", "linear"),),
        SCORES, ("packages of linear-2 are not known",),
    )  # fmt: skip
    lines = shown(diff_report(found))
    assert lines[0] == "part         forest-1 aaaaaaaa  linear-2 bbbbbbbb"
    assert "model        forest             linear             different" in lines
    assert lines[-4:] == [
        "score       forest-1 aaaaaaaa  linear-2 bbbbbbbb  largest difference",
        "cv_f1_mean        0.123456789                0.5                 0.4",
        "test_f1                  0.25               none                   0",
        "packages of linear-2 are not known",
    ]
    plain = shown(diff_report(replace(found, is_plain=True, scores=(), unknown=())))
    assert [line.split()[0] for line in plain] == ["part", "params", "tags"]
