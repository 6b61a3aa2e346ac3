"""Reading some rows at a time, and giving them the types of training."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest

from runcard import errors
from runcard.data.batches import open_batches, read_batches
from runcard.data.signature import to_rows


def read(path: Path, columns: list[str], rows: int, **how: object) -> list[pa.Table]:
    return list(read_batches(open_batches(path, **how), columns, rows=rows))  # type: ignore[arg-type]


def test_a_row_longer_than_a_block_is_read_as_any_other(tmp_path: Path) -> None:
    texts = [f"{n}-" + "x" * (1_000_000 if n == 3000 else 100) for n in range(6000)]
    pd.DataFrame({"n": range(6000), "text": texts}).to_csv(tmp_path / "t.csv", index=False)
    tables = read(tmp_path / "t.csv", ["text"], 1000)
    assert [table.num_rows for table in tables] == [1000] * 6
    assert pa.concat_tables(tables).column("text").to_pylist() == texts


def test_an_open_quote_is_found_in_a_column_that_is_not_asked_for(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text('a,b\n1,x\n2,"y\n3,z\n')
    with pytest.raises(errors.FileUnreadable, match="a quote is opened in line 3"):
        read(tmp_path / "t.csv", ["a"], 10)


def test_a_row_of_another_length_late_in_the_file(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("a,b\n" + "1,2\n" * 200_000 + "1,2,3\n")
    with pytest.raises(errors.FileUnreadable, match="line 200002 has 3 values"):
        read(tmp_path / "t.csv", ["a"], 1000)


def test_a_header_alone_is_no_table(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("a,b\n")
    with pytest.raises(errors.TableEmpty):
        read(tmp_path / "t.csv", ["a"], 10)


KINDS = {"w": "whole", "n": "number", "b": "bool", "t": "text", "d": "date"}


def test_text_is_read_as_the_types_of_training(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(
        "w,n,b,t,d\n 1 ,1,true,01,2024-01-31\n2.5,NA,0,,2024-01-31 18:30:00\n"
        "NA,nan,NA,NA,NA\n-3,1e3,1,true,2024-02-01\n"
    )
    (batch,) = read(tmp_path / "t.csv", list(KINDS), 10, na_values=["NA"])
    (whole, ints), (others, doubles) = to_rows(batch, KINDS, first=0, where="t").frames()
    assert (list(whole), ints["w"].tolist(), ints["w"].dtype) == ([0, 3], [1, -3], "int64")
    assert (list(others), doubles["w"].dtype) == ([1, 2], "float64")
    assert doubles["w"].tolist()[0] == 2.5
    assert ints["n"].tolist() == [1.0, 1000.0]
    assert ints["b"].tolist() == [True, True]
    assert ints["t"].tolist() == ["01", "true"]
    assert ints["d"].tolist() == [pd.Timestamp("2024-01-31"), pd.Timestamp("2024-02-01")]
    assert doubles.iloc[1].isna().all()


@pytest.mark.parametrize(
    ("name", "values"),
    [("n", ["a", "b"]), ("w", ["1", "2"]), ("b", [1, 2]), ("t", [1.5, 2.5]), ("d", [1, 2])],
)
def test_parquet_of_another_type_is_refused(tmp_path: Path, name: str, values: list[object]) -> None:
    pd.DataFrame({name: values}).to_parquet(tmp_path / "t.parquet")
    (batch,) = read(tmp_path / "t.parquet", [name], 10)
    if name == "w":  # numbers stored as text
        batch = batch.set_column(0, name, pa.chunked_array([pa.array(["1", "x"])]))
    with pytest.raises(errors.InputMismatch) as caught:
        to_rows(batch, {name: KINDS[name]}, first=20, where="t.parquet")
    assert f'column "{name}"' in caught.value.where
    assert caught.value.where.startswith("t.parquet, row 2")
