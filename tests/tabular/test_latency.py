"""Latency and size."""

from __future__ import annotations

import pickle
import time

import numpy as np
import pandas as pd
import pytest

from runcard.stats import percentile_95
from runcard.tabular.latency import pickled_bytes, time_calls


@pytest.mark.parametrize(("n", "expected"), [(1, 1), (2, 2), (10, 10), (20, 19), (100, 95)])
def test_the_95th_percentile_is_of_the_nearest_rank(n: int, expected: int) -> None:
    assert percentile_95(list(range(n, 0, -1))) == expected


def test_nothing_has_no_percentile() -> None:
    assert percentile_95([]) is None


@pytest.mark.parametrize("rows", [np.arange(6).reshape(3, 2), pd.DataFrame({"a": [1, 2, 3]})])
def test_calls_are_with_one_row_each(rows: object) -> None:
    seen = []
    found = time_calls(lambda row: seen.append(row.shape[0]), rows, n_calls=5, seconds=10)
    assert len(found) == 5
    assert seen == [1] * 6  # one to warm up


def test_slow_calls_end_after_three() -> None:
    found = time_calls(lambda _: time.sleep(0.01), np.zeros((2, 1)), n_calls=100, seconds=0.001)
    assert len(found) == 3
    assert min(found) >= 10


def test_bytes_are_those_of_a_pickle() -> None:
    model = {"weights": np.arange(1000.0), "name": "a"}
    assert pickled_bytes(model) == len(pickle.dumps(model, protocol=5))
