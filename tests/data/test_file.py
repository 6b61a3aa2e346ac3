import gzip
import os

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from runcard import errors
from runcard.data.source import read_table

FRAME = pd.DataFrame({"number": [1, 2], "share": [0.5, 1.5], "text": ["x", "y, z"], "flag": [True, False]})

TEXT = str(FRAME["text"].dtype)  # str, or object in pandas 2


@pytest.fixture
def read(tmp_path):
    def _read(content, name="a.csv", **options):
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return read_table(path, root=tmp_path, **options).frame

    return _read


@pytest.fixture
def refuse(read):
    def _refuse(kind, content, name="a.csv"):
        with pytest.raises(kind) as caught:
            read(content, name)
        return caught.value

    return _refuse


def to_text(frame, name):
    if ".json" in name or ".ndjson" in name:
        return frame.to_json(orient="records", lines=True)
    return frame.to_csv(index=False, sep="\t" if ".tsv" in name else ",")


@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.jsonl", "a.ndjson", "a.json", "A.CSV"])
@pytest.mark.parametrize("packed", [False, True])
def test_text_formats(read, name, packed):
    content = to_text(FRAME, name).encode()

    frame = read(gzip.compress(content) if packed else content, name + ".gz" * packed)

    pd.testing.assert_frame_equal(frame, FRAME)


@pytest.mark.parametrize("name", ["a.parquet", "a.feather", "a.arrow"])
def test_columnar_formats(tmp_path, name):
    path = tmp_path / name
    FRAME.to_parquet(path) if name.endswith("parquet") else FRAME.to_feather(path)

    pd.testing.assert_frame_equal(read_table(path).frame, FRAME)


def test_an_unnamed_index_in_parquet_is_no_column_and_a_named_one_is(tmp_path):
    FRAME.set_axis([5, 7]).to_parquet(tmp_path / "unnamed.parquet")
    FRAME.set_index("text").to_parquet(tmp_path / "named.parquet")

    assert list(read_table(tmp_path / "unnamed.parquet").frame) == list(FRAME)
    assert set(read_table(tmp_path / "named.parquet").frame) == set(FRAME)


def test_a_folder_that_looks_like_a_partition_adds_no_column(tmp_path):
    path = tmp_path / "year=2020" / "a.parquet"
    path.parent.mkdir()
    FRAME.to_parquet(path)

    assert list(read_table(path).frame) == list(FRAME)


def test_types_are_decided_over_the_whole_file(read):
    n_rows = 600_000  # several blocks, so the last row is far from what the first ones look like
    frame = read("a,b,c\n" + "1,2,3\n" * n_rows + "1.5,x,\n")

    assert [str(kind) for kind in frame.dtypes] == ["float64", TEXT, "float64"]
    assert frame["b"].iloc[0] == "2"


def test_missing_is_the_empty_cell_and_nothing_else(read):
    frame = read('a,b,c\nNA,1,null\n"",,x\nN/A,nan,None\n')

    assert frame["a"].tolist()[::2] == ["NA", "N/A"]
    assert frame["a"].isna().tolist() == [False, True, False]
    assert frame["b"].isna().tolist() == [False, True, True]
    assert frame["c"].tolist() == ["null", "x", "None"]


def test_na_values_hold_in_quotes_and_in_any_type(read):
    frame = read('a,b,c\n"?",x,true\n1,"?",?\n-9,"-9",false\n', na_values=["?", "-9"])

    assert frame["a"].isna().tolist() == [True, False, True]
    assert frame["a"].dtype == np.float64
    assert frame["b"].isna().tolist() == [False, True, True]
    assert frame["c"].isna().tolist() == [False, True, False]


