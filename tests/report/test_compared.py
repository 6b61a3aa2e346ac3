"""A comparison as a table, Markdown, CSV and JSON."""

from __future__ import annotations

import csv
import io
import json
import math
from dataclasses import replace
from typing import Any

import pytest
from shown import shown

from runcard.report.blocks import Excerpt, plain_text
from runcard.report.cells import as_csv, as_records, neutral
from runcard.report.compared import apart_of, comparison_json, comparison_report, comparison_table, notes
from runcard.report.markdown import as_markdown
from runcard.tracking.items import RunRanking, RunRow
from runcard.tracking.ranking import Apart, RunComparison, Yardstick, compare_ranking

KEY = "cv_roc_auc_mean"
FOLDS = {"r0": (0.9, 0.8, 0.85), "r1": (0.89, 0.81, 0.84), "r2": (0.5, 0.41, 0.44), "r3": (0.85, 0.86, 0.81)}
CARD_TAGS = {"runcard.protocol": "p", "runcard.test_openings": "3", "runcard.n_done": "48"}
CARD = RunRow("c0", "card", "FINISHED", 0, 1, {}, {}, CARD_TAGS)


def run(k: int, value: float | None, *, model: str = "forest", status: str = "FINISHED", **metrics: float) -> RunRow:
    params = {"model": model, "depth": str(k), "seed": "7"}
    found = {"fit_seconds": 0.5, **metrics} | ({} if value is None else {KEY: value})
    return RunRow(f"r{k}", f"{model}-{k}", status, k, k + 1, params, found, {"runcard.index": str(k)}, "churn")


RUNS = [
    run(0, 0.85, test_roc_auc=0.83),
    run(1, 0.846, model="svc"),
    run(2, 0.45, model="svc"),
    run(3, None, status="FAILED"),
]


def comparison(runs: list[RunRow] | None = None, **given: Any) -> RunComparison:
    rows = RUNS if runs is None else runs
    n_ranked = sum(row.value(KEY) is not None for row in rows)
    ranking = given.pop("ranking", RunRanking(tuple(rows), len(rows), n_ranked))
    yardstick = given.pop("yardstick", Yardstick("roc_auc", KEY, True, True, 0.5, 0.01))
    return compare_ranking(ranking, yardstick, FOLDS, **({"card": CARD} | given))


def said(found: RunComparison) -> list[str]:
    return [line for note in notes(found) for line in (note.lines if isinstance(note, Excerpt) else [plain_text(note)])]


def printed(found: RunComparison, width: int) -> list[str]:
    return shown([comparison_table(found)], width=width)


@pytest.mark.parametrize("width", [60, 80, 120, 160])
def test_the_table_fits_and_keeps_what_matters_most(width: int) -> None:
    lines = printed(comparison(), width)
    assert max(map(len, lines)) <= width
    text = "\n".join(lines)
    assert "0.8500 ± 0.0289" in text
    assert ("95% interval" in text) == (width >= 80)
    assert "failed" in lines[-1]
    assert next(line for line in lines if "svc" in line).split()[:2] == ["2≈", "svc"]


def test_a_baseline_takes_the_place_of_the_best() -> None:
    found = comparison(baseline=RUNS[1])
    assert [row.rank for row in found.rows] == [1, 2, 3, None]
    assert [row.beside is None for row in found.rows] == [False, True, False, True]
    assert found.rows[0].beside.difference.mean == pytest.approx(0.85 - 0.846666, abs=1e-5)
    assert "1 of the other 2 is tied with the baseline" in " ".join(said(found))
    assert any(line.startswith("2 base") for line in printed(found, 120))


def test_a_baseline_further_down_is_added_without_a_rank() -> None:
    ranking = RunRanking(tuple(RUNS[:2]), 48, 47)
    found = comparison(ranking=ranking, baseline=RUNS[2])
    assert [(row.rank, row.run.run_id) for row in found.rows] == [(1, "r0"), (2, "r1"), (None, "r2")]
    assert found.reference == "r2"


def test_equal_means_share_a_rank_in_the_order_of_the_plan() -> None:
    found = comparison([run(2, 0.5), run(1, 0.5), run(0, 0.4)])
    assert [(row.rank, row.run.run_id) for row in found.rows] == [(1, "r1"), (1, "r2"), (3, "r0")]


