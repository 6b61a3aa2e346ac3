import hashlib
import json
import sys

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from runcard import errors
from runcard.data.fingerprint import fingerprint
from runcard.data.source import read_table, to_table

NAN = float("nan")


def digest_of(values, kind=None):
    return fingerprint(pa.table({"a": pa.array(values, kind)})).columns[0]


# Golden: these digests are what was recorded with runs, so they must never change


@pytest.mark.parametrize(
    ("values", "kind", "digest"),
    [
        ([1, -2, 3], "int64", "e8e5604d58bdade143810478d3d405a262a05d77780921ca11e743999182da44"),
        ([0.1, None, -0.0], "float64", "38a766745c27a0dab3ddf519a300e3708b817f4a1698f562ad60ab667d6fd64c"),
        ([True, None, False], "bool", "12a3bcb4d7948258e3eed4ea8bcaa4c3f3660ed22fa24deb77cb5251553dc8de"),
        (["é", None, ""], "string", "2c531ef745a5bcb3626740cce1a18aaa9f29d56078d1b0d56fe72bbfadc08c82"),
        ([b"x", None], "binary", "840ef60d3d2d1c9896d7b3eacf5bafdb84b78322e7e9506e5ac22dfc38ff6ecc"),
        ([[1, 2], None], "other", "dcbd0eb6d682cfc41cbf6a76e3fab5b0d2a833ee60705891221f9c38f327e445"),
    ],
)
def test_golden_columns(values, kind, digest):
    assert digest_of(values)[1:] == (kind, digest)


@pytest.mark.parametrize(
    ("unit", "zone", "kind", "digest"),
    [
        ("us", None, "timestamp", "2840163044175edf7fa373478ac843a994cab3bd21753cbd24203b0ae65b0e18"),
        ("ns", None, "timestamp[ns]", "e2eff8b862c50a34eda6be18084f22a70f1e1cdceff6660899465cb79a2813d9"),
        ("us", "UTC", "timestamp[UTC]", "cd2a4054eea6c5d03ba7533792f817664833b3bae8e3a35a39cacb3c6a21a4f9"),
        (
            "ns",
            "UTC",
            "timestamp[ns, UTC]",
            "46d513e63da2d37deaef4c7ca7320b1f1c5dfb0a74b7c3e22c3f2e9810bd1e86",
        ),
    ],
)
def test_golden_timestamps(unit, zone, kind, digest):
    assert digest_of([1, None], pa.timestamp(unit, zone))[1:] == (kind, digest)


def test_golden_table():
    table = pd.DataFrame({"a": [1, 2], "b": ["x", None]})

    assert fingerprint(table).digest == "a643b264a3d5516253839583e2a7c31cce12f52b69d237d93bb6dcbb946c50b4"


def test_the_digest_is_what_the_documentation_says():
    frame = pd.DataFrame({"a": [1, 2], "b": ["é", None]})
    numbers = hashlib.sha256(b"runcard column 1 int64 2\n" + np.array([1, 2], "<i8").tobytes()).hexdigest()
    text = hashlib.sha256(
        b"runcard column 1 string 2\n" + np.array([2, -1], "<i8").tobytes() + "é".encode()
    ).hexdigest()
    lines = [["a", "int64", numbers], ["b", "string", text]]
    table = "runcard table 1 2 2\n" + "".join(json.dumps(line) + "\n" for line in lines)

    found = fingerprint(frame)

    assert found.n_rows == 2
    assert found.columns == (("a", "int64", numbers), ("b", "string", text))
    assert found.digest == hashlib.sha256(table.encode()).hexdigest()


# What does not matter


