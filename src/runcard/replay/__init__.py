"""The replay: a recorded run set beside itself run again; what differs, whether it came out the same, and where not."""

from runcard.replay.account import Account, Outcome
from runcard.replay.difference import Difference, find_differences
from runcard.replay.judgement import VERDICTS, Divergence, Judgement, Verdict, judge, reaches, weakest
from runcard.replay.replay import Replay, Score, kept_at, read_replay, to_json

__all__ = [
    "VERDICTS",
    "Account",
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
    "reaches",
    "read_replay",
    "to_json",
    "weakest",
]