def test_the_notes_say_what_is_tied_and_how_far_the_best_is_to_be_believed() -> None:
    text = " ".join(said(comparison(others=("0123456789",))))
    assert "1 of 4 have no score" in text
    assert "The same in all: seed=7" in text
    assert "1 of the other 2 is tied with the best" in text
    assert "on 3 folds is 0.05 or more, and the interval holds 0. Both p and the intervals are corrected" in text
    assert "for 2 comparisons (Holm). Up to 0.01 apart counts as equal." in text
    assert "The score of the best of 48 trials is optimistic" in text
    assert "On the test rows, which were opened 3 times, it got 0.8300." in text
    assert "`runcard compare 01234567` shows" in text


def test_what_is_not_known_is_not_shown() -> None:
    plain = comparison(card=None, yardstick=Yardstick(KEY, KEY, True), ranking=RunRanking(tuple(RUNS[:3]), None, None))
    text = " ".join(said(plain))
    assert "No uncertainty is known" in text
    assert "The first 3 are shown, and there are more" in text
    assert "optimistic" not in text
    assert not {"se", "p", "tied"} & set(as_records(comparison_table(plain))[0])
    assert comparison([]).best is None
    assert as_csv(comparison_table(comparison([]))) == ""
    assert json.loads(comparison_json(comparison([])))["runs"] == []
    assert printed(comparison([]), 80)


def test_parameters_that_are_the_same_in_a_model_are_said_once() -> None:
    runs = [run(k, 0.9 - k / 100, model="svc" if k > 1 else "forest") for k in range(4)]
    runs = [replace(row, params={**row.params, **({"kernel": "rbf"} if k > 1 else {})}) for k, row in enumerate(runs)]
    found = comparison(runs)
    assert "The same in all: seed=7; in svc: kernel=rbf." in said(found)
    text = "\n".join(printed(found, 160))
    assert "depth=2" in text
    assert "rbf" not in text


def test_csv_has_all_columns_and_every_digit() -> None:
    rows = list(csv.DictReader(io.StringIO(as_csv(comparison_table(comparison())))))
    expected = ["rank", "run_id", "name", "experiment", "status", "model", KEY, "se", "difference", "low", "high", "p"]
    expected += ["p_worse", "p_equal", "p_better", "tied", "fit_seconds", "predict_ms_p95", "model_mb", "test_roc_auc"]
    assert list(rows[0]) == [*expected, "param_depth", "param_seed"]
    beside = comparison().rows[1].beside
    assert float(rows[1]["p"]) == beside.p
    assert (float(rows[1]["low"]), float(rows[1]["high"])) == (beside.low, beside.high)
    assert [row["tied"] for row in rows] == ["", "true", "false", ""]
    assert sum(float(rows[2][name]) for name in ("p_worse", "p_equal", "p_better")) == pytest.approx(1)


@pytest.mark.parametrize("text", ["=1+1", "+SUM(A1)", "-cmd|' /C calc'!A0", "@x", "\t=1", "\n=1", "＝1", "-1+1", "- 1"])
def test_cells_that_begin_like_a_formula_are_neutralised(text: str) -> None:
    assert neutral(text) == f"'{text}"
    found = comparison([run(0, 0.9, model=text), run(1, 0.8)])
    (first, _) = csv.DictReader(io.StringIO(as_csv(comparison_table(found)), newline=""))
    assert first["model"] == f"'{text}"


@pytest.mark.parametrize("value", ["-1", "+0.5", "-1e-3", -1.5, 2, "a=1", "", "x-1"])
def test_numbers_and_other_cells_stay(value: object) -> None:
    assert neutral(value) == value


def test_json_is_one_document_without_nan() -> None:
    odd = [run(0, 0.9, odd=math.nan, predict_ms_p95=math.nan), *RUNS[1:]]
    found = json.loads(comparison_json(comparison(odd)), parse_constant=pytest.fail)
    assert (found["metric"], found["protocol"], found["n_folds"], found["reference"]) == ("roc_auc", "p", 3, "r0")
    assert found["has_uncertainty"] is True
    first, second = found["runs"][:2]
    assert (first["params"], first["tied"]) == ({"depth": "0", "seed": "7"}, None)
    assert (second["folds"], second["tied"]) == ([0.89, 0.81, 0.84], True)


