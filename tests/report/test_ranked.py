"""The ranked trials and the finalists of a run, in 80 columns."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from shown import shown

from runcard.comparison import Comparison, compare
from runcard.record import FinalRecord, Record
from runcard.report.ranked import finalists_table, rank_standings, ranking_report, say_same_params
from runcard.report.wording import parameters, times, varying_params


def record(index: int, model: str, params: dict[str, Any], *folds: float, **given: Any) -> Record:
    return Record(
        record_id=f"r{index}",
        trial_key=f"k{index}",
        protocol="p",
        model=model,
        params=params,
        features="default",
        index=index,
        status=given.pop("status", "done"),
        started=0.0,
        ended=1.0,
        scores={"roc_auc": folds, "log_loss": tuple(1 - value for value in folds)} if folds else {},
        fit_seconds=(0.5, 1.5),
        **given,
    )


def final(of: Record, *, error: str | None = None) -> FinalRecord:
    scores = {} if error else {"log_loss": 0.25, "roc_auc": 0.875}
    return FinalRecord(
        f"f{of.index}", of.record_id, of.trial_key, "p", scores, 0, 1, error=error, predict_ms_p95=2.34, model_mb=1.5
    )


RECORDS = [
    record(0, "forest", {"n": 100, "depth": None, "seed": 7}, 0.9, 0.8, 0.85),
    record(1, "forest", {"n": 50, "depth": None, "seed": 7}, 0.9, 0.8, 0.85),
    record(2, "linear", {"C": 0.123456789, "kind": "l2", "seed": 7}, 0.8, 0.7, 0.75),
    record(3, "linear", {"C": 1e-05, "kind": "l2", "seed": 7}, status="failed", error="no"),
    record(4, "linear", {"C": 10, "kind": "l2", "seed": 7}, status="stopped", stopped_at=2),
]
FINALS = [final(RECORDS[0]), final(RECORDS[2], error="no memory")]


def ranking(records: list[Record] | None = None, finals: list[FinalRecord] | None = None) -> Comparison:
    return compare(records or RECORDS, "roc_auc", greater_is_better=True, finals=finals or ())


def test_the_ranked_trials_of_a_run() -> None:
    assert shown(ranking_report(ranking(finals=FINALS), {"k1": "*", "k0": "°"})) == [
        "Trials by roc_auc (greater is better): mean ± standard error over the folds",
        "   rank  model   parameters          roc_auc  fit s  log_loss",
        "     1°  forest  n=100       0.8500 ± 0.0289   1.00    0.1500",
        "     1*  forest  n=50        0.8500 ± 0.0289   1.00    0.1500",
        "      3  linear  C=0.12346   0.7500 ± 0.0289   1.00    0.2500",
        "stopped  linear  C=10",
        " failed  linear  C=1e-05",
        "The same in all: seed=7; in forest: depth=null; in linear: kind=l2.",
    ]


def test_where_it_is_narrow_the_last_columns_go() -> None:
    assert shown(ranking_report(ranking()), width=48)[2:4] == [
        "   rank  model   parameters          roc_auc",
        "      1  forest  n=100       0.8500 ± 0.0289",
    ]


def test_very_many_trials_are_counted_and_the_chosen_one_is_shown() -> None:
    records = [record(k, "linear", {"C": k + 1}, 0.9 - k / 100, 0.8 - k / 100) for k in range(30)]
    lines = shown(ranking_report(ranking(records), {"k24": "*"}))
    assert [line.split()[0] for line in lines[2:-1]] == [*map(str, range(1, 21)), "25*", "21"]
    assert lines[-2:] == ["21 of 30 trials; `runcard compare` shows all", "The same in all: model=linear."]


def test_scores_of_all_folds_together_have_no_uncertainty() -> None:
    lines = shown(ranking_report(ranking([record(0, "linear", {"C": 1}, 0.75)])))
    assert lines == [
        "Trials by roc_auc (greater is better): of all folds' rows together",
        "rank  model   parameters  roc_auc  fit s  log_loss",
        "   1  linear  C=1          0.7500   1.00    0.2500",
    ]


def test_the_finalists_of_a_run() -> None:
    assert shown([finalists_table(ranking(finals=FINALS), {"k0": "*"})]) == [
        "Finalists: refitted on all training rows, scored on the test rows",
        "rank  model   parameters  roc_auc  row ms    MB  log_loss",
        "  1*  forest  n=100        0.8750     2.3  1.50    0.2500",
        "   3  linear  C=0.12346               2.3  1.50",
    ]
    untested = [replace(FINALS[0], scores={})]
    assert shown([finalists_table(ranking(finals=untested))])[0] == (
        "Finalists: refitted on all rows; none are kept for the test"
    )


def test_of_one_trial_all_parameters_are_shown() -> None:
    rows = rank_standings(ranking(RECORDS[:1]))
    assert say_same_params(rows) == ""
    assert "n=100, depth=null, seed=7" in shown(ranking_report(ranking(RECORDS[:1])), width=100)[2]


def test_parameters_are_written_as_a_card_would() -> None:
    params = {"a": True, "b": None, "c": "text", "d": [1, 2], "e": 0.1234567891, "f": -1.5e-12345678, "g": 1234567890}
    assert parameters(params) == "a=true, b=null, c=text, d=[1, 2], e=0.12346, f=-0.0, g=1234567890"
    assert parameters({"C": "0.123456789", "n": "1234567890", "v": "1.2.3456789"}) == (
        "C=0.12346, n=1234567890, v=1.2.3456789"
    )
    assert varying_params([{"a": 1, "b": 2}, {"a": 1, "b": 3}]) == ["b"]
    assert varying_params([{"a": 1, "b": 2}]) == ["a", "b"]
    assert [times(n) for n in (1, 2, 3, 1_000)] == ["once", "twice", "3 times", "1,000 times"]
