from __future__ import annotations

import pickle
import tracemalloc

import numpy as np
import pandas as pd
import pytest
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.tree import DecisionTreeClassifier

from runcard import errors
from runcard.catalog.features import check_rowwise, default_transformer, wrap_rowwise

FRAME = pd.DataFrame(
    {
        "age": [20.0, 40.0, np.nan, 60.0],
        "visits": [1, 2, 3, 4],
        "city": pd.Series(["Bonn", "Köln", None, "Bonn"], dtype="str"),
        "member": [True, False, True, True],
    }
)


def test_numbers_are_imputed_by_the_median_and_standardised() -> None:
    made = default_transformer(["age", "visits"], []).fit_transform(FRAME)
    ages = np.array([20.0, 40.0, 40.0, 60.0])
    assert made.dtype == np.float64
    assert made[:, 0] == pytest.approx((ages - 40) / ages.std())
    assert made.mean(axis=0) == pytest.approx([0, 0])


def test_categories_become_columns_and_missing_is_one() -> None:
    transformer = default_transformer([], ["city", "member"]).fit(FRAME)
    names = ["city_Bonn", "city_Köln", "city_nan", "member_False", "member_True"]
    assert list(transformer.get_feature_names_out()) == names
    assert transformer.transform(FRAME).tolist()[2] == [0, 0, 1, 0, 1]


def test_names_of_both_kinds_in_the_order_of_the_columns() -> None:
    transformer = default_transformer(["visits", "age"], ["city"]).fit(FRAME)
    names = ["visits", "age", "city_Bonn", "city_Köln", "city_nan"]
    assert list(transformer.get_feature_names_out()) == names


def test_columns_that_are_not_named_are_dropped() -> None:
    transformer = default_transformer(["visits"], []).fit(FRAME)
    assert transformer.transform(FRAME).shape == (4, 1)
    assert transformer.transform(FRAME[["visits"]]).shape == (4, 1)


@pytest.mark.parametrize(
    "column",
    [
        pd.Series(["a", "b", None, "a"], dtype="str"),
        pd.Series(["a", "b", np.nan, "a"], dtype=object),
        pd.Series(["a", "b", None, "a"], dtype=object),
        pd.Series([True, False, True, True]),
        pd.Series([True, False, None, True], dtype="boolean"),
        pd.Series([True, False, None, True], dtype=object),
        pd.Series([1, 2, 1, 2]),
        pd.Series([1, 2, None, 2], dtype="Int64"),
        pd.Series([1.0, 2.0, np.nan, 2.0]),
        pd.Categorical(["a", "b", None, "a"]),
        pd.Series([None] * 4, dtype="str"),
        pd.Series([np.nan] * 4),
    ],
    ids=lambda column: f"{column.dtype}",
)
def test_any_type_of_column_may_be_a_category(column: pd.Series) -> None:
    frame = pd.DataFrame({"other": ["x", "y", "x", "y"], "column": column})
    made = default_transformer([], ["other", "column"]).fit_transform(frame)
    assert made.dtype == np.float64
    # Every row is in exactly one category of each column, missing being one.
    assert (made.sum(axis=1) == 2).all()
    assert made.shape[1] == 2 + frame["column"].nunique(dropna=False)


def test_a_category_not_seen_in_fitting_is_zero_everywhere_and_quiet() -> None:
    transformer = default_transformer([], ["city"]).fit(FRAME)
    assert transformer.transform(pd.DataFrame({"city": ["Ulm"]})).tolist() == [[0, 0, 0]]


def test_missing_first_seen_after_fitting_is_zero_everywhere() -> None:
    transformer = default_transformer(["visits"], ["city"]).fit(FRAME.iloc[:2])
    later = pd.DataFrame({"visits": [np.nan], "city": pd.Series([None], dtype="str")})
    assert transformer.transform(later).tolist() == [[0, 0, 0]]


@pytest.mark.filterwarnings("ignore:All-NaN slice encountered:RuntimeWarning")
def test_a_column_without_any_value_is_zero() -> None:
    frame = pd.DataFrame({"empty": [np.nan] * 3, "number": [1.0, 2.0, 3.0]})
    made = default_transformer(["empty", "number"], []).fit_transform(frame)
    assert made[:, 0].tolist() == [0, 0, 0]


@pytest.mark.parametrize("dtype", ["int64", "float32", "Int64", "Float64", "bool"])
def test_any_number_is_a_number(dtype: str) -> None:
    frame = pd.DataFrame({"column": pd.Series([0, 1, 1, 0]).astype(dtype)})
    if dtype[0].isupper():
        frame.loc[3, "column"] = pd.NA
    made = default_transformer(["column"], []).fit_transform(frame)
    assert made.dtype == (np.float32 if dtype == "float32" else np.float64)
    assert np.isfinite(made).all()


