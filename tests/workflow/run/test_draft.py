"""Records: made of fold results in any order, and read back equal."""

from __future__ import annotations

import itertools
import json
import time
from dataclasses import replace

import pytest
from projects import customers_card, make_customers, write_project

from runcard.plan import Plan
from runcard.record import FinalRecord, JobResult, UnitResult, read_final, read_record, record_json
from runcard.workflow.resolve import resolve
from runcard.workflow.run.draft import PartialRecord, make_record, renumber


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> Plan:
    folder = tmp_path_factory.mktemp("record") / "project"
    return resolve(write_project(folder, customers_card(), table=make_customers())).plan


def result(plan: Plan, fold: int, **changes: object) -> JobResult:
    """Make the result of a fold, with a score that is hard to write down."""
    stage = UnitResult(
        plan.trials[0].key,
        {metric.name: 0.1 * (fold + 1) / 3 for metric in plan.metrics},
        fit_seconds=1.0 + fold,
        score_seconds=0.5,
        predict_ms=(3.0, 1.0, 2.0) if fold == 0 else (),
        model_bytes=2_000_000 if fold == 0 else None,
    )
    given = {
        "unit": fold,
        "stages": (stage,),
        "cpu_seconds": 1.0,
        "started": 10.0 - fold,
        "ended": 20.0 + fold,
    }
    return JobResult(**{**given, **changes})


def test_folds_may_come_in_any_order(plan: Plan) -> None:
    records = []
    for order in itertools.permutations(range(3)):
        draft = PartialRecord(plan.trials[0], plan.work.units)
        for place, fold in enumerate(order):
            assert not draft.is_complete
            draft.add(result(plan, fold, warnings=(f"UserWarning: {fold}",)))
            assert draft.is_complete == (place == 2)
        records.append(make_record(draft, plan))
    first = records[0]
    assert first.scores["roc_auc"] == (0.1 / 3, 0.2 / 3, pytest.approx(0.1))
    assert first.fit_seconds == (1.0, 2.0, 3.0)
    assert (first.started, first.ended) == (8.0, 22.0)
    assert (first.predict_ms_p95, first.model_mb, first.status) == (3.0, 2.0, "done")
    assert (first.cpu_seconds, first.n_fits, first.n_warned) == (3.0, 3, 3)
    assert set(first.warnings) == {f"UserWarning: {fold}" for fold in range(3)}
    same = [replace(found, record_id="", warnings=()) for found in records]
    assert all(found == same[0] for found in same)


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_points_of_a_curve_may_come_in_any_order(plan: Plan, order: tuple[int, ...]) -> None:
    draft = PartialRecord(plan.trials[0], plan.work.units)
    for fold in order:
        draft.add_point("roc_auc", 10 - fold, 0.5 + fold, result(plan, fold, stages=()))
    draft.stopped_at = 10
    found = make_record(draft, plan)
    assert (found.started, found.ended, found.cpu_seconds) == (9.0, 21.0, 2.0)
    assert list(found.curves["roc_auc"].items()) == [(9, 1.5), (10, 0.5)]
    assert (found.status, found.stopped_at, found.scores) == ("stopped", 10, {})


def test_a_failed_fold_fails_the_trial_at_once(plan: Plan) -> None:
    draft = PartialRecord(plan.trials[0], plan.work.units)
    draft.add(result(plan, 1, stages=(), error="ValueError: no", trace="Traceback"))
    assert draft.is_complete
    found = make_record(draft, plan)
    assert (found.status, found.error, found.trace) == ("failed", "fold 2: ValueError: no", "Traceback")
    assert found.scores == {}
    assert found.mean("roc_auc") is None


def test_a_lost_fold_is_lost_and_not_failed(plan: Plan) -> None:
    draft = PartialRecord(plan.trials[0], plan.work.units)
    draft.add(result(plan, 0))
    draft.lose(2, "the worker died")
    found = make_record(draft, plan)
    assert (found.status, found.error) == ("lost", "fold 3: the worker died")
    assert (found.started, found.ended) == (10.0, 20.0)


def test_a_trial_that_is_lost_before_anything_came_in_ends_as_it_starts(plan: Plan) -> None:
    draft = PartialRecord(plan.trials[0], plan.work.units)
    before = time.time()
    draft.lose(0, "the worker died")
    draft.lose(1, "another one died")
    found = make_record(draft, plan)
    assert before <= found.started == found.ended
    assert (found.status, found.error) == ("lost", "fold 1: the worker died")


def test_the_first_error_counts(plan: Plan) -> None:
    draft = PartialRecord(plan.trials[0], plan.work.units)
    for fold in (2, 0):
        draft.add(result(plan, fold, stages=(), error=f"ValueError: {fold}", trace=f"trace {fold}"))
    found = make_record(draft, plan)
    assert (found.error, found.trace) == ("fold 3: ValueError: 2", "trace 2")


def test_records_are_read_back_to_the_last_digit(plan: Plan) -> None:
    draft = PartialRecord(plan.trials[0], plan.work.units)
    for fold in range(3):
        draft.add(result(plan, fold))
    record = make_record(draft, plan)
    assert read_record(record_json(record)) == record


def test_finals_are_read_back_and_older_ones_too() -> None:
    final = FinalRecord("a", "b", "c", "d", {"r2": 0.1 + 0.2}, 1.0, 2.0, warnings=("w",), unsaved="why")
    assert read_final(record_json(final)) == final
    older = {name: value for name, value in json.loads(record_json(final)).items() if name != "unsaved"}
    assert read_final(json.dumps(older)).unsaved is None


def test_records_of_earlier_plans_get_their_place_in_this_one(plan: Plan) -> None:
    records = []
    for trial in reversed(plan.trials):
        draft = PartialRecord(trial, (), started=1.0, ended=2.0)
        records.append(make_record(draft, plan))
    moved = [read_record(record_json(r).replace(f'"index": {r.index}', '"index": 99')) for r in records]
    assert [r.trial_key for r in renumber(moved, plan.trials)] == [trial.key for trial in plan.trials]
    assert [r.index for r in renumber(moved, plan.trials)] == [0, 1, 2, 3]