@pytest.mark.parametrize(
    ("cell", "kind", "value"),
    [
        ("7", "int64", 7),
        (" 7", "int64", 7),
        ("-7.5e3", "float64", -7500.0),
        ("12345678901234567890", "float64", 12345678901234567890.0),
        ("true", "bool", True),
        ("2024-01-31", "datetime64[us]", pd.Timestamp("2024-01-31")),
        ("2024-01-31 18:30:00", "datetime64[us]", pd.Timestamp("2024-01-31 18:30")),
        ("2024-01-31T18:30:00+02:00", "datetime64[us, UTC]", pd.Timestamp("2024-01-31 16:30", tz="UTC")),
        ("2024-01-31 18:30:00.000000001", "datetime64[ns]", pd.Timestamp("2024-01-31 18:30:00.000000001")),
        ("8:30", TEXT, "8:30"),
        ("1,5", TEXT, "1,5"),
    ],
)
def test_types_of_cells(read, cell, kind, value):
    frame = read(f'a,b\n"{cell}",x\n')

    assert str(frame["a"].dtype) == kind
    assert frame["a"].iloc[0] == value


def test_byte_order_mark_line_ends_and_cells_of_several_lines(read):
    frame = read('\ufeffa,b\r\n1,"x\r\ny"\r\n2,z\r\n')

    assert frame["a"].tolist() == [1, 2]
    assert frame["b"].tolist() == ["x\r\ny", "z"]


# Errors


def test_missing_file(tmp_path):
    (tmp_path / "customers.csv").write_text("a\n1\n")

    with pytest.raises(errors.FileMissing) as caught:
        read_table(tmp_path / "custommers.csv", root=tmp_path)

    assert str(caught.value) == (
        "error[RC201]: no such file: `custommers.csv`\n"
        "  where: custommers.csv\n"
        "  why:   there is no file of that name in the folder\n"
        "  hint:  did you mean `customers.csv`?"
    )


def test_missing_folder(tmp_path):
    with pytest.raises(errors.FileMissing) as caught:
        read_table(tmp_path / "raw" / "customers.csv", root=tmp_path)

    assert caught.value.why == "there is no folder `raw` either"


def test_folder_instead_of_file(tmp_path):
    with pytest.raises(errors.FileUnreadable, match="is a folder"):
        read_table(tmp_path)


@pytest.mark.parametrize("name", ["a.xlsx", "a", "a.gz", "a.parquet.gz", "csv"])
def test_unknown_format(refuse, name):
    error = refuse(errors.FileUnreadable, "a\n1\n", name)

    assert error.hint == ("use .csv, .tsv, .jsonl, .ndjson, .json (each also with .gz), .parquet, .feather, .arrow")


@pytest.mark.parametrize(
    ("content", "name", "why"),
    [
        ("", "a.csv", "the file has no bytes"),
        ("", "a.parquet", "the file has no bytes"),
        ("\n\n", "a.csv", "the file has no rows"),
        (gzip.compress(b"", mtime=0), "a.csv.gz", "the file has no rows"),
        ("a,b\n", "a.csv", "it has a header and no rows"),
        ("a,b", "a.csv", "the file has no rows"),
    ],
)
def test_empty(refuse, content, name, why):
    assert refuse(errors.TableEmpty, content, name).why == why


def test_empty_parquet(tmp_path):
    FRAME.iloc[:0].to_parquet(tmp_path / "a.parquet")

    with pytest.raises(errors.TableEmpty):
        read_table(tmp_path / "a.parquet")


def test_not_utf8(refuse):
    error = refuse(errors.EncodingInvalid, "a,b\n1,x\n2,café\n".encode("latin-1"))

    assert str(error) == (
        "error[RC202]: `a.csv` is not UTF-8\n"
        "  where: a.csv:3, byte 13\n"
        "  why:   byte 0xe9 cannot stand there in UTF-8\n"
        "  hint:  convert it once, if it is WINDOWS-1252: "
        "`iconv -f WINDOWS-1252 -t UTF-8 a.csv > a_utf8.csv`"
    )


