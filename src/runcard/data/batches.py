"""Reading a table some rows at a time, in constant memory; what is missing is what `read_file` takes for it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from runcard.data.file import (
    BLOCK_BYTES,
    DELIMITERS,
    check_file,
    empty_table,
    explained,
    open_text,
    refuse_open_quote,
    suffix_of,
)
from runcard.data.source import refuse_duplicates, without

if TYPE_CHECKING:
    import pyarrow as pa

SUFFIXES = (*DELIMITERS, ".parquet")
BATCH_ROWS = 50_000
_BATCH_CELLS = 4_000_000  # of wide tables come fewer rows at once
_BUFFER_BYTES = 1 << 20

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class BatchSource:
    """A table that is read some rows at a time."""

    path: Path
    where: str
    """The path as messages show it."""
    names: tuple[str, ...]
    n_rows: int | None
    """None where only reading it tells: in text."""
    na_values: tuple[str, ...] = ()

    @property
    def is_text(self) -> bool:
        """Whether all its values come as text."""
        return suffix_of(self.path) in DELIMITERS


def open_batches(path: Path, *, na_values: Sequence[str] = (), where: str = "") -> BatchSource:
    """Read the names of the columns of a CSV, TSV (each also .gz) or Parquet file.

    Raises
    ------
    FileMissing, FileUnreadable, EncodingInvalid, TableEmpty, ColumnsDuplicate
    """
    where = where or path.as_posix()
    check_file(path, SUFFIXES, where)
    with explained(path, where):
        names, n_rows = _csv_names(path) if suffix_of(path) in DELIMITERS else _parquet_names(path)
    refuse_duplicates(names, where)
    return BatchSource(path, where, tuple(names), n_rows, tuple(na_values))


def read_batches(source: BatchSource, columns: Sequence[str], *, rows: int = BATCH_ROWS) -> Iterator[pa.Table]:
    """Read some columns, at most so many rows at a time, in the file's order; of a text file all values are text.

    Raises
    ------
    FileUnreadable, EncodingInvalid, TableEmpty
    """
    rows = max(1, min(rows, _BATCH_CELLS // max(1, len(columns))))
    found = _csv_batches(source, columns) if source.is_text else _parquet_batches(source, columns, rows)
    n_read = 0
    with explained(source.path, source.where):
        for batch in found:
            n_read += batch.num_rows
            yield from (batch.slice(start, rows) for start in range(0, batch.num_rows, rows))
    if not n_read:
        raise empty_table(source.where, "it has a header and no rows")


def one_ahead(items: Iterator[T]) -> Iterator[T]:
    """Make each item in a thread of its own while the one before it is used."""
    end = object()
    with ThreadPoolExecutor(1, thread_name_prefix="read") as pool:
        coming = pool.submit(next, items, end)
        while (item := coming.result()) is not end:
            coming = pool.submit(next, items, end)
            yield item  # type: ignore[misc]


def _csv_names(path: Path) -> tuple[list[str], None]:
    from pyarrow import csv

    with (
        open_text(path) as stream,
        csv.open_csv(
            stream,
            read_options=csv.ReadOptions(block_size=BLOCK_BYTES, use_threads=False),
            parse_options=csv.ParseOptions(delimiter=DELIMITERS[suffix_of(path)], newlines_in_values=True),
        ) as reader,
    ):
        return list(reader.schema.names), None


def _csv_batches(source: BatchSource, columns: Sequence[str]) -> Iterator[pa.Table]:
    import pyarrow as pa
    from pyarrow import csv

    kept = list(dict.fromkeys([*columns, source.names[-1]]))  # the last shows a quote that is never closed
    last: pa.Table | None = None
    with (
        open_text(source.path) as stream,
        csv.open_csv(
            stream,
            read_options=csv.ReadOptions(block_size=BLOCK_BYTES, use_threads=False),
            parse_options=csv.ParseOptions(delimiter=DELIMITERS[suffix_of(source.path)], newlines_in_values=True),
            convert_options=csv.ConvertOptions(
                null_values=["", *source.na_values],
                strings_can_be_null=True,
                quoted_strings_can_be_null=True,
                column_types=dict.fromkeys(kept, pa.string()),
                include_columns=kept,
            ),
        ) as reader,
    ):
        for batch in reader:
            last = pa.Table.from_batches([batch])
            yield last
    if last is not None:
        refuse_open_quote(last.select([source.names[-1]]), source.path, source.where)


def _parquet_names(path: Path) -> tuple[list[str], int]:
    from pyarrow import parquet

    with parquet.ParquetFile(path, pre_buffer=False) as file:
        return list(file.schema_arrow.names), file.metadata.num_rows


def _parquet_batches(source: BatchSource, columns: Sequence[str], rows: int) -> Iterator[pa.Table]:
    import pyarrow as pa
    from pyarrow import parquet

    with parquet.ParquetFile(source.path, pre_buffer=False, buffer_size=_BUFFER_BYTES) as file:
        for batch in file.iter_batches(batch_size=rows, columns=list(columns), use_threads=False):
            table = pa.Table.from_batches([batch])
            table.validate(full=True)  # a damaged file may hold text that is not UTF-8
            for number, name in enumerate(table.column_names):
                if source.na_values:
                    table = table.set_column(number, name, without(table.column(number), source.na_values))
            yield table
