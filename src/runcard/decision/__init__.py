"""The decision: which candidate is chosen, by which rule, and why none of the others."""

from runcard.decision.candidate import Candidate, shown
from runcard.decision.decide import check_choice, decide, nothing_qualifies
from runcard.decision.decision import Decision, FinalScore, Rejection, Tie

__all__ = [
    "Candidate",
    "Decision",
    "FinalScore",
    "Rejection",
    "Tie",
    "check_choice",
    "decide",
    "nothing_qualifies",
    "shown",
]
