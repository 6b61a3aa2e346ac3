"""What a file looks like that is not what its name says: one clear error for each, and little memory."""

from __future__ import annotations

import datetime
import decimal
import gzip
import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from projects import write_project
from rich.console import Console

from runcard import errors
from runcard.data.batches import open_batches, read_batches
from runcard.data.file import BLOCK_BYTES
from runcard.data.looks import form_of
from runcard.data.source import read_table, stat_source
from runcard.data.textfile import find_bad_byte, may_have_padded_numbers
from runcard.data.types import with_numbers
from runcard.report.plan import plan_report
from runcard.report.terminal import InTerminal
from runcard.tabular.shown import columns_table
from runcard.workflow.resolve import resolve

ROWS = [(n, "a", n % 2) for n in range(30)]


def said_of(path: Path) -> str:
    with pytest.raises(errors.DataError) as caught:
        read_table(path)
    if path.suffix in (".csv", ".tsv"):
        with pytest.raises(type(caught.value)) as predicting:
            list(read_batches(source := open_batches(path), source.names))
        assert predicting.value.what == caught.value.what
    return str(caught.value)


@pytest.mark.parametrize(("separator", "shown"), [(";", "`;`"), ("\t", "tabs"), ("|", "`|`")])
def test_another_separator_is_named(tmp_path: Path, separator: str, shown: str) -> None:
    for number, rows in {"1": ROWS, "1,5": [(f"{n},5", s, y) for n, s, y in ROWS]}.items():
        path = tmp_path / f"d{number}.csv"
        path.write_text("\n".join(separator.join(map(str, row)) for row in [("x", "s", "y"), *rows]) + "\n")
        said = said_of(path)
        commas = ", with decimal commas" if "," in number else ""
        assert said.startswith(f"error[RC213]: `{path.name}` looks separated by {shown}{commas}\n")
        assert "registered dataset" in said
        assert ('decimal=","' in said) is bool(commas)


def test_a_table_of_one_column_is_none_of_that(tmp_path: Path) -> None:
    (tmp_path / "d.csv").write_text("a;b\n1\n2\n")  # no row is like the header
    assert list(read_table(tmp_path / "d.csv").frame) == ["a;b"]


@pytest.mark.parametrize("line", [1, 2, 17])
def test_a_comment_is_named_as_one(tmp_path: Path, line: int) -> None:
    lines = ["x,s,y", *(f"{n},{s},{y}" for n, s, y in ROWS)]
    lines.insert(line - 1, "# made by hand")
    (tmp_path / "d.csv").write_text("\n".join(lines) + "\n")
    said = said_of(tmp_path / "d.csv")
    assert said.startswith(f"error[RC213]: line {line} looks like a comment\n")
    assert 'comment="#"' in said


@pytest.mark.parametrize(
    ("value", "form"),
    [
        ("129,000", "numbers with separators of thousands"),
        ("1'299'000.50", "numbers with separators of thousands"),
        ("€ 1,658", "amounts of money"),
        ("1.658,00 €", "amounts of money"),
        ("USD 12", "amounts of money"),
        ("-$3", "amounts of money"),
        ("42%", "percentages"),
        ("4.2 %", "percentages"),
        ("23/07/2017", "dates"),
        ("23.7.17 08:30", "dates"),
        ("1,5", "numbers with a decimal comma"),
        ("1.658,5", "numbers with a decimal comma"),
        ("unknown", None),
        ("A1", None),
    ],
)
def test_what_numbers_are_written_as(tmp_path: Path, value: str, form: str | None) -> None:
    assert form_of([value]) == form
    table = pd.DataFrame({"price": [value] * 20, "y": [0, 1] * 10})
    card = {
        "data": {"raw_path": "table.csv"},
        "features": {"numerical": ["price"], "target": "y"},
        "models": [{"name": "logistic_regression"}],
    }
    with pytest.raises(errors.ColumnNotNumeric) as caught:
        resolve(write_project(tmp_path / "p", card, table=table))
    assert f"holds {form or 'text'} in 20 of 20 rows" in caught.value.what
    assert ("registered dataset" in caught.value.hint) is (form is not None)


