from __future__ import annotations

import pandas as pd
import pytest
from sklearn import datasets

from runcard.catalog.datasets import bundled_names, describe_bundled, load_bundled


def test_names_are_sorted_and_described() -> None:
    names = bundled_names()
    assert list(names) == sorted(names)
    assert names == ("breast_cancer", "diabetes", "digits", "iris", "wine")
    assert all(describe_bundled(name) for name in names)


@pytest.mark.parametrize("name", bundled_names())
def test_loads_what_scikit_learn_gives(name: str) -> None:
    x, y = load_bundled(name)
    values, target = getattr(datasets, f"load_{name}")(return_X_y=True)
    assert isinstance(x, pd.DataFrame)
    assert (x.to_numpy() == values).all()
    assert y.name == "target"
    assert (y.to_numpy() == target).all()
    assert f"{len(x)} " in describe_bundled(name)
