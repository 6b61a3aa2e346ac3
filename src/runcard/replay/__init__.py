"""The replay: a recorded run set beside itself run again; what differs, whether it came out the same, and where not."""

from runcard.replay.account import Account, Outcome, Score, scores_beside
from runcard.replay.difference import Difference, find_differences
from runcard.replay.judgement import VERDICTS, Judgement, Verdict, judge, reaches, weakest
from runcard.replay.pair import Beside, plain_differences, set_beside
from runcard.replay.replay import Replay, kept_at, read_replay, to_json
from runcard.replay.rows import Divergence

__all__ = [
    "VERDICTS",
    "Account",
    "Beside",
    "Difference",
    "Divergence",
    "Judgement",
    "Outcome",
    "Replay",
    "Score",
    "Verdict",
    "find_differences",
    "judge",
    "kept_at",
    "plain_differences",
    "reaches",
    "read_replay",
    "scores_beside",
    "set_beside",
    "to_json",
    "weakest",
]