def test_what_is_no_file_is_called_what_it_is(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo.csv")
    (tmp_path / "loop.csv").symlink_to("loop.csv")
    (tmp_path / "zero.csv").symlink_to("/dev/zero")
    (tmp_path / "broken.csv").symlink_to("nowhere.csv")
    (tmp_path / "folder.csv").mkdir()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(os.path.relpath(tmp_path / "s.csv"))
        shown = {
            "fifo": "a pipe (FIFO)",
            "loop": "a link that leads in a circle",
            "zero": "a device",
            "folder": "a folder",
            "broken": "a link to a file that is not there",
            "s": "a socket",
        }
        for name, words in shown.items():
            assert f"`{name}.csv` is {words}\n" in said_of(tmp_path / f"{name}.csv")
    with pytest.raises(errors.FileMissing):
        stat_source(tmp_path / "a\0b.csv")


def test_a_line_without_end_is_named(tmp_path: Path) -> None:
    long = b"a" * (BLOCK_BYTES + 10)
    for name, start in {"a.csv": b"x,y\n1,2\n", "b.csv": b""}.items():
        (tmp_path / name).write_bytes(start + long)
        line = start.count(b"\n") + 1
        assert f"error[RC213]: line {line} is longer than 4 MB" in said_of(tmp_path / name)
    (tmp_path / "d.jsonl").write_bytes(b'{"x": 1}\n{"x": "' + long * 2 + b'"}\n')
    assert "line 2 is longer than 4 MB" in said_of(tmp_path / "d.jsonl")


@pytest.mark.slow
def test_what_is_too_large_costs_little_memory(tmp_path: Path) -> None:
    (tmp_path / "sparse.csv").write_bytes(b"x,y\n1,2\n")
    os.truncate(tmp_path / "sparse.csv", 2 << 30)  # one line of 2 GB, none of it on disk
    # members of a gzip file follow each other
    (tmp_path / "bomb.csv.gz").write_bytes(gzip.compress(b"x,s,y\n") + gzip.compress(b"1,a,0\n" * (1 << 18)) * 180)
    (tmp_path / "line.csv.gz").write_bytes(gzip.compress(b"a" * (1 << 20)) * 300)
    with (tmp_path / "quote.csv").open("wb") as quote:
        quote.write(b'x,y\n1,2\n"')
        for _ in range(40):
            quote.write((b"a" * 1023 + b"\n") * (1 << 10))
    source = """
import resource, sys
from pathlib import Path
from runcard import errors
from runcard.data.source import read_table
import pandas, pyarrow.csv
try:
    read_table(Path(sys.argv[1]))
except errors.DataError as error:
    print(error.what)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""
    for name, words in {
        "sparse.csv": "line 3 is longer than 4 MB",
        "bomb.csv.gz": "`bomb.csv.gz` unpacks to more than 268 MB",
        "line.csv.gz": "`line.csv.gz` unpacks to more than 268 MB",
        "quote.csv": "line 3 has 1 values, and the header has 2",
    }.items():
        done = subprocess.run(
            [sys.executable, "-c", source, str(tmp_path / name)], capture_output=True, text=True, check=True
        )
        said, peak = done.stdout.splitlines()
        assert said == words
        assert int(peak) < 1_500_000, name  # kilobytes


def test_a_bad_byte_is_found_across_blocks(tmp_path: Path) -> None:
    path = tmp_path / "d.csv"
    good = b"x\n" + b"a" * ((1 << 20) - 3) + "é€😀".encode() * 10 + b"\n"
    path.write_bytes(good)
    assert find_bad_byte(path) is None
    for cut in (1, 2, 3):
        path.write_bytes(b"a" * ((1 << 20) - cut) + b"\n" + "ü".encode("latin-1") + b"\n")
        found = find_bad_byte(path)
        assert found is not None
        assert (found.line, found.offset, found.value) == (2, (1 << 20) - cut + 1, 0xFC)
    path.write_bytes(b"a\n\xc3")
    assert find_bad_byte(path) is not None


# Leading zeros


def test_digits_with_a_zero_in_front_stay_as_they_are(tmp_path: Path) -> None:
    rows = [
        "zip,quoted,number,when,price,code",
        '01234,"001",10,01/02/2024,0.5,007',
        '94110,"010",,02/02/2024,-0.25,7.5',
    ]
    (tmp_path / "d.csv").write_text("\n".join(rows) + "\n")
    frame = read_table(tmp_path / "d.csv").frame
    assert frame["zip"].tolist() == ["01234", "94110"]
    assert frame["quoted"].tolist() == ["001", "010"]
    assert frame["price"].tolist() == [0.5, -0.25]
    assert frame["code"].tolist() == [7.0, 7.5]  # a number with a point is no code
    assert frame["number"].dtype.kind == "f"


def test_without_such_digits_nothing_changes(tmp_path: Path) -> None:
    for text, may in {"a,b\n0,0.5\n-0.1,10\n": False, "a\n00\n": True, "a\n10\n100": False, "a,b\n1,05": True}.items():
        (tmp_path / "d.csv").write_text(text)
        assert may_have_padded_numbers(tmp_path / "d.csv") is may, text


def test_where_the_card_says_numbers_they_are(tmp_path: Path) -> None:
    frame = pd.DataFrame({"month": ["01", "12"], "zip": ["01234", "94110"], "word": ["a", "b"]})
    typed = with_numbers(frame, ["month", "word", "none"])
    assert typed["month"].tolist() == [1, 12]
    assert typed["zip"].tolist() == ["01234", "94110"]
    assert frame["month"].tolist() == ["01", "12"]
    lines = ["month,zip,y", *(f"{n % 12 + 1:02},{n:05},{n % 2}" for n in range(60))]
    card = {
        "data": {"raw_path": "table.csv"},
        "features": {"numerical": ["month"], "categorical": ["zip"], "target": "y"},
        "models": [{"name": "logistic_regression"}],
    }
    path = write_project(tmp_path / "p", card)
    (tmp_path / "p" / "table.csv").write_text("\n".join(lines) + "\n")
    resolved = resolve(path)
    assert resolved.plan.work.columns.numerical == ("month",)
    assert resolved.plan.work.typed(resolved.table.frame)["month"].dtype.kind == "i"
    # without roles such a column is one of categories
    card["features"] = {"target": "y"}
    (tmp_path / "p" / "configs" / "card.yaml").write_text(json.dumps(card))
    assert resolve(path).plan.work.columns.categorical == ("month", "zip")


# Parquet


def test_parquet_with_nested_columns_is_read_and_shown(tmp_path: Path) -> None:
    n = 40
    columns = {
        "x": pa.array([float(i) for i in range(n)]),
        "struct": pa.array([{"a": i, "b": "x"} for i in range(n)]),
        "list": pa.array([[1, 2]] * n),
        "map": pa.array([[("k", 1)]] * n, pa.map_(pa.string(), pa.int64())),
        "gaps": pa.array([None, {"a": [{"b": 1}]}] * (n // 2)),
        "decimal": pa.array([decimal.Decimal("1.50")] * n),
        "code": pa.array(["a", "b"] * (n // 2)).dictionary_encode(),
        "when": pa.array([datetime.datetime(2024, 1, 1, tzinfo=datetime.UTC)] * n),
        "y": pa.array([0, 1] * (n // 2)),
    }
    card = {
        "data": {"raw_path": "table.parquet"},
        "features": {"target": "y"},
        "models": [{"name": "logistic_regression"}],
    }
    path = write_project(tmp_path / "p", card)
    pq.write_table(pa.table(columns), tmp_path / "p" / "table.parquet")
    resolved = resolve(path)
    assert resolved.plan.work.columns.numerical == ("x", "decimal")
    assert resolved.plan.work.columns.categorical == ("code",)
    console = Console(width=120)
    with console.capture() as shown:
        console.print(InTerminal(*plan_report(resolved.plan), columns_table(resolved.plan.work, resolved.table.frame)))
    assert "struct" in shown.get()
    for name in ("struct", "list", "map", "when"):
        card["features"] = {"target": "y", "numerical": ["x"], "categorical": [name]}
        path.write_text(json.dumps(card))
        with pytest.raises(errors.ColumnUnsupported, match=f"`{name}` cannot be used as categorical"):
            resolve(path)
