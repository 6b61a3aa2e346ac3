"""A decision as a person reads it, in 80 columns."""

from __future__ import annotations

from dataclasses import replace

from shown import shown

from runcard.decision import Candidate, FinalScore, decide
from runcard.plan import Choice, read_constraint
from runcard.report.blocks import Block
from runcard.report.decision import decision_report, legend, marks_of, pareto_report

FOLDS = {
    "random_forest n_estimators=300": ((0.85, 0.84, 0.86), 9.25, 12.0),
    "random_forest n_estimators=50": ((0.84, 0.84, 0.86), 4.5, 2.0),
    "logistic_regression C=1": ((0.82, 0.84, 0.85), 0.25, 0.01),
    "logistic_regression C=0.01": ((0.61, 0.62, 0.63), 0.25, 0.01),
}
CANDIDATES = [
    Candidate(
        id=f"{n}" * 64,
        label=label,
        value=sum(folds) / 3,
        folds=folds,
        measures={"roc_auc": sum(folds) / 3, "predict_ms_p95": ms, "model_mb": mb},
    )
    for n, (label, (folds, ms, mb)) in enumerate(FOLDS.items())
]
BOUNDS = (read_constraint("predict_ms_p95", "<= 5"), read_constraint("model_mb", "<= 50"))
DECISION = decide(
    CANDIDATES,
    Choice("one_standard_error", BOUNDS, practical_difference=0.02),
    metric="roc_auc",
    directions={"roc_auc": True},
    test_share=0.5,
    left_out={"failed": 1},
)
SAID = """\
Decision by roc_auc, rule one_standard_error
chosen      random_forest n_estimators=50: roc_auc 0.8467
why         alone within one standard error (0.006667) of the best roc_auc
test        roc_auc 0.8312 on the test rows, the number to report; these test
            rows were opened 4 times so far
runner-up   logistic_regression C=1: its roc_auc is 0.01 lower, more than one
            standard error
constraint  predict_ms_p95 <= 5 rejected 1 of 4; the best of them: random_forest
            n_estimators=300: roc_auc 0.8500, predict_ms_p95 9.25
constraint  model_mb <= 50 rejected none
ties        1 of 2 others may differ from it by chance alone (corrected t, Holm,
            5%): logistic_regression C=1; 0 of them lie within 0.02 of it with
            95% certainty
compared    4, 1 failed; roc_auc 0.8467 was found by looking at 4 candidates:
            the best of many is better than it will be on new rows

Pareto view: beaten by no other in all of these together
   trial     what                           roc_auc  predict_ms_p95  model_mb
*  11111111  random_forest n_estimators=50   0.8467          4.5000    2.0000
   22222222  logistic_regression C=1         0.8367          0.2500    0.0100
"""


def said(blocks: list[Block]) -> str:
    return "".join(f"{line}\n" for line in shown(blocks))


def test_all_is_said_the_most_important_first() -> None:
    found = replace(DECISION, test=FinalScore(0.83124, 4))
    assert said([*decision_report(found), *pareto_report(found)]) == SAID


def test_a_table_marks_the_chosen_one_and_those_that_nobody_beats() -> None:
    assert marks_of(DECISION) == {"1" * 64: "*°", "2" * 64: "°"}
    assert legend(DECISION) == "* chosen; ° beaten by no other in roc_auc, predict_ms_p95, model_mb together"
    assert marks_of(None) == {}


def test_what_to_do_about_a_winner_without_a_test_score_is_said_in_its_place() -> None:
    text = said(decision_report(DECISION, advice="none: run it"))
    assert "\ntest        none: run it\n" in text


def test_finalists_that_failed_are_named_and_very_many_counted() -> None:
    def failing(n: int) -> str:
        reasons = {candidate.id: "no memory" for candidate in CANDIDATES[:n]}
        found = decide(CANDIDATES, Choice(), metric="roc_auc", directions={"roc_auc": True}, failed=reasons)
        (line,) = (text for name, text in decision_report(found)[0].pairs if name == "failed")
        return str(line)

    named = [f"{candidate.label}: no memory" for candidate in CANDIDATES[:3]]
    assert failing(3) == "; ".join(named)
    assert failing(4) == "; ".join([*named, "and 1 more"])


def test_without_test_rows_or_a_winner_that_is_said() -> None:
    said_of = dict(decision_report(replace(DECISION, has_test_rows=False))[0].pairs)
    assert said_of["test"].startswith("none: the card keeps no rows for the test")
    none = decide(
        CANDIDATES,
        Choice(constraints=(read_constraint("model_mb", "<= 0"),)),
        metric="roc_auc",
        directions={"roc_auc": True},
    )
    facts = dict(decision_report(none)[0].pairs)
    assert facts["chosen"] == "none: no candidate qualifies"
    assert not {"why", "test", "ties"} & set(facts)
    assert facts["constraint"].startswith("model_mb <= 0 rejected 4 of 4; the best of them: random_forest")
