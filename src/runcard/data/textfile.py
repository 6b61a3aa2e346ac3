"""Finding the place in a text file that keeps it from being read; slow, and only run when it was not."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedIOBase
from pathlib import Path

_CELL_LIMIT = 1 << 30
_BLOCK_BYTES = 1 << 20
_SHOWN = 60


@dataclass(frozen=True, slots=True)
class BadByte:
    """The first byte of a file that is not UTF-8."""

    line: int
    """Counted from 1."""
    offset: int
    """Bytes before it, after decompression."""
    value: int
    likely: str
    """The encoding that the file most likely has, by the name that iconv knows."""


@dataclass(frozen=True, slots=True)
class RaggedRow:
    """The first row with more or fewer values than the header."""

    line: int
    """Where it begins, counted from 1."""
    n_lines: int
    n_values: int
    n_names: int
    text: str
    """The row's first characters."""


def find_bad_byte(path: Path) -> BadByte | None:
    """Find the first byte that is not UTF-8; None if the file is UTF-8 throughout."""
    offset = 0
    with _open_bytes(path) as file:
        for number, line in enumerate(file, 1):
            try:
                line.decode()
            except UnicodeDecodeError as error:
                utf16 = offset + error.start == 0 and line[:2] in (b"\xff\xfe", b"\xfe\xff")
                likely = "UTF-16" if utf16 else "WINDOWS-1252"
                return BadByte(number, offset + error.start, line[error.start], likely)
            offset += len(line)
    return None


def find_ragged_row(path: Path, delimiter: str) -> RaggedRow | None:
    """Find the first row of a CSV that does not have as many values as the header; None if all have."""
    rows = _iter_rows(path, delimiter)
    header: list[str] = next((row for _, row in rows), [])
    for lines, row in rows:
        if len(row) != len(header):
            text = delimiter.join(row).partition("\n")[0]
            text = text if len(text) <= _SHOWN else text[:_SHOWN] + "..."
            return RaggedRow(lines.start, len(lines), len(row), len(header), text)
    return None


def find_open_quote(path: Path, delimiter: str) -> int | None:
    """Find the line where a quote is opened that is never closed; for a CSV whose last cell spans lines.

    Such a cell ends with its quote, at the end of the file. And quotes come in pairs, also those that are
    doubled inside a cell. Only where one of the two fails is every row looked at.
    """
    n_quotes, end = 0, b""
    with _open_bytes(path) as file:
        for block in iter(lambda: file.read(_BLOCK_BYTES), b""):
            n_quotes += block.count(b'"')
            end = (end + block).rstrip(b"\r\n")[-1:]
    if n_quotes % 2 == 0 and end == b'"':
        return None
    begins = 1
    try:
        for lines, _ in _iter_rows(path, delimiter, strict=True):
            begins = lines.stop
    except csv.Error:  # the end of the file, or a quote where a comma must be
        return begins
    return None


def _iter_rows(path: Path, delimiter: str, *, strict: bool = False) -> Iterator[tuple[range, list[str]]]:
    """Walk over the rows that are not blank, each with its lines."""
    usual_limit = csv.field_size_limit(_CELL_LIMIT)  # an open quote makes one cell of the rest
    try:
        with _open_bytes(path) as file:
            reader = csv.reader((line.decode("utf-8", "replace") for line in file), delimiter=delimiter, strict=strict)
            begins = 1
            for row in reader:
                if row:
                    yield range(begins, reader.line_num + 1), row
                begins = reader.line_num + 1
    finally:
        csv.field_size_limit(usual_limit)


@contextmanager
def _open_bytes(path: Path) -> Iterator[BufferedIOBase]:
    if path.name.lower().endswith(".gz"):
        with gzip.open(path) as packed:
            yield packed
    else:
        with path.open("rb") as plain:
            yield plain
