"""The plan: a card with every choice resolved against its data, and a hash of it."""

from runcard.plan.choice import Choice, Constraint, read_choice, read_constraint, short_name
from runcard.plan.digest import digest
from runcard.plan.draw import Trial, shape_of
from runcard.plan.plan import Plan
from runcard.plan.work import ALL, Bench, Fit, KeptFinalist, Measure, Retested, Stage, Work

__all__ = [
    "ALL",
    "Bench",
    "Choice",
    "Constraint",
    "Fit",
    "KeptFinalist",
    "Measure",
    "Plan",
    "Retested",
    "Stage",
    "Trial",
    "Work",
    "digest",
    "read_choice",
    "read_constraint",
    "shape_of",
    "short_name",
]
