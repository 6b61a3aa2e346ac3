"""The plan: a card with every choice resolved against its data, and hashed."""

from runcard.plan.check import find_doubts
from runcard.plan.choice import Choice, Constraint, read_choice, read_constraint, short_name
from runcard.plan.digest import digest
from runcard.plan.draw import Trial, shape_of
from runcard.plan.featureset import FeatureSet
from runcard.plan.fits import Fit, Stage
from runcard.plan.make import make_plan
from runcard.plan.plan import Plan

__all__ = [
    "Choice",
    "Constraint",
    "FeatureSet",
    "Fit",
    "Plan",
    "Stage",
    "Trial",
    "digest",
    "find_doubts",
    "make_plan",
    "read_choice",
    "read_constraint",
    "shape_of",
    "short_name",
]
