"""The replay: a recorded run compared with the same run made again, and a verdict on whether they are equal."""

from runcard.replay.account import Account, Outcome, Score, scores_beside
from runcard.replay.difference import Difference, find_differences
from runcard.replay.judgement import VERDICTS, Judgement, Verdict, judge_outcome, reaches, weakest
from runcard.replay.pair import RunDiff, diff_accounts, plain_differences
from runcard.replay.replay import Replay, kept_at, read_replay, replay_json
from runcard.replay.rows import Divergence

__all__ = [
    "VERDICTS",
    "Account",
    "Difference",
    "Divergence",
    "Judgement",
    "Outcome",
    "Replay",
    "RunDiff",
    "Score",
    "Verdict",
    "diff_accounts",
    "find_differences",
    "judge_outcome",
    "kept_at",
    "plain_differences",
    "reaches",
    "read_replay",
    "replay_json",
    "scores_beside",
    "weakest",
]
