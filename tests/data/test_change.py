"""What changed between two contents, in words."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pandas as pd
import pytest

from runcard.data.change import describe_change
from runcard.data.fingerprint import fingerprint
from runcard.data.locked import lock_content
from runcard.data.source import to_table


def make_frame(n_rows: int = 50) -> pd.DataFrame:
    rng = np.random.default_rng(3)
    return pd.DataFrame(
        {
            "age": rng.integers(18, 80, n_rows),
            "bill": np.where(np.arange(n_rows) % 7 == 0, np.nan, rng.normal(size=n_rows)),
            "city": rng.choice(["Ulm", "Köln", "Jena"], n_rows),
        }
    )


def with_value(frame: pd.DataFrame, row: int, column: str, value: Any) -> pd.DataFrame:
    changed = frame.copy()
    changed.loc[row, column] = value
    return changed


def changes(old: pd.DataFrame, new: pd.DataFrame, *, at_hand: bool = True) -> list[str]:
    """Describe a change as the lock does: the old digests are shortened."""
    frames = (to_table(old, name="t").frame, to_table(new, name="t").frame)
    locked = lock_content("dataset:t", fingerprint(frames[0])).content
    return list(describe_change(locked, fingerprint(frames[1]), frames if at_hand else None))


FRAME = make_frame()


@pytest.mark.parametrize(
    ("new", "lines", "from_digests"),
    [
        (FRAME, [], []),
        (
            with_value(FRAME, 3, "age", 99),
            [f"1 value changed in `age`; row 4 had `{FRAME.age[3]}` and has `99`"],
            ["other values or another order in `age`; the old content is not at hand to count them"],
        ),
        (
            with_value(with_value(FRAME, 0, "bill", -0.0), 7, "bill", 1.5),
            ["2 values changed in `bill`; the first: row 1 had nothing and has `-0.0`"],
            ["other values or another order in `bill`; the old content is not at hand to count them"],
        ),
        (
            FRAME.rename(columns={"bill": "invoice"}),
            ["column `bill` is now called `invoice`"],
            ["column `bill` is now called `invoice`"],
        ),
        (
            FRAME.drop(columns="city").assign(zip=1),
            ["1 column gone: `city`", "1 column added: `zip`"],
            ["1 column gone: `city`", "1 column added: `zip`"],
        ),
        (
            FRAME.astype({"age": float}),
            ["column `age` was int64 and is float64"],
            ["column `age` was int64 and is float64"],
        ),
        (
            FRAME[["bill", "age", "city"]],
            ["the columns stand in another order"],
            ["the columns stand in another order"],
        ),
        (
            pd.concat([FRAME, FRAME[:2]], ignore_index=True),
            ["2 rows added at the end", "50 rows before, 52 now"],
            ["2 rows more: 50 before, 52 now"],
        ),
        (
            FRAME.drop(index=[5]).reset_index(drop=True),
            ["1 row gone", "50 rows before, 49 now"],
            ["1 row fewer: 50 before, 49 now"],
        ),
        (
            pd.concat([FRAME[5:], make_frame(60)[55:]], ignore_index=True),
            ["5 rows gone", "5 rows added", "50 rows before, 50 now"],
            ["other values or another order in `age`, `bill`, `city`; the old content is not at hand to count them"],
        ),
        (
            FRAME.loc[[0, 2, 1, *range(3, 50)]].reset_index(drop=True),
            ["the same rows in another order, from row 2 on"],
            ["other values or another order in `age`, `bill`, `city`; the old content is not at hand to count them"],
        ),
    ],
    ids=[
        "nothing",
        "a value",
        "values",
        "renamed",
        "columns",
        "type",
        "order of columns",
        "rows added",
        "a row gone",
        "exchanged",
        "order of rows",
    ],
)
def test_what_changed_is_said(new: pd.DataFrame, lines: list[str], from_digests: list[str]) -> None:
    assert changes(FRAME, new) == lines
    assert changes(FRAME, new, at_hand=False) == from_digests


def test_negative_zero_is_a_change() -> None:
    old = FRAME.assign(bill=0.0)
    assert changes(old, with_value(old, 1, "bill", -0.0)) == [
        "1 value changed in `bill`; row 2 had `0.0` and has `-0.0`"
    ]


def test_columns_that_cannot_be_hashed_are_told_by_their_digest() -> None:
    old = FRAME.assign(tags=[[n] for n in range(50)])
    new = FRAME.assign(tags=[[n + 1] for n in range(50)])
    assert changes(old, new) == ["values changed in `tags`"]


def test_only_some_of_many_changes_are_listed() -> None:
    old = pd.DataFrame({f"x{n}": [1, 2] for n in range(40)})
    assert changes(old, old + 10)[-1] == "values changed in 32 more columns"
    assert changes(old, old.astype(float))[-1] == "32 more columns have other types"
    assert changes(old, old.add_prefix("n")[["nx0"]].assign(nx0=7)) == [
        "40 columns gone: `x0`, `x1`, `x2`, `x3`, `x4`, `x5`, `x6`, `x7` and 32 more",
        "1 column added: `nx0`",
    ]


@pytest.mark.slow
def test_a_million_rows_are_compared_in_seconds() -> None:
    old = make_frame(1_000_000)
    frames = (to_table(old, name="t").frame, to_table(with_value(old, 9, "age", 99), name="t").frame)
    prints = fingerprint(frames[0]), fingerprint(frames[1])
    began = time.process_time()
    assert describe_change(*prints, frames)[0].startswith("1 value changed in `age`; row 10 had ")
    assert time.process_time() - began < 10
