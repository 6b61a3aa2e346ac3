"""The decision: which candidate is chosen, by which rule, and why the others are not."""

from runcard.decision.decide import check_choice, decide, nothing_qualifies
from runcard.decision.decision import Candidate, Decision, FinalScore, Rejection, Tie, format_measure

__all__ = [
    "Candidate",
    "Decision",
    "FinalScore",
    "Rejection",
    "Tie",
    "check_choice",
    "decide",
    "format_measure",
    "nothing_qualifies",
]