@pytest.mark.parametrize(
    "name", ["a.csv", "a.tsv.gz", "a.jsonl", "a.parquet", "a.feather", "polars.csv", "polars.parquet"]
)
def test_the_reader_does_not_matter(tmp_path, name):
    frame = pd.DataFrame(
        {
            "whole": [1, 2, 3],
            "gaps": [1.0, None, 3.0],
            "real": [0.1, -0.0, 1e-300],
            "text": ["é", None, "y, z"],
            "flag": [True, False, True],
            "moment": pd.to_datetime(["2024-01-31 18:30:00", "2024-02-01 00:00:01", "1969-12-31 00:00:00"]),
        }
    )
    path = tmp_path / name
    if name.startswith("polars"):
        with_polars = pl.from_pandas(frame)
        with_polars.write_csv(path) if name.endswith("csv") else with_polars.write_parquet(path)
    elif name.endswith("parquet"):
        frame.to_parquet(path)
    elif name.endswith("feather"):
        frame.to_feather(path)
    elif name.endswith("jsonl"):
        pl.from_pandas(frame).with_columns(pl.col("moment").dt.to_string("%F %T")).write_ndjson(path)
    else:
        frame.to_csv(path, index=False, sep="\t" if ".tsv" in name else ",")

    assert fingerprint(read_table(path).frame) == fingerprint(frame)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (pd.Series([1, 2], dtype="int8"), pd.Series([1, 2], dtype="int64")),
        (pd.Series([1, None], dtype="Int64"), pd.Series([1.0, NAN])),
        (pd.Series(["x", None], dtype="str"), pd.Series(["x", NAN], dtype=object)),
        (pd.Series(["x", "y"], dtype="category"), pd.Series(["x", "y"])),
        (pd.Series(["x", "y"], dtype="string[python]"), pd.Series(["x", "y"])),
        (pd.Series([True, None]), pd.Series([True, pd.NA], dtype="boolean")),
        (pl.Series([1.0, None]).to_pandas(), pl.Series([1.0, NAN]).to_pandas()),
        (pd.Series(np.array([1, 2], dtype=">f8")), pd.Series([1.0, 2.0])),
        (pd.Series(np.arange(6.0).reshape(2, 3)[:, 1]), pd.Series([1.0, 4.0])),
    ],
)
def test_the_representation_does_not_matter(one, other):
    assert fingerprint(pd.DataFrame({"a": one})) == fingerprint(pd.DataFrame({"a": other}))


def test_a_frame_and_its_table_are_equal():
    frame = pl.DataFrame({"a": [1, None], "b": ["x", None], "c": [[1], [2]], "d": [True, None]})

    assert fingerprint(frame) == fingerprint(frame.to_arrow()) == fingerprint(to_table(frame, name="x").frame)


def test_the_bytes_beneath_missing_values_do_not_matter():
    mask = pa.py_buffer(b"\x05")  # the second of three is missing
    numbers = pa.Array.from_buffers(pa.int64(), 3, [mask, pa.py_buffer(np.array([1, 99, 3]))])
    flags = pa.Array.from_buffers(pa.bool_(), 3, [mask, pa.py_buffer(b"\x07")])
    offsets = pa.py_buffer(np.array([0, 1, 4, 5], dtype=np.int64))
    text = pa.Array.from_buffers(pa.large_string(), 3, [mask, offsets, pa.py_buffer(b"xHIDy")])

    dirty = pa.table({"a": numbers, "b": flags, "c": text})

    assert fingerprint(dirty) == fingerprint(
        pa.table({"a": [1, None, 3], "b": [True, None, True], "c": ["x", None, "y"]})
    )


def test_payloads_of_nan_do_not_matter_and_the_sign_of_zero_does():
    payload = np.array([0x7FF8000000000123, 0xFFF8000000000000], dtype=np.uint64).view(np.float64)

    assert digest_of(payload) == digest_of([NAN, NAN]) == digest_of([None, None], pa.float64())
    assert digest_of([0.0]) != digest_of([-0.0])


def test_the_type_of_a_column_without_any_value_does_not_matter():
    kinds = [pa.null(), pa.int64(), pa.bool_(), pa.string(), pa.timestamp("us"), pa.list_(pa.int8())]

    assert {digest_of([None, None], kind) for kind in kinds} == {digest_of([NAN, NAN])}


def test_types_matter():
    columns = [[1, 0], [1.0, 0.0], [True, False], ["1", "0"], [b"1", b"0"], [[1], [0]]]

    assert len({digest_of(values).digest for values in columns}) == len(columns)
    assert digest_of([0, None], pa.timestamp("us")) != digest_of([0, None], pa.timestamp("us", "UTC"))


def test_where_one_text_ends_matters():
    assert len({digest_of(values).digest for values in (["ab", "c"], ["a", "bc"], ["abc", ""], ["abc", None])}) == 4


def test_a_table_without_rows_or_columns():
    nothing, no_rows = (
        fingerprint(pd.DataFrame()),
        fingerprint(pd.DataFrame({"a": np.array([], dtype="int64")})),
    )

    assert (nothing.n_rows, nothing.columns) == (0, ())
    assert no_rows.columns[0].type == "int64"
    assert nothing.digest != no_rows.digest


def test_a_column_of_two_types_is_refused():
    with pytest.raises(errors.ColumnUnsupported) as caught:
        fingerprint(pd.DataFrame({"a": [1, 2], "b": [1, "x"]}))

    assert caught.value.where == 'column "b"'


# Properties

