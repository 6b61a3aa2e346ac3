"""The plan: a card with every choice resolved against its data, and hashed."""

from runcard.plan.digest import digest
from runcard.plan.make import make_plan
from runcard.plan.plan import FeatureSet, Fit, Plan, Stage, Trial

__all__ = ["FeatureSet", "Fit", "Plan", "Stage", "Trial", "digest", "make_plan"]
