import random
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from runcard.provenance.seeds import seeded, set_seeds, spawn_seed

SEEDS = st.integers(0, 2**32 - 1)
WORDS = st.lists(st.text() | st.integers(), max_size=3)


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


@given(SEEDS, WORDS)
def test_spawned_seeds_are_stable_and_in_range(seed, words):
    assert spawn_seed(seed, *words) == spawn_seed(seed, *words)
    assert 0 <= spawn_seed(seed, *words) < 2**32


def test_spawned_seeds_never_change():
    assert spawn_seed(42, "fold", 3) == 3754669734


def test_spawned_seeds_differ_by_word_type_and_order():
    given = [(1, 2), (2, 1), ("1", 2), ("12",), (12,), (), ("1", "2"), ("a", "bc"), ("ab", "c")]
    assert len({spawn_seed(0, *words) for words in given}) == len(given)
    assert len({spawn_seed(seed, "fold") for seed in range(1000)}) == 1000
