import os
from contextlib import suppress
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from runcard import errors
from runcard.data.source import check_unchanged, read_table, stat_source, to_table, write_parquet

CHURN = Path(__file__).parents[2] / "examples/churn/data/raw/customers.csv"


def test_churn_without_na_values_keeps_the_text():
    table = read_table(CHURN, root=CHURN.parents[2])

    assert (table.name, table.source, table.target) == ("customers.csv", "data/raw/customers.csv", None)
    assert table.frame.shape == (7043, 20)
    assert table.frame.index.equals(pd.RangeIndex(7043))
    assert table.frame["tenure"].dtype == np.int64
    assert table.frame["monthly_charges"].dtype == np.float64
    assert (table.frame["total_charges"] == "NA").sum() == 11


def test_churn_with_na_values_has_numbers():
    frame = read_table(CHURN, na_values=["NA"]).frame
    expected = pd.read_csv(CHURN, na_values=["NA"], keep_default_na=False)

    assert frame["total_charges"].dtype == np.float64
    assert frame["total_charges"].isna().sum() == 11
    pd.testing.assert_frame_equal(frame, expected)


def test_source_outside_of_the_root_is_absolute(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("a\n1\n")

    assert read_table(path, root=tmp_path / "project", name="mine").source == path.as_posix()
    assert read_table(path, name="mine").name == "mine"


def test_na_values_also_hold_for_text_in_parquet(tmp_path):
    pd.DataFrame({"a": ["NA", "x"], "b": [1, 2]}).to_parquet(tmp_path / "a.parquet")

    frame = read_table(tmp_path / "a.parquet", na_values=["NA"]).frame

    assert frame["a"].isna().tolist() == [True, False]
    assert frame["b"].tolist() == [1, 2]


def test_duplicate_names(tmp_path):
    (tmp_path / "a.csv").write_text("a,b,a,c,b\n1,2,3,4,5\n")

    with pytest.raises(errors.ColumnsDuplicate, match="same name: `a`, `b`") as caught:
        read_table(tmp_path / "a.csv", root=tmp_path)

    assert caught.value.where == "a.csv"


@pytest.mark.parametrize(
    "value",
    [
        pd.DataFrame({"a": [1, 2], "b": ["x", None]}, index=[7, 9]),
        pl.DataFrame({"a": [1, 2], "b": ["x", None]}),
        pa.table({"a": [1, 2], "b": ["x", None]}),
    ],
    ids=["pandas", "polars", "pyarrow"],
)
def test_frames_of_a_dataset(value):
    table = to_table(value, name="mine")

    assert (table.name, table.source, table.target) == ("mine", "dataset:mine", None)
    assert table.frame.index.equals(pd.RangeIndex(2))
    assert table.frame["a"].tolist() == [1, 2]
    assert table.frame["b"].isna().tolist() == [False, True]


@pytest.mark.parametrize(
    ("y", "target"),
    [
        (pd.Series([0, 1, 0], name="species"), "species"),
        (pl.Series("species", [0, 1, 0]), "species"),
        (np.array([0, 1, 0]), "target"),
        ([0, 1, 0], "target"),
    ],
    ids=["pandas", "polars", "numpy", "list"],
)
def test_x_and_y(y, target):
    table = to_table((np.arange(6, dtype=np.float32).reshape(3, 2), y), name="mine")

    assert table.target == target
    assert list(table.frame.columns) == ["x0", "x1", target]
    assert table.frame["x1"].tolist() == [1.0, 3.0, 5.0]
    assert table.frame[target].tolist() == [0, 1, 0]
    assert [str(kind) for kind in table.frame.dtypes] == ["float64", "float64", "int64"]


def test_a_dataset_is_not_changed_by_what_happens_to_the_table():
    given = pd.DataFrame({"a": [1.0, 2.0], "b": ["x", "y"]})
    table = to_table(given, name="mine")

    with suppress(ValueError):  # where memory is shared it is read-only
        table.frame.loc[0, "a"] = 99.0

    assert given["a"].tolist() == [1.0, 2.0]


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"a": [1]}, "a dataset returned `dict`"),
        (None, "a dataset returned `NoneType`"),
        (pl.LazyFrame({"a": [1]}), "a dataset returned `LazyFrame`"),
        (np.zeros((2, 2)), "a dataset returned `ndarray`"),
        ((np.zeros(3), [1, 2, 3]), "a dataset returned `ndarray`"),
        ((np.zeros((3, 2)), [1, 2]), "X has 3 rows and y has 2"),
        ((np.zeros((3, 2)), np.zeros((3, 2))), "(X, y) with 2 columns in y"),
        ((np.zeros((3, 2)), pd.DataFrame({"y": [1, 2, 3], "z": [1, 2, 3]})), "(X, y) with 2 columns in y"),
        ((np.zeros((3, 2)), pd.DataFrame({"y": [1, 2, 3]})), "y is not one column"),
        ((pd.DataFrame({"a": [1, 2]}), pd.Series([1, 2], index=[1, 0])), "the indexes of X and y differ"),
    ],
)
def test_what_a_dataset_must_not_return(value, message):
    with pytest.raises(errors.RegistrationInvalid) as caught:
        to_table(value, name="mine")

    assert message in caught.value.what
    assert caught.value.where == "dataset:mine"


