"""Tests of fits that need not be done."""

from __future__ import annotations

import math

from runcard.engine.base import Lost
from runcard.plan import Fit, Stage
from runcard.record import JobResult, UnitResult
from runcard.workflow.run.schedule import Twins

LOOSE = Fit("tree", "features", {"max_depth": None}, (Stage("loose", None, "twin"),), math.inf)
TIGHT = Fit("tree", "features", {"max_depth": 9}, (Stage("tight", None, "twin"),), 9)
SINGLE = Fit("tree", "features", {"max_depth": 3}, (Stage("single", None, "another"),), 3)


def grown(depth: int, error: str | None = None) -> JobResult:
    stage = UnitResult("loose", {"accuracy": 0.5}, fit_seconds=2.0, score_seconds=0.1)
    return JobResult(0, (stage,), cpu_seconds=2.0, started=1.0, ended=3.0, error=error, reached=depth)


def test_a_limit_that_was_not_reached_changes_nothing() -> None:
    twins = Twins([LOOSE, TIGHT, SINGLE])
    assert twins.read_off(TIGHT, 0) is None
    twins.end(LOOSE, 0, grown(8))
    found = twins.read_off(TIGHT, 0)
    assert found is not None
    assert (found.stages[0].key, found.stages[0].scores, found.cpu_seconds) == ("tight", {"accuracy": 0.5}, 0.0)
    assert twins.read_off(TIGHT, 1) is None


def test_a_limit_that_was_reached_needs_a_fit() -> None:
    for result in (grown(9), grown(8, error="no"), Lost("it died")):
        twins = Twins([LOOSE, TIGHT])
        twins.end(LOOSE, 0, result)
        assert twins.read_off(TIGHT, 0) is None


def test_a_fit_awaits_what_may_make_it_needless() -> None:
    for result in (grown(8), grown(9), Lost("it died")):
        twins = Twins([LOOSE, TIGHT, SINGLE])
        assert not twins.awaits(TIGHT, 0)
        twins.begin(LOOSE, 0)
        twins.begin(SINGLE, 0)
        assert [twins.awaits(TIGHT, 0), twins.awaits(TIGHT, 1), twins.awaits(SINGLE, 0)] == [True, False, False]
        twins.end(LOOSE, 0, result)
        assert not twins.awaits(TIGHT, 0)
