from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from runcard.replay import VERDICTS, Outcome, judge_outcome, reaches, weakest


def outcome(shift: float = 0.0, labels: Any = ("No", "Yes", "No"), score: float = 0.75, outputs: str = "ab") -> Outcome:
    """A finalist of two folds and three test rows."""
    table = pd.DataFrame({"row": [4, 7, 9], "customer": ["u", "v", "w"], "truth": ["No", "Yes", "No"]})
    table["prediction"] = list(labels)
    table["probability_Yes"] = np.array([0.1, 0.9, 0.2]) + shift
    return Outcome({"f1": (0.5, score)}, {"f1": score}, ("aa", outputs), f"test {shift}{labels}", table)


def test_the_same_bytes_are_identical() -> None:
    found = judge_outcome(outcome(), outcome())
    assert (found.verdict, found.divergence) == ("identical", None)


@pytest.mark.parametrize(
    ("now", "verdict"),
    [
        (outcome(1e-10, outputs="ac"), "equivalent"),
        (outcome(9e-10, score=0.75 + 9e-7), "equivalent"),
        (outcome(1.1e-9), "different"),
        (outcome(1e-10, score=0.75 + 1.1e-6), "different"),
        (outcome(labels=("No", "Yes", "Yes")), "different"),
        (outcome(outputs="ac"), "equivalent"),  # the finalist's own predictions are at hand, and they are the same
    ],
)
def test_what_is_equivalent(now: Outcome, verdict: str) -> None:
    assert judge_outcome(outcome(), now).verdict == verdict


def test_the_first_divergence_is_named_with_fold_or_row_and_amount() -> None:
    on_a_fold = judge_outcome(outcome(), outcome(score=0.5, outputs="ac")).divergence
    assert str(on_a_fold) == "f1 on fold 2: 0.75, now 0.5, 0.25 apart"
    in_a_row = judge_outcome(outcome(), outcome(labels=("No", "No", "No"))).divergence
    assert str(in_a_row) == "prediction on the test rows, row 7, id v: Yes, now No"
    only_bytes = judge_outcome(outcome(), replace(outcome(outputs="ac"), predictions=None)).divergence
    assert str(only_bytes) == "outputs on fold 2: ab, now ac"


def test_a_trial_without_predictions_is_identical_or_not_equivalent() -> None:
    trial = Outcome({"f1": (0.5, 0.75)}, outputs=("aa", "ab"))
    assert judge_outcome(trial, trial).verdict == "identical"
    found = judge_outcome(trial, replace(trial, outputs=("aa", "ac")))
    assert found.verdict == "different"
    assert "no finalist" in found.why
    assert judge_outcome(trial, replace(trial, outputs=("aa", "ac")), tolerance=0.0).verdict == "within tolerance"


@pytest.mark.parametrize(
    ("tolerance", "verdict"),
    [(None, "different"), (0.1, "within tolerance"), (0.01, "different"), ({"f1": 0.1}, "within tolerance"),
     ({"r2": 0.1}, "different")],
)  # fmt: skip
def test_only_what_the_card_tolerates_is_tolerated(tolerance: Any, verdict: str) -> None:
    assert judge_outcome(outcome(), outcome(0.1, score=0.7), tolerance).verdict == verdict


def test_what_is_close_is_also_within_any_tolerance() -> None:
    """The card tolerates `r2` only, and `f1` differs by no more than rounding."""
    recorded = Outcome({"f1": (0.5,), "r2": (0.5,)}, outputs=("aa",))
    now = Outcome({"f1": (0.5 + 1e-9,), "r2": (0.55,)}, outputs=("ab",))
    assert judge_outcome(recorded, now, {"r2": 0.1}).verdict == "within tolerance"


def test_other_outputs_on_the_test_rows_are_neither_identical_nor_equivalent() -> None:
    """Predictions are not at hand, and no metric shows it."""
    kept = replace(outcome(), predictions=None)
    found = judge_outcome(kept, replace(kept, test_outputs="other"))
    assert found.verdict == "different"
    assert found.divergence is not None
    assert found.divergence.what == "outputs"


