"""Reading a table in batches of rows in constant memory; missing values are those of `read_file`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runcard.data.file import (
    BLOCK_BYTES,
    DELIMITERS,
    check_file,
    empty_table,
    explained,
    open_text,
    refuse_open_quote,
    refuse_other_separator,
    suffix_of,
)
from runcard.data.source import refuse_duplicates, without
from runcard.data.unpacked import refuse_bomb

if TYPE_CHECKING:
    import pyarrow as pa

SUFFIXES = (*DELIMITERS, ".parquet")
BATCH_ROWS = 20_000
_BATCH_CELLS = 4_000_000  # of wide tables come fewer rows at once
_SMALL_BLOCK_BYTES = 1 << 18
_BUFFER_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class BatchSource:
    """A table that is read in batches of rows."""

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
    """Read the column names of a CSV, TSV (each also .gz) or Parquet file.

    Raises
    ------
    FileMissing, FileUnreadable, EncodingInvalid, TableEmpty, ColumnsDuplicate
    """
    where = where or path.as_posix()
    check_file(path, SUFFIXES, where)
    with explained(path, where):
        refuse_bomb(path, where)
        names, n_rows = _csv_names(path) if suffix_of(path) in DELIMITERS else _parquet_names(path)
        if suffix_of(path) in DELIMITERS:
            refuse_other_separator(names, path, where)
    refuse_duplicates(names, where)
    return BatchSource(path, where, tuple(names), n_rows, tuple(na_values))


def read_batches(source: BatchSource, columns: Sequence[str], *, rows: int = BATCH_ROWS) -> Iterator[pa.Table]:
    """Read some columns in batches, in the file's order; values of text files stay text.

    Raises
    ------
    FileUnreadable, EncodingInvalid, TableEmpty
    """
    rows = max(1, min(rows, _BATCH_CELLS // max(1, len(columns))))
    found = _csv_batches(source, columns) if source.is_text else _parquet_batches(source, columns, rows)
    is_empty = True
    with explained(source.path, source.where):
        for batch in _resized(found, rows):
            is_empty = False
            yield batch
    if is_empty:
        raise empty_table(source.where, "it has a header and no rows")


def _resized(tables: Iterator[pa.Table], rows: int) -> Iterator[pa.Table]:
    """Cut and join tables into batches of so many rows; the last one may be shorter."""
    import pyarrow as pa

    waiting: list[pa.Table] = []
    for table in tables:
        waiting.append(table)
        if sum(part.num_rows for part in waiting) >= rows:
            joined = pa.concat_tables(waiting)
            whole = joined.num_rows - joined.num_rows % rows
            yield from (joined.slice(start, rows) for start in range(0, whole, rows))
            waiting = [joined.slice(whole)]
    if any(part.num_rows for part in waiting):
        yield pa.concat_tables(waiting)


def _csv_names(path: Path) -> tuple[list[str], None]:
    with open_text(path) as stream, _csv_reader(stream, path, BLOCK_BYTES) as reader:
        return list(reader.schema.names), None


def _csv_batches(source: BatchSource, columns: Sequence[str]) -> Iterator[pa.Table]:
    """Read a CSV in small blocks, since Arrow reads dozens ahead; in large ones after a row longer than a block."""
    import pyarrow as pa

    kept = list(dict.fromkeys([*columns, source.names[-1]]))  # the last shows a quote that is never closed
    n_read = 0
    try:
        for table in _csv_blocks(source, kept, _SMALL_BLOCK_BYTES):
            yield table
            n_read += table.num_rows
    except pa.ArrowInvalid as error:
        if "straddling" not in str(error):
            raise
        for table in _csv_blocks(source, kept, BLOCK_BYTES):
            yield table.slice(n_read)
            n_read = max(0, n_read - table.num_rows)


def _csv_blocks(source: BatchSource, columns: Sequence[str], block_bytes: int) -> Iterator[pa.Table]:
    import pyarrow as pa
    from pyarrow import csv

    as_text = csv.ConvertOptions(
        null_values=["", *source.na_values],
        strings_can_be_null=True,
        quoted_strings_can_be_null=True,
        column_types=dict.fromkeys(columns, pa.string()),
        include_columns=columns,
    )
    last: pa.Table | None = None
    with open_text(source.path) as stream, _csv_reader(stream, source.path, block_bytes, as_text) as reader:
        for batch in reader:
            last = pa.Table.from_batches([batch])
            yield last
    if last is not None:
        refuse_open_quote(last.select([source.names[-1]]), source.path, source.where)


def _csv_reader(stream: Any, path: Path, block_bytes: int, convert: Any = None) -> Any:
    from pyarrow import csv

    return csv.open_csv(
        stream,
        read_options=csv.ReadOptions(block_size=block_bytes, use_threads=False),
        parse_options=csv.ParseOptions(delimiter=DELIMITERS[suffix_of(path)], newlines_in_values=True),
        convert_options=convert,
    )


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
