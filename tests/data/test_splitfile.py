"""The split as a file: every row number is in it, it is small, and pandas alone reads it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from runcard.data.split import make_split
from runcard.data.splitfile import read_split, write_split

RNG = np.random.default_rng(1)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("n_rows", "options", "most_bytes"),
    [
        (300, {"kind": "stratified", "n_folds": 5, "n_repeats": 2}, 20_000),
        (300, {"kind": "plain", "n_folds": None}, 20_000),
        (300, {"kind": "plain", "n_folds": 3, "test_size": 0}, 20_000),
        (300, {"kind": "group", "n_folds": 4, "groups": RNG.integers(0, 30, 300)}, 20_000),
        (300, {"kind": "time", "n_folds": 4, "times": RNG.permutation(300) // 2}, 20_000),
        (5_000, {"kind": "plain", "n_folds": "leave_one_out", "test_size": 0}, 60_000),
        (1_000_000, {"kind": "stratified", "n_folds": 10}, 1_500_000),
    ],
    ids=["repeats", "no folds", "no test", "groups", "time", "leave one out", "a million rows"],
)
def test_a_split_comes_back_as_it_was(n_rows: int, options: dict[str, Any], most_bytes: int, tmp_path: Path) -> None:
    target = RNG.integers(0, 2, n_rows)
    split = make_split(target, **{"test_size": 0.2, "seed": 5, "task": "classification", **options})
    path = tmp_path / "split.parquet"
    write_split(split, path)
    train, test, folds = read_split(path)
    assert np.array_equal(train, split.train)
    assert np.array_equal(test, split.test)
    assert len(folds) == len(split.folds)
    for (fit, score), (fit_before, score_before) in zip(folds, split.folds, strict=True):
        assert np.array_equal(fit, fit_before)
        assert np.array_equal(score, score_before)
    assert path.stat().st_size < most_bytes


def test_pandas_alone_reads_it(tmp_path: Path) -> None:
    split = make_split(np.arange(100.0), kind="plain", test_size=0.2, n_folds=5, seed=0)
    write_split(split, tmp_path / "split.parquet")
    frame = pd.read_parquet(tmp_path / "split.parquet")
    assert list(frame.columns) == ["part", "fold", "row"]
    assert sorted(frame.loc[frame["part"].isin(["train", "test"]), "row"]) == list(range(100))
    assert list(frame.loc[(frame["part"] == "score") & (frame["fold"] == 2), "row"]) == list(split.folds[2][1])