CELLS = {
    "int64": st.integers(-(2**63), 2**63 - 1),
    "float64": st.none() | st.floats(allow_nan=False),
    "bool": st.none() | st.booleans(),
    "string": st.none() | st.text(st.characters(exclude_categories=["Cs"])),
    "timestamp": st.none() | st.datetimes(),
}
TYPES = {
    "int64": pa.int64(),
    "float64": pa.float64(),
    "bool": pa.bool_(),
    "string": pa.string(),
    "timestamp": pa.timestamp("us"),
}


@st.composite
def tables(draw, min_rows=1):
    kinds = draw(st.lists(st.sampled_from(list(CELLS)), min_size=1, max_size=4))
    n_rows = draw(st.integers(min_rows, 12))
    columns = [pa.array(draw(st.lists(CELLS[kind], min_size=n_rows, max_size=n_rows)), TYPES[kind]) for kind in kinds]
    return pa.table(columns, names=[f"c{number}" for number in range(len(kinds))])


def in_chunks(table, size):
    pieces = [table.slice(start, size) for start in range(0, len(table), size)]
    return pa.concat_tables(pieces)


@pytest.mark.slow
@settings(deadline=None, max_examples=60)
@given(tables(), st.integers(1, 5))
def test_chunks_and_libraries_do_not_matter(table, size):
    expected = fingerprint(table)

    assert fingerprint(in_chunks(table, size)) == expected
    assert fingerprint(pl.from_arrow(table)) == expected
    assert fingerprint(to_table(table, name="x").frame) == expected


@pytest.mark.slow
@settings(deadline=None, max_examples=60)
@given(tables(), st.data())
def test_any_change_of_a_cell_matters(table, data):
    row = data.draw(st.integers(0, len(table) - 1))
    column = data.draw(st.integers(0, table.num_columns - 1))
    kind = fingerprint(table).columns[column].type
    cells = table.column(column).to_pylist()
    new = data.draw(CELLS[kind])
    assume(new != cells[row])
    cells[row] = new
    changed = table.set_column(column, table.column_names[column], pa.array(cells, TYPES[kind]))

    one, other = fingerprint(table), fingerprint(changed)

    assert one.digest != other.digest
    assert [a == b for a, b in zip(one.columns, other.columns, strict=True)].count(False) == 1


@settings(deadline=None, max_examples=60)
@given(tables(min_rows=2), st.data())
def test_the_order_of_rows_matters(table, data):
    order = data.draw(st.permutations(range(len(table))))
    mixed = table.take(order)

    assert (fingerprint(table) == fingerprint(mixed)) == table.equals(mixed)


@settings(deadline=None, max_examples=30)
@given(tables(), st.data())
def test_names_and_the_order_of_columns_matter(table, data):
    number = data.draw(st.integers(0, table.num_columns - 1))
    names = table.column_names
    names[number] += "'"
    assert fingerprint(table.rename_columns(names)).digest != fingerprint(table).digest

    backwards = table.select(table.column_names[::-1])
    assert (fingerprint(backwards) == fingerprint(table)) == (table.num_columns == 1)


@settings(deadline=None, max_examples=30)
@given(tables(), st.data())
def test_the_number_of_rows_matters(table, data):
    n_rows = data.draw(st.integers(0, len(table) - 1))

    assert fingerprint(table.slice(0, n_rows)).digest != fingerprint(table).digest


def test_a_change_anywhere_in_a_large_table_matters():
    n_rows = 300_000  # several blocks, one of them not full
    frame = pd.DataFrame({"a": np.arange(n_rows), "b": np.arange(n_rows) / 7, "c": np.arange(n_rows).astype(str)})
    seen = {fingerprint(frame).digest}
    for row in (0, 65_535, 65_536, 200_000, n_rows - 1):
        for column, value in (("a", -1), ("b", NAN), ("c", None)):
            changed = frame.copy()
            changed.loc[row, column] = value
            seen.add(fingerprint(changed).digest)

    assert len(seen) == 16


@pytest.mark.slow
def test_memory_is_not_a_copy_of_the_table():
    import tracemalloc

    n_rows = 2_000_000
    frame = pd.DataFrame({f"c{number}": np.random.default_rng(number).normal(size=n_rows) for number in range(10)})
    frame.iloc[::7] = NAN
    fingerprint(frame.head())
    pool = pa.default_memory_pool()
    before = pool.bytes_allocated()

    tracemalloc.start()
    fingerprint(frame)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert peak < 0.05 * sys.getsizeof(frame)
    assert pool.bytes_allocated() == before
