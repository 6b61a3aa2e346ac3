import datetime as dt
from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from runcard import errors
from runcard.data.types import iter_columns, to_column, to_frame

TEXT = str(pd.Series(["x"]).dtype)  # str, or object in pandas 2


def normalised(values):
    return to_frame({"a": to_column(values)})["a"]


@pytest.mark.parametrize(
    ("values", "kind", "expected"),
    [
        (pd.Series([1, 2], dtype="int8"), "int64", [1, 2]),
        (pd.Series([1, 2], dtype="uint64"), "int64", [1, 2]),
        (pd.Series([1, 2], dtype="Int64"), "int64", [1, 2]),
        (pd.Series([1, None], dtype="Int64"), "float64", [1, np.nan]),
        (np.array([2**63], dtype="uint64"), "float64", [2.0**63]),
        (np.array([1.5, np.nan], dtype="float32"), "float64", [1.5, np.nan]),
        (np.array([1, 2], dtype=">i4"), "int64", [1, 2]),
        (pa.array([Decimal("1.25"), None]), "float64", [1.25, np.nan]),
        (pa.nulls(2), "float64", [np.nan, np.nan]),
        (pd.Series([None, np.nan], dtype=object), "float64", [np.nan, np.nan]),
        (pd.Series([True, False]), "bool", [True, False]),
        (pd.Series([True, None]), "object", [True, np.nan]),
        (pd.Series([True, None], dtype="boolean"), "object", [True, np.nan]),
        (pd.Series(["x", None], dtype=object), TEXT, ["x", np.nan]),
        (pd.Series(["x", pd.NA], dtype="string"), TEXT, ["x", np.nan]),
        (pd.Series(["x", None], dtype="category"), TEXT, ["x", np.nan]),
        (pd.Series([3, 4], dtype="category"), "int64", [3, 4]),
        (pl.Series(["x", None], dtype=pl.Categorical), TEXT, ["x", np.nan]),
        (pl.Series(["x", None], dtype=pl.Enum(["x"])), TEXT, ["x", np.nan]),
        (pa.array(["x", None], getattr(pa, "string_view", pa.string)()), TEXT, ["x", np.nan]),
        (np.array(["x", "y"]), TEXT, ["x", "y"]),
        (pa.array([dt.time(8, 30)]), TEXT, ["08:30:00.000000"]),
        (pa.array([dt.date(2024, 1, 31)]), "datetime64[us]", [pd.Timestamp("2024-01-31")]),
        (np.array(["2024-01-31"], dtype="M8[ns]"), "datetime64[us]", [pd.Timestamp("2024-01-31")]),
        (pa.array([dt.datetime(9999, 12, 31)]), "datetime64[us]", [dt.datetime(9999, 12, 31)]),
        (pa.array([1], pa.timestamp("ns")), "datetime64[ns]", [pd.Timestamp(1)]),
        (
            pd.Series(pd.to_datetime(["2024-01-31 12:00"])).dt.tz_localize("Europe/Berlin"),
            "datetime64[us, UTC]",
            [pd.Timestamp("2024-01-31 11:00", tz="UTC")],
        ),
        (pa.array([[1, 2], None]), "object", None),
    ],
)  # fmt: skip
def test_types(values, kind, expected):
    column = normalised(values)

    assert str(column.dtype) == kind
    for found, wanted in zip(column, expected or [], strict=bool(expected)):
        assert found == wanted or (isinstance(found, float) and np.isnan([found, wanted]).all())


def test_numbers_and_text_are_not_copied():
    numbers = np.arange(10.0)
    text = pa.array(["x", "y"], pa.large_string())

    assert to_column(numbers).chunk(0).buffers()[1].address == numbers.ctypes.data
    assert to_column(text).chunk(0).buffers()[2].address == text.buffers()[2].address
    series = pd.Series(numbers)
    assert to_column(series).chunk(0).buffers()[1].address == series.to_numpy().ctypes.data


@pytest.mark.parametrize("values", [[1, "x"], [2**70], [1j], [object()]])
def test_values_that_fit_no_type(values):
    with pytest.raises(errors.ColumnUnsupported) as caught:
        to_column(pd.Series(values, dtype=object), where='dataset:mine, column "a"')

    assert caught.value.where == 'dataset:mine, column "a"'


def test_columns_of_every_kind_of_frame():
    data = {"a": [1, 2], "b": ["x", "y"]}
    for frame in (pd.DataFrame(data), pl.DataFrame(data), pa.table(data)):
        assert [(name, list(map(str, to_column(values).to_pylist()))) for name, values in iter_columns(frame)] == [
            ("a", ["1", "2"]),
            ("b", ["x", "y"]),
        ]


@pytest.mark.parametrize("values", [[True, None, False, True], ["x", None, "y", "x"]])
def test_gaps_are_what_scikit_learn_calls_missing(values):
    frame = to_frame({"a": to_column(pa.array(values))})

    filled = SimpleImputer(strategy="most_frequent").fit_transform(frame)
    encoded = OneHotEncoder(sparse_output=False).fit(frame)
    both = make_pipeline(SimpleImputer(strategy="most_frequent"), OneHotEncoder(sparse_output=False))

    assert filled[:, 0].tolist() == [values[0] if value is None else value for value in values]
    assert len(encoded.categories_[0]) == 3
    assert both.fit_transform(frame).shape == (4, 2)
    # and rows without gaps, whose type is then bool, find the same categories
    complete = to_frame({"a": to_column(pa.array([values[0], values[2]]))})
    assert encoded.transform(complete).sum(axis=1).tolist() == [1.0, 1.0]
