import random
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from runcard.tabular.conditions import seeded, set_seeds

SEEDS = st.integers(0, 2**32 - 1)


def draws():
    return random.random(), float(np.random.random())


@given(SEEDS)
def test_the_same_seed_gives_the_same_numbers(seed):
    with seeded(seed):
        first = draws()
    with seeded(seed):
        assert draws() == first
    with seeded((seed + 1) % 2**32):
        assert draws() != first


@pytest.mark.parametrize("fails", [False, True])
def test_what_was_before_goes_on(fails):
    with seeded(7):
        draws()
        expected = draws(), draws()
    with seeded(7):
        draws()
        first = draws()
        try:
            with seeded(1):
                draws()
                if fails:
                    raise KeyError
        except KeyError:
            pass
        assert (first, draws()) == expected


@pytest.mark.parametrize("seed", [0, 2**32 - 1, 2**32, -1])
def test_any_whole_number_is_a_seed(seed):
    with seeded(0):
        set_seeds(seed)


def test_torch_is_seeded_if_it_is_loaded(monkeypatch):
    told = []
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(manual_seed=told.append))
    with seeded(5):
        assert told == [5]