def test_the_given_frame_is_left_alone() -> None:
    before = FRAME.copy()
    default_transformer(["age", "visits"], ["city"]).fit_transform(FRAME)
    pd.testing.assert_frame_equal(before, FRAME)


def test_saves_in_skops_without_trusting_anything() -> None:
    import skops.io

    columns = ["age", "visits"], ["city", "member"]
    pipeline = make_pipeline(default_transformer(*columns), DecisionTreeClassifier())
    pipeline.fit(FRAME, [0, 1, 0, 1])
    saved = skops.io.dumps(pipeline)
    untrusted = skops.io.get_untrusted_types(data=saved)
    assert not [name for name in untrusted if name.startswith("runcard")]
    loaded = skops.io.loads(saved, trusted=untrusted)
    assert (loaded.predict(FRAME) == pipeline.predict(FRAME)).all()


def test_peak_memory_is_a_few_tables() -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(100_000, 20)), columns=[f"c{i}" for i in range(20)])
    table_bytes = frame.memory_usage(index=False).sum()
    tracemalloc.start()
    default_transformer(list(frame.columns), []).fit_transform(frame)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2.5 * table_bytes


def per_head(frame: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame({"per_head": frame["visits"] / frame["age"], "visits": frame["visits"]})


def centred(frame: pd.DataFrame) -> pd.DataFrame:
    return frame[["visits"]] - frame[["visits"]].mean()


def test_a_rowwise_function_is_a_transformer() -> None:
    transformer = wrap_rowwise(per_head)
    assert transformer.fit(FRAME).transform(FRAME)["per_head"].iloc[0] == 1 / 20
    pickle.loads(pickle.dumps(Pipeline([("features", transformer)])))


def test_a_function_that_is_rowwise_passes() -> None:
    check_rowwise("per_head", per_head, FRAME)


@pytest.mark.parametrize(
    ("function", "why"),
    [
        (centred, "`visits` of a row changes with the rows beside it"),
        (lambda frame: frame.dropna(), "it returned 3 rows for 4"),
        (lambda frame: frame["visits"], "it returned a `Series`, not a frame"),
        (lambda frame: pd.get_dummies(frame["visits"]), "its columns change with the rows it is given"),
    ],
)
def test_a_function_that_looks_at_other_rows_is_refused(function: object, why: str) -> None:
    with pytest.raises(errors.FeaturesInvalid, match="`made_up` does not work row by row") as caught:
        check_rowwise("made_up", function, FRAME)  # type: ignore[arg-type]
    assert caught.value.why == f"{why}; learnt over all rows it would leak from test to training"


MANY = pd.DataFrame(
    {
        "x": [float(number % 7) for number in range(999)] + [None],
        "big": [0.0] * 900 + [1e6] + [0.0] * 99,
        "city": pd.Series([f"c{number % 400}" for number in range(1000)]),
        "when": pd.date_range("2026-01-01", periods=1000, freq="h"),
    }
)


@pytest.mark.parametrize(
    "function",
    [
        lambda f: f[["x"]].fillna(f["x"].mean()),  # one row of a thousand is missing, the last
        lambda f: f[["big"]].where(f["big"] < 1, f["x"].mean()),  # one row looks at the others
        lambda f: f[["x"]] / f["x"].max(),  # with many rows that are the greatest
        lambda f: f[["x"]].groupby(f["city"]).transform("mean"),
        lambda f: f.assign(n=f["city"].map(f["city"].value_counts()))[["n"]],
        lambda f: f.assign(seen=f["city"].duplicated())[["seen"]],
        lambda f: f[["x"]].shift().fillna(0),
        lambda f: f[["x"]].sort_values("x"),
        lambda f: f[["x"]].dropna(),
        lambda f: f.assign(number=f.index)[["number"]],
        lambda f: f.assign(age=f["when"].max() - f["when"])[["age"]],
        lambda f: f.assign(code=f["city"].astype("category").cat.codes)[["code"]],
        lambda f: f.assign(noise=np.random.default_rng().normal(size=len(f)))[["noise"]],
    ],
)
def test_all_rows_are_tried(function: object) -> None:
    with pytest.raises(errors.FeaturesInvalid, match="does not work row by row"):
        check_rowwise("made_up", function, MANY)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "function",
    [
        lambda f: f[["x"]].fillna(0),
        lambda f: f.assign(hour=f["when"].dt.hour, n=f["city"].str.len())[["hour", "n"]],
        lambda f: f.assign(city=f["city"].astype("category"))[["city"]],
        lambda f: f.apply(lambda row: pd.Series({"y": row["x"] + row["big"]}), axis=1),
        lambda f: f[["x", "x"]],
    ],
)
def test_functions_that_look_at_their_row_only_pass(function: object) -> None:
    check_rowwise("made_up", function, MANY)  # type: ignore[arg-type]
