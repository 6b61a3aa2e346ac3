"""One description of a report, in a terminal of any width, as Markdown, CSV and JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest
from shown import shown

from runcard.report.blocks import Column, Excerpt, Facts, ReportTable, Text
from runcard.report.cells import as_csv, as_records
from runcard.report.markdown import as_markdown


def named(counts: Mapping[str, int]) -> tuple[str, ...]:
    return tuple(f"{n} {name}" for name, n in counts.items())


Fruit = tuple[str, float | None, Mapping[str, int], Sequence[int]]
FRUIT: list[Fruit] = [
    ("apple with a long name", 0.123456789, {"red": 3}, (1, 2)),
    ("pear", None, {"green": 1, "red": 2}, ()),
]
COLUMNS: list[Column[Fruit]] = [
    Column("name", lambda row: row[0], "what it is", folds=True),
    Column("weight", lambda row: row[1], is_number=True),
    Column("empty", lambda row: None),
    Column("colours", lambda row: row[2], shown=lambda row: named(row[2]), prefix="n_"),
    Column("days", lambda row: tuple(row[3]), shown=lambda row: str(len(row[3]))),
]
TABLE = ReportTable(COLUMNS, FRUIT, "Fruit", Text("2 of 9; ", ("`--all`", "code"), " shows all"))


def test_a_terminal_shows_what_is_there() -> None:
    assert shown([TABLE]) == [
        "Fruit",
        "what it is              weight  colours  days",
        "apple with a long name  0.1235  3 red    2",
        "pear                            1 green  0",
        "                                2 red",
        "2 of 9; `--all` shows all",
    ]


def test_what_may_be_broken_is_where_it_is_narrow() -> None:
    assert shown([TABLE], width=34)[:4] == [
        "Fruit",
        "what it is   weight  colours  days",
        "apple with   0.1235  3 red    2",
        "a long name",
    ]


@pytest.mark.parametrize(("width", "n_shown"), [(13, 2), (21, 2), (22, 3), (27, 3), (28, 4)])
def test_the_last_columns_go_where_they_may(width: int, n_shown: int) -> None:
    lines = shown([replace(TABLE, fewest=2)], width=width)
    assert max(map(len, lines)) <= width
    table = " ".join(lines)
    assert [name in table for name in ("apple", "0.1235", "1 green", "days")] == [place < n_shown for place in range(4)]


def test_people_may_see_other_columns_in_another_order() -> None:
    assert shown([replace(TABLE, seen=("weight", "name"))])[1].split() == ["weight", "what", "it", "is"]
    assert shown([replace(TABLE, rows=())])[1].split() == ["what", "it", "is", "weight", "empty", "colours", "days"]


def test_markdown_has_the_same_cells() -> None:
    assert as_markdown([TABLE, Text(), Facts([("why", Text("it is ", ("ripe", "good")))], "Choice"), Text("# 1")]) == (
        "Fruit\n\n"
        "| what it is | weight | colours | days |\n"
        "| --- | ---: | --- | --- |\n"
        "| apple with a long name | 0.1235 | 3 red | 2 |\n"
        "| pear |  | 1 green<br>2 red | 0 |\n\n"
        "2 of 9; `--all` shows all\n\n"
        "Choice\n\n"
        "- **why**: it is **ripe**\n\n"
        "\\# 1\n"
    )


def test_an_excerpt_is_shown_as_it_is() -> None:
    lines = ["  + ``` a", "x" * 100]
    assert shown([Excerpt(lines)], width=20) == ["  + ``` a", "x" * 19 + "…"]
    assert as_markdown([Excerpt(lines)]) == f"````\n  + ``` a\n{'x' * 100}\n````\n"


def test_programs_get_plain_values() -> None:
    assert as_csv(TABLE).splitlines() == [
        "name,weight,empty,n_red,n_green",
        "apple with a long name,0.123456789,,3,",
        "pear,,,2,1",
    ]
    assert as_csv(replace(TABLE, rows=())) == ""
    assert json.loads(json.dumps(as_records(TABLE)))[0] == {
        "name": "apple with a long name", "weight": 0.123456789, "empty": None, "colours": {"red": 3}, "days": [1, 2],
    }  # fmt: skip
