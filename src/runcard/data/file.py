"""Reading a file into an Arrow table as its suffix says, and explaining why if that fails.

In text files the missing values are the empty cell and `na_values`, quoted or not, and nothing else;
`nan` in a column of numbers is the number NaN, which is missing too. Digits with a zero in front, `007`, make a column
text, quoted or not.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runcard import errors
from runcard.data import types
from runcard.data.looks import Looked, find_comment, other_separator, what_it_is
from runcard.data.textfile import (
    find_bad_byte,
    find_long_line,
    find_open_quote,
    find_ragged_row,
    may_have_padded_numbers,
)
from runcard.data.unpacked import refuse_beyond_memory, refuse_bomb

if TYPE_CHECKING:
    import pyarrow as pa

DELIMITERS = {".csv": ",", ".tsv": "\t"}
_SEPARATORS = {".csv": "commas", ".tsv": "tabs"}
_JSON_SUFFIXES = (".jsonl", ".ndjson", ".json")
_TEXT_SUFFIXES = (*DELIMITERS, *_JSON_SUFFIXES)
_COLUMNAR_SUFFIXES = (".parquet", ".feather", ".arrow")
FORMATS = (*_TEXT_SUFFIXES, *_COLUMNAR_SUFFIXES)
BLOCK_BYTES = 1 << 22  # no row of a text file may be longer


def read_file(path: Path, *, na_values: Sequence[str], where: str) -> pa.Table:
    """Read a file with its own types or, if it is text, with types that fit all rows.

    Raises
    ------
    FileMissing, FileUnreadable, EncodingInvalid, TableEmpty
    """
    suffix = suffix_of(path)
    check_file(path, FORMATS, where)
    with explained(path, where):
        refuse_bomb(path, where)
        if suffix in DELIMITERS:
            return _read_csv(path, DELIMITERS[suffix], na_values, where)
        return _read_json(path) if suffix in _JSON_SUFFIXES else _read_columnar(path, suffix, where)


def check_file(path: Path, suffixes: Sequence[str], where: str) -> None:
    """Check that a file exists, has one of the suffixes and is not empty.

    Raises
    ------
    FileMissing, FileUnreadable, TableEmpty
    """
    if not path.is_file():
        raise missing_file(path, where)  # or no file
    if suffix_of(path) not in suffixes:
        raise _format_unknown(path, suffixes, where)
    if path.stat().st_size == 0:
        raise empty_table(where, "the file has no bytes")


@contextmanager
def explained(path: Path, where: str) -> Iterator[None]:
    """Explain what is wrong with a file when reading it fails.

    Raises
    ------
    FileUnreadable, EncodingInvalid, TableEmpty
    """
    import pyarrow as pa

    suffix = suffix_of(path)
    try:
        yield
    except (UnicodeDecodeError, OSError, pa.ArrowException) as error:
        if suffix in _TEXT_SUFFIXES and not isinstance(error, OSError):
            refuse_long_line(path, where)
            refuse_bad_bytes(path, where)
            if "Empty" in str(error):
                raise empty_table(where, "the file has no rows") from None
        raise _unreadable(path, suffix, error, where) from None


def suffix_of(path: Path) -> str:
    """Return the suffix that names the format: the last one, or the one before `.gz` of a text format."""
    name = path.name.lower()
    stem = Path(name.removesuffix(".gz")).suffix
    return stem if not name.endswith(".gz") or stem in _TEXT_SUFFIXES else ".gz"


def _is_packed(path: Path) -> bool:
    return path.name.lower().endswith(".gz")


def _read_csv(path: Path, delimiter: str, na_values: Sequence[str], where: str) -> pa.Table:
    import pyarrow as pa

    table = _parse_csv(path, delimiter, na_values, {})
    if len(set(table.column_names)) == table.num_columns:  # else refused soon, by name
        # Times of day become text as they were written: `8:30`, not `08:30:00`.
        as_text = [field.name for field in table.schema if pa.types.is_time(field.type)]
        as_text += _padded(path, delimiter, na_values, table)
        if as_text:
            table = _parse_csv(path, delimiter, na_values, dict.fromkeys(as_text, pa.string()))
    if any(pa.types.is_binary(kind) for kind in table.schema.types):
        refuse_bad_bytes(path, where)
    refuse_open_quote(table, path, where)
    refuse_other_separator(table.column_names, path, where)
    return table


def _padded(path: Path, delimiter: str, na_values: Sequence[str], table: pa.Table) -> list[str]:
    """Name the columns of digits with leading zeros such as `007`: codes, whose zeros numbers would lose."""
    import pyarrow as pa

    numbers = [f.name for f in table.schema if pa.types.is_integer(f.type) or pa.types.is_floating(f.type)]
    if not numbers or not may_have_padded_numbers(path):
        return []
    written = _parse_csv(path, delimiter, na_values, dict.fromkeys(numbers, pa.string()))
    return [name for name in numbers if types.is_padded(written.column(name))]


def _parse_csv(path: Path, delimiter: str, na_values: Sequence[str], column_types: Mapping[str, Any]) -> pa.Table:
    from pyarrow import csv

    with open_text(path) as stream:
        return csv.read_csv(
            stream,
            read_options=csv.ReadOptions(block_size=BLOCK_BYTES),
            parse_options=csv.ParseOptions(delimiter=delimiter, newlines_in_values=True),
            convert_options=csv.ConvertOptions(
                null_values=["", *na_values],
                strings_can_be_null=True,
                quoted_strings_can_be_null=True,
                column_types=column_types,
            ),
        )


def _read_json(path: Path) -> pa.Table:
    from pyarrow import json

    with open_text(path) as stream:
        table = json.read_json(stream, read_options=json.ReadOptions(block_size=BLOCK_BYTES))
    _ = table.column_names  # names that are not UTF-8 show here,
    table.validate(full=True)  # values here
    return table


def open_text(path: Path) -> Any:
    """Open a text file as an Arrow stream, decompressed."""
    import pyarrow as pa

    return pa.input_stream(str(path), compression="gzip" if _is_packed(path) else None)


def _read_columnar(path: Path, suffix: str, where: str) -> pa.Table:
    """Read Parquet or Feather; never memory-mapped, since the file may be edited while the run is on."""
    import pyarrow as pa
    from pyarrow import parquet

    with pa.OSFile(str(path)) as file:
        if suffix == ".parquet":
            opened = parquet.ParquetFile(file, pre_buffer=False)
            about = opened.metadata
            packed = sum(about.row_group(n).total_byte_size for n in range(about.num_row_groups))
            refuse_beyond_memory(max(packed, about.num_rows * about.num_columns), path, where)
            table = opened.read()
        else:
            table = pa.Table.from_batches(*_batches(pa.ipc.open_file(file), path, where))
    table.validate(full=True)  # a damaged file may hold text that is not UTF-8
    # pandas keeps an index without a name beside the columns; it is none of the data
    kept = [name for name in table.column_names if not name.startswith("__index_level_")]
    return table if len(kept) == table.num_columns else table.select(kept)


def _batches(file: Any, path: Path, where: str) -> tuple[list[pa.RecordBatch], pa.Schema]:
    """Read the batches of a Feather file, each of which may be compressed."""
    found: list[pa.RecordBatch] = []
    n_bytes = 0
    for number in range(file.num_record_batches):
        found.append(file.get_batch(number))
        n_bytes += found[-1].nbytes
        refuse_beyond_memory(n_bytes, path, where)
    return found, file.schema


def refuse_open_quote(table: pa.Table, path: Path, where: str) -> None:
    """Raise FileUnreadable if a CSV ends inside a quote that is never closed."""
    if _ends_inside_cell(table) and (line := find_open_quote(path, DELIMITERS[suffix_of(path)])):
        raise errors.FileUnreadable(
            f"a quote is opened in line {line} and never closed",
            where=f"{where}:{line}",
            why="all that follows would be one cell",
            hint='close the quote, or write a quote inside a quoted cell twice: `""`',
        )


def _ends_inside_cell(table: pa.Table) -> bool:
    """Whether the last cell spans lines, as it does when a quote is never closed."""
    if not table.num_rows or not types.is_text(table.schema.types[-1]):
        return False
    return "\n" in (table.column(table.num_columns - 1)[-1].as_py() or "")


# What is wrong with a file


def _format_unknown(path: Path, suffixes: Sequence[str], where: str) -> errors.FileUnreadable:
    return errors.FileUnreadable(
        f"`{path.name}` is in no format that runcard reads",
        where=where,
        why="the format is taken from the end of the file's name",
        hint=f"use {_listed(suffixes, _TEXT_SUFFIXES)} (each also with .gz), {_listed(suffixes, _COLUMNAR_SUFFIXES)}",
    )


def _listed(suffixes: Sequence[str], kind: Sequence[str]) -> str:
    return ", ".join(suffix for suffix in kind if suffix in suffixes)


def missing_file(path: Path, where: str) -> errors.RuncardError:
    """Make the error for a file that does not exist, naming the nearest one that does."""
    if (found := what_it_is(path)) is not None:
        return errors.FileUnreadable(
            f"`{path.name}` is {found}",
            where=where,
            why="a table is read from one file, which can be read again",
            hint="name the file" if path.is_dir() else "write what it gives to a file, and name that",
        )
    if path.is_symlink():
        return errors.FileMissing(
            f"`{path.name}` is a link to a file that is not there",
            where=where,
            why=f"it points to `{os.readlink(path)}`",
            hint="bring the file back, or name another",
        )
    why = f"there is no folder `{path.parent.name}` either"
    close = None
    if path.parent.is_dir():
        why = "there is no file of that name in the folder"
        close = errors.nearest(path.name, (file.name for file in path.parent.iterdir() if file.is_file()))
    hint = f"did you mean `{close}`?" if close else "check the path; a card's begins at the project's root"
    return errors.FileMissing(f"no such file: `{path.name}`", where=where, why=why, hint=hint)


def empty_table(where: str, why: str) -> errors.TableEmpty:
    """Make the error for a table without rows."""
    return errors.TableEmpty(
        "the table has no rows",
        where=where,
        why=why,
        hint="check that the right file is named and fully written",
    )


def refuse_long_line(path: Path, where: str) -> None:
    """Raise FileUnreadable if a line is longer than a row may be."""
    if (line := find_long_line(path, BLOCK_BYTES)) is not None:
        raise errors.FileUnreadable(
            f"line {line:,} is longer than {BLOCK_BYTES >> 20} MB",
            where=f"{where}:{line}",
            why="a row may have so much text, and what is longer is no row of a table",
            hint="end each row with a line feed"
            if suffix_of(path) in DELIMITERS
            else "write one object a line; `jq -c '.[]' table.json > table.jsonl` does it for an array",
        )


def refuse_bad_bytes(path: Path, where: str) -> None:
    """Raise EncodingInvalid if a text file is not UTF-8."""
    bad = find_bad_byte(path)
    if bad is None:
        return
    stem, _, rest = path.name.partition(".")
    command = (
        f"gzip -dc {path.name} | iconv -f {bad.likely} -t UTF-8 | gzip > {stem}_utf8.{rest}"
        if _is_packed(path)
        else f"iconv -f {bad.likely} -t UTF-8 {path.name} > {stem}_utf8.{rest}"
    )
    raise errors.EncodingInvalid(
        f"`{path.name}` is not UTF-8",
        where=f"{where}:{bad.line}, byte {bad.offset:,}",
        why=f"byte 0x{bad.value:02x} cannot stand there in UTF-8",
        hint=f"convert it once, if it is {bad.likely}: `{command}`",
    )


def refuse_other_separator(names: Sequence[str], path: Path, where: str) -> None:
    """Raise FileUnreadable if the whole header was read as one name."""
    if looked_at := other_separator(names, path):
        raise _misread(path, looked_at, where)


def _misread(path: Path, looked_at: Looked, where: str) -> errors.FileUnreadable:
    shown = {"\t": "tabs"}.get(looked_at.separator, f"`{looked_at.separator}`")
    commas = ", with decimal commas" if looked_at.has_decimal_commas else ""
    decimal = ', decimal=","' if looked_at.has_decimal_commas else ""
    read = f'pandas.read_csv("{path.name}", sep="{looked_at.separator}"{decimal})'.replace("\t", "\\t")
    suffix = suffix_of(path)
    return errors.FileUnreadable(
        f"`{path.name}` looks separated by {shown}{commas}",
        where=f"{where}:1",
        why=f"`{suffix}` means {_SEPARATORS[suffix]}, and so the header is one name: `{looked_at.header}`",
        hint=f"write it once with commas, or return `{read}` from a registered dataset",
    )


def _unreadable(path: Path, suffix: str, error: Exception, where: str) -> errors.FileUnreadable:
    text = " ".join(str(error).split())
    is_parsed = suffix in DELIMITERS and not isinstance(error, OSError)
    if is_parsed and (row := find_ragged_row(path, DELIMITERS[suffix])):
        if row.n_names == 1 and (looked_at := other_separator(("",), path)):
            return _misread(path, looked_at, where)
        if comment := find_comment(path, row):
            return errors.FileUnreadable(
                f"line {comment.line} looks like a comment",
                where=f"{where}:{comment.line}",
                why=f"a CSV has none, so it is a row like the others: `{comment.text}`",
                hint=f'take such lines out, or return `pandas.read_csv("{path.name}", comment="#")` from a '
                "registered dataset",
            )
        return errors.FileUnreadable(
            f"line {row.line} has {row.n_values} values, and the header has {row.n_names}",
            where=f"{where}:{row.line}",
            why=f"which value belongs to which column is not known: `{row.text}`",
            hint="is a quote opened there and not closed?"
            if row.n_lines > 1
            else 'put values that hold the separator in quotes: `"a, b"`',
        )
    return errors.FileUnreadable(
        f"`{path.name}` cannot be read as {_format_of(path, suffix)}",
        where=where,
        why=text,
        hint=_reading_hint(suffix, text),
    )


def _format_of(path: Path, suffix: str) -> str:
    plain = {".parquet": "Parquet", ".feather": "Feather", ".arrow": "Feather", ".csv": "CSV", ".tsv": "TSV"}
    return plain.get(suffix, "JSON lines") + (" in gzip" if _is_packed(path) else "")


def _reading_hint(suffix: str, text: str) -> str:
    if "inflate" in text:
        return "if the file is not compressed, take `.gz` off its name"
    if "Permission denied" in text:
        return "make the file readable for you: `chmod u+r`"
    if suffix in _JSON_SUFFIXES and "object to array" in text:
        return "write one object a line; `jq -c '.[]' table.json > table.jsonl` does it for an array"
    if suffix in _JSON_SUFFIXES:
        return "write one object a line, each key once, and each key's values of one type"
    return "check that the file was fully written, and that its name says what it is"
