"""Feature sets: the default transformer of a card, and row-wise functions wrapped as transformers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from runcard import errors

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from sklearn.compose import ColumnTransformer
    from sklearn.preprocessing import FunctionTransformer


def default_transformer(numerical: Sequence[str], categorical: Sequence[str]) -> ColumnTransformer:
    """Return the default transformer for these columns, unfitted; its output is dense, of shape (n, n_out).

    It is float64, and float32 where all columns are numbers in float32.

    Numerical: missing values become the median, then mean 0 and variance 1. Categorical: a column of 0 and 1
    for each category, missing being one; a category not seen in fitting is 0 everywhere. It is made of
    scikit-learn's classes alone, so that a saved model loads without runcard.
    """
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, RobustScaler, StandardScaler

    parts: list[tuple[str, Any, list[str]]] = []
    if numerical:
        # Centred at the median, 0 stands for it: SimpleImputer's own median takes five times as long and
        # twice the memory. The first step makes an array of its own, which the others may overwrite.
        steps = (
            RobustScaler(with_scaling=False),
            SimpleImputer(strategy="constant", fill_value=0.0, keep_empty_features=True, copy=False),
            StandardScaler(copy=False),
        )
        parts.append(("numerical", make_pipeline(*steps), list(numerical)))
    if categorical:
        # No imputer in front: the encoder takes missing as a category itself, and an imputer refuses bool.
        encoder = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
        parts.append(("categorical", encoder, list(categorical)))
    return ColumnTransformer(parts, sparse_threshold=0, verbose_feature_names_out=False)


def wrap_rowwise(function: Callable[[pd.DataFrame], pd.DataFrame]) -> FunctionTransformer:
    """Wrap a row-wise function from frame to frame as a transformer; fitting it learns nothing."""
    from sklearn.preprocessing import FunctionTransformer

    return FunctionTransformer(function)


def check_rowwise(name: str, function: Callable[[pd.DataFrame], pd.DataFrame], frame: pd.DataFrame) -> None:
    """Check that on `frame` the function keeps all rows and computes each from that row alone.

    What it makes of the whole table must be what it makes of parts of it, in another order: of a half, a quarter,
    an eighth and so on, down to single rows; and once more with the rows of the large parts in the small ones.

    Raises
    ------
    errors.FeaturesInvalid
        It returns no frame, other rows, or other values when it sees other rows.
    """
    import numpy as np

    plain = frame.reset_index(drop=True)
    whole = _applied(name, function, plain.copy())
    if len(whole) != len(plain):
        raise _not_rowwise(name, f"it returned {len(whole):,} rows for {len(plain):,}")
    order = np.random.RandomState(0).permutation(len(plain))
    for rows in [part for shuffled in (order, order[::-1]) for part in _halved(shuffled)]:
        part = _applied(name, function, plain.iloc[rows].reset_index(drop=True))
        if len(part) != len(rows):
            raise _not_rowwise(name, f"it returned {len(part):,} rows for {len(rows):,}")
        if list(whole.columns) != list(part.columns):
            raise _not_rowwise(name, "its columns change with the rows it is given")
        for place, column in enumerate(whole.columns):
            if not _equal(whole.iloc[rows, place], part.iloc[:, place]):
                raise _not_rowwise(name, f"`{column}` of a row changes with the rows beside it")


def _applied(name: str, function: Callable[[pd.DataFrame], pd.DataFrame], frame: pd.DataFrame) -> pd.DataFrame:
    import pandas as pd

    try:
        made = function(frame)
    except Exception as error:  # whatever the project's function raises
        raise errors.FeaturesInvalid(
            f"feature set `{name}` fails on {len(frame):,} row{'s' * (len(frame) != 1)}",
            why=f"{type(error).__name__}: {error}",
            hint="call the function on some rows of the table to see more",
        ) from error
    if not isinstance(made, pd.DataFrame):
        raise _not_rowwise(name, f"it returned a `{type(made).__name__}`, not a frame")
    return made


def _halved(order: np.ndarray) -> Iterator[np.ndarray]:
    """Divide rows into a half, a quarter, an eighth and so on, down to single rows."""
    while len(order) > 1:
        half = len(order) // 2
        yield order[half:]
        order = order[:half]
    yield order


def _equal(first: pd.Series, second: pd.Series) -> bool:
    from pandas.testing import assert_series_equal

    first, second = first.reset_index(drop=True), second.reset_index(drop=True)
    try:
        # dtypes may differ where a few rows hold no missing value.
        assert_series_equal(first, second, check_dtype=False, rtol=1e-12, atol=0, check_categorical=False)
    except AssertionError:
        return False
    return True


def _not_rowwise(name: str, why: str) -> errors.FeaturesInvalid:
    return errors.FeaturesInvalid(
        f"feature set `{name}` does not work row by row",
        why=f"{why}; learnt over all rows it would leak from test to training",
        hint="return an unfitted transformer instead and register it without `rowwise=True`",
    )