def test_labels_are_compared_by_value_and_type() -> None:
    def of(*labels: object) -> Outcome:
        table = pd.DataFrame({"row": [0, 1], "prediction": pd.Series(labels, dtype=object)})
        return Outcome(test={"f1": 1.0}, test_outputs="same", predictions=table)

    assert judge_outcome(of(1, 2), of(1, 2)).verdict == "identical"
    assert judge_outcome(of(1, 2), of("1", "2")).verdict == "different"
    assert judge_outcome(of(True, False), of(1, 0)).verdict == "different"


def test_nothing_equals_nothing_and_nothing_else() -> None:
    def of(*values: float) -> Outcome:
        table = pd.DataFrame({"row": [0, 1], "prediction": values})
        return Outcome(test={"r2": values[0]}, test_outputs="same", predictions=table)

    gap = float("nan")
    assert judge_outcome(of(gap, 1.0), of(gap, 1.0)).verdict == "identical"
    assert judge_outcome(of(1.0, gap), of(1.0, 2.0)).verdict == "different"
    assert judge_outcome(of(gap, 1.0), of(0.5, 1.0), tolerance=1.0).verdict == "different"


def test_numbers_are_compared_relative_to_what_they_are() -> None:
    def of(value: float) -> Outcome:
        table = pd.DataFrame({"row": [0], "prediction": [value]})
        return Outcome(test={"rmse": 3.0}, test_outputs=str(value), predictions=table)

    assert judge_outcome(of(1e12), of(1e12 + 100)).verdict == "equivalent"
    assert judge_outcome(of(1e-12), of(2e-12)).verdict == "different"


def test_a_score_that_was_changed_in_the_record_is_seen() -> None:
    """The outputs are the same bytes, so it is the recorded number that is not theirs."""
    changed = replace(outcome(), folds={"f1": (0.5, 0.76)})
    found = judge_outcome(changed, outcome())
    assert found.verdict == "different"
    assert "f1 on fold 2: 0.76, now 0.75" in str(found.divergence)
    assert judge_outcome(replace(outcome(), test={}), outcome()).verdict == "different"


def test_verdicts_have_an_order() -> None:
    assert weakest(["identical", "different", "equivalent"]) == "different"
    assert [reaches(verdict, "equivalent") for verdict in VERDICTS] == [True, True, False, False, False]
    assert json.dumps(VERDICTS)


def test_outputs_that_differ_first_are_named_before_a_metric_of_a_later_fold() -> None:
    recorded = Outcome({"f1": (0.5, 0.75)}, outputs=("aa", "ab"))
    now = Outcome({"f1": (0.5, 0.5)}, outputs=("ba", "bb"))
    assert str(judge_outcome(recorded, now).divergence) == "outputs on fold 1: aa, now ba"
    same_first = Outcome({"f1": (0.25, 0.5)}, outputs=("aa", "bb"))
    assert str(judge_outcome(recorded, same_first).divergence) == "f1 on fold 1: 0.5, now 0.25, 0.25 apart"


def test_other_rows_or_columns_are_not_the_same_predictions() -> None:
    """The digest of the outputs may be an older one's, or lacking on both sides."""
    whole = replace(outcome(), test_outputs="")
    assert whole.predictions is not None
    for other in (whole.predictions.iloc[:2], whole.predictions.drop(columns="customer")):
        found = judge_outcome(whole, replace(whole, predictions=other))
        assert (found.verdict, found.largest_output, found.n_labels) == ("different", float("inf"), 0)
        assert str(found.divergence).startswith("predictions on the test rows: 3 rows of row, customer, truth,")


def test_how_far_outputs_lie_apart_is_known_where_they_were_kept() -> None:
    assert judge_outcome(outcome(), outcome()).largest_output == 0.0
    trial = Outcome({"f1": (0.5, 0.75)}, outputs=("aa", "ab"))
    assert judge_outcome(trial, trial).largest_output is None


def test_a_fold_more_or_less_is_a_difference() -> None:
    trial = Outcome({"f1": (0.5, 0.75)}, outputs=("aa", "ab"))
    less = Outcome({"f1": (0.5,)}, outputs=("aa",))
    for recorded, now, said in ((trial, less, "0.75, now None"), (less, trial, "None, now 0.75")):
        found = judge_outcome(recorded, now)
        assert (found.verdict, found.folds, found.largest_metric) == ("different", (2,), float("inf"))
        assert str(found.divergence) == f"f1 on fold 2: {said}"