@pytest.mark.parametrize(
    ("content", "name", "command"),
    [
        ("café,b\n1,2\n".encode("latin-1"), "a.csv", "iconv -f WINDOWS-1252 -t UTF-8 a.csv > a_utf8.csv"),
        ("a,b\n1,2\n".encode("utf-16"), "a.csv", "iconv -f UTF-16 -t UTF-8 a.csv > a_utf8.csv"),
        (
            gzip.compress("a\ncafé\n".encode("latin-1"), mtime=0),
            "a.csv.gz",
            "gzip -dc a.csv.gz | iconv -f WINDOWS-1252 -t UTF-8 | gzip > a_utf8.csv.gz",
        ),
        (
            '{"a": "café"}\n'.encode("latin-1"),
            "a.jsonl",
            "iconv -f WINDOWS-1252 -t UTF-8 a.jsonl > a_utf8.jsonl",
        ),
        (
            '{"café": 1}\n'.encode("latin-1"),
            "a.jsonl",
            "iconv -f WINDOWS-1252 -t UTF-8 a.jsonl > a_utf8.jsonl",
        ),
    ],
)
def test_not_utf8_in_other_places(refuse, content, name, command):
    assert f"`{command}`" in refuse(errors.EncodingInvalid, content, name).hint


def test_ragged_row(refuse):
    error = refuse(errors.FileUnreadable, 'a,b\n1,"x\ny"\n\n2,y,z\n3,w\n')

    assert str(error) == (
        "error[RC213]: line 5 has 3 values, and the header has 2\n"
        "  where: a.csv:5\n"
        "  why:   which value belongs to which column is not known: `2,y,z`\n"
        '  hint:  put values that hold the separator in quotes: `"a, b"`'
    )


def test_quote_that_is_never_closed(refuse):
    error = refuse(errors.FileUnreadable, 'a,b\n1,x\n2,"y\n3,z\n')

    assert error.what == "a quote is opened in line 3 and never closed"


def test_quote_that_is_never_closed_before_the_last_column(refuse):
    error = refuse(errors.FileUnreadable, 'a,b\n1,x\n"2,y\n3,z\n')

    assert error.what == "line 3 has 1 values, and the header has 2"
    assert error.hint == "is a quote opened there and not closed?"


def test_quote_that_swallows_more_than_a_block(refuse):
    error = refuse(errors.FileUnreadable, 'a,b\n1,"x\n' + "2,y\n" * 1_500_000)

    assert error.where == "a.csv:2"


def test_inch_marks_are_no_open_quotes(read):
    assert read('a,b\n1,5" pipe\n2,"x\ny"\n')["b"].tolist() == ['5" pipe', "x\ny"]


@pytest.mark.parametrize(
    ("content", "name", "hint"),
    [
        (b"a,b\n1,2\n", "a.csv.gz", "if the file is not compressed, take `.gz` off its name"),
        (gzip.compress(b"a,b\n1,2\n" * 99, mtime=0)[:-9], "a.csv.gz", "check that the file was fully written"),
        (b"not parquet at all", "a.parquet", "check that the file was fully written"),
        (b"not feather at all", "a.feather", "check that the file was fully written"),
        (b'[{"a": 1}]', "a.json", "write one object a line; `jq -c '.[]'"),
        (b'{"a": 1}\n{"a": "x"}\n', "a.jsonl", "write one object a line, each key once"),
        (b'{"a": 1, "a": 2}\n', "a.jsonl", "write one object a line, each key once"),
        (b'{"a": 1}\n{"a": \n', "a.jsonl", "write one object a line, each key once"),
    ],
)
def test_broken_files(refuse, content, name, hint):
    assert refuse(errors.FileUnreadable, content, name).hint.startswith(hint)


def test_parquet_cut_short(tmp_path):
    path = tmp_path / "a.parquet"
    FRAME.to_parquet(path)
    os.truncate(path, path.stat().st_size - 100)

    with pytest.raises(errors.FileUnreadable, match="cannot be read as Parquet"):
        read_table(path)


def test_text_in_feather_that_is_not_utf8(tmp_path):
    text = pa.array([b"caf\xe9"], pa.binary()).view(pa.string())
    with pa.ipc.new_file(str(tmp_path / "a.arrow"), pa.schema({"a": pa.string()})) as file:
        file.write_table(pa.table({"a": text}))

    with pytest.raises(errors.FileUnreadable, match="cannot be read as Feather"):
        read_table(tmp_path / "a.arrow")