def test_a_dataset_with_a_column_of_two_types():
    with pytest.raises(errors.ColumnUnsupported) as caught:
        to_table(pd.DataFrame({"a": [1, "x"]}), name="mine")

    assert caught.value.where == 'dataset:mine, column "a"'


def test_a_dataset_with_equal_names():
    with pytest.raises(errors.ColumnsDuplicate, match="`y`"):
        to_table((pd.DataFrame({"y": [1]}), pd.Series([1], name="y")), name="mine")


def test_a_dataset_without_rows():
    with pytest.raises(errors.TableEmpty):
        to_table(pd.DataFrame({"a": []}), name="mine")


def test_processed_table_comes_back_equal(tmp_path):
    table = to_table(
        pd.DataFrame(
            {
                "number": [1.5, None],
                "text": ["x", None],
                "flag": [True, None],
                "day": pd.to_datetime(["2024-01-31", None]),
                "instant": pd.to_datetime(["2024-01-31", None], utc=True),
            }
        ),
        name="mine",
    )
    path = tmp_path / "data/processed/mine.parquet"

    write_parquet(table, path)
    write_parquet(table, path)

    pd.testing.assert_frame_equal(read_table(path).frame, table.frame)
    assert [file.name for file in path.parent.iterdir()] == ["mine.parquet"]


def test_processed_table_that_cannot_be_written(tmp_path):
    table = to_table(pd.DataFrame({"a": [1]}), name="mine")
    (tmp_path / "data").write_text("a file where a folder is wanted")

    with pytest.raises(errors.FileUnwritable) as caught:
        write_parquet(table, tmp_path / "data/mine.parquet")

    assert "processed_path" in caught.value.hint


def test_a_file_that_stays_is_unchanged(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("a\n1\n")

    stamp = stat_source(path)
    read_table(path)

    check_unchanged(stamp)


@pytest.mark.parametrize(
    ("edit", "why"),
    [
        (lambda path: path.write_text("a\n1\n2\n"), "it had 4 bytes and has 6"),
        (lambda path: os.utime(path, ns=(0, 0)), "it was written again"),
        (lambda path: path.unlink(), "it is gone"),
    ],
    ids=["longer", "touched", "gone"],
)
def test_a_file_edited_while_it_is_used(tmp_path, edit, why):
    path = tmp_path / "a.csv"
    path.write_text("a\n1\n")
    stamp = stat_source(path)

    edit(path)

    with pytest.raises(errors.DataChanged) as caught:
        check_unchanged(stamp)
    assert caught.value.why.startswith(why)


def test_a_file_replaced_by_one_of_the_same_size_and_time(tmp_path):
    path, other = tmp_path / "a.csv", tmp_path / "b.csv"
    path.write_text("a\n1\n")
    other.write_text("a\n2\n")
    stamp = stat_source(path)
    os.utime(other, ns=(stamp.mtime_ns, stamp.mtime_ns))

    other.replace(path)

    with pytest.raises(errors.DataChanged):
        check_unchanged(stamp)


def test_no_file_to_stamp(tmp_path):
    with pytest.raises(errors.FileMissing):
        stat_source(tmp_path / "a.csv")