def test_markdown_is_a_pipe_table_whatever_the_cells_hold() -> None:
    found = comparison([run(0, 0.9, model="a|b\n*c*<script>"), *RUNS[1:]])
    title, _, *lines = as_markdown(comparison_report(found)).splitlines()
    assert title.startswith("Trials by roc_auc (greater is better): mean ± standard error over the folds")
    n_columns = lines[0].count(" | ")
    table = lines[: lines.index("")]
    assert len(table) == 6
    assert {line.replace("\\|", "").count(" | ") for line in table} == {n_columns}
    assert "a\\|b \\*c\\*\\<script>" in lines[2]


def test_what_others_logged_steers_no_terminal() -> None:
    odd = [run(0, 0.9, model="[bold]x[/nope]"), run(1, 0.8, model="\x1b[31mred\a")]
    text = "\n".join(printed(comparison(odd), 160))
    assert "[bold]x[/nope]" in text
    assert "\x1b" not in text
    assert "\a" not in text


def test_of_very_many_runs_the_first_are_described() -> None:
    rows = [RunRow(str(k), f"m-{k}", "FINISHED", 0, 1, {}, {}, {}) for k in range(1_000)]
    found = apart_of([Apart(row, ("it has no seal",)) for row in rows])
    assert [each["name"] for each in found] == [f"m-{k}" for k in range(20)]


def test_the_title_says_what_is_compared_and_beside_what() -> None:
    def title(**given: Any) -> str:
        return comparison_table(comparison(**given)).title

    over = "by roc_auc (greater is better): mean ± standard error over the folds"
    assert title() == f"Trials {over}; beside the best"
    assert title(baseline=RUNS[1]) == f"Trials {over}; beside the baseline"
    tested = Yardstick("roc_auc", "test_roc_auc", True)
    assert title(runs=[run(7, None, test_roc_auc=0.8)], yardstick=tested, card=None) == (
        "Runs by roc_auc (greater is better), on the test rows"
    )
    loss = Yardstick("loss", "loss", False)
    assert title(runs=[run(7, None, loss=0.8)], yardstick=loss, card=None) == "Runs by loss (less is better)"


def test_a_wide_table_shows_all_in_this_order() -> None:
    _, head, _, second, *_ = printed(comparison(), 160)
    names = ["rank", "model", "parameters", "roc_auc", "difference", "95% interval", "worse/equal/better %", "p", "run"]
    assert head.split() == " ".join([*names, "test_roc_auc", "fit s"]).split()
    end = head.index("difference") + len("difference")
    assert second[:end].split()[-1].startswith("-0.0")  # numbers stand on the right, below the end of their heading
    assert second[end] == " "
    assert second[: head.index(" run")].rstrip()[-5:] == f"{comparison().rows[1].beside.p:.3f}"  # type: ignore[union-attr]
    long = [replace(row, run_id=row.run_id * 20) for row in RUNS[:1]]
    assert comparison_table(comparison(long)).columns[1].cell(comparison_table(comparison(long)).rows[0]) == "r0r0r0r0"


@pytest.mark.parametrize(("n", "said_of"), [(1, "1 run is not compared"), (11, "11 runs are not compared")])
def test_runs_that_are_left_out_are_named_or_counted(n: int, said_of: str) -> None:
    apart = tuple(Apart(run(k, None), ("it has no seal",)) for k in range(n))
    title, *named = said(comparison(apart=apart))[-min(n, 10) - 1 - (n > 10) :]
    assert title.startswith(said_of)
    assert named[0] == "  forest-0: `it has no seal`"
    assert named[9:] == (["  forest-9: `it has no seal`", "  and 1 more"] if n > 10 else [])


def test_a_finalist_that_is_not_the_best_is_named_by_its_rank() -> None:
    runs = [run(0, 0.85), run(1, 0.846, model="svc", test_roc_auc=0.7)]
    assert "On the test rows, which were opened 3 times, the finalist on rank 2 got 0.7000." in " ".join(
        said(comparison(runs))
    )
