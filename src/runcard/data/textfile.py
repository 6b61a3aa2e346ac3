"""Locate what makes a text file unreadable; slow, and run only when reading has failed."""

from __future__ import annotations

import codecs
import csv
import gzip
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedIOBase
from itertools import chain, count
from pathlib import Path

_CELL_LIMIT = 1 << 24  # four times the longest row
_BLOCK_BYTES = 1 << 20
_SHOWN = 60
_ZERO = ord("0")
_LARGEST_SEPARATOR = ord("-")  # below it are blanks, line ends, quotes and commas; no digit, point, slash or colon


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
    decoder = codecs.getincrementaldecoder("utf-8")()
    offset, number = 0, 1
    with _open_bytes(path) as file:
        for block in chain(iter(lambda: file.read(_BLOCK_BYTES), b""), [b""]):
            try:
                decoder.decode(block, not block)
            except UnicodeDecodeError as error:
                piece, start = error.object, error.start  # what the block before left over stands in front
                at = offset - (len(piece) - len(block)) + start
                likely = "UTF-16" if at == 0 and piece[:2] in (b"\xff\xfe", b"\xfe\xff") else "WINDOWS-1252"
                return BadByte(number + piece.count(b"\n", 0, start), at, piece[start], likely)
            offset, number = offset + len(block), number + block.count(b"\n")
    return None


def find_long_line(path: Path, most_bytes: int) -> int | None:
    """Find the first line longer than a number of bytes, reading no more of it."""
    with _open_bytes(path) as file:
        for number in count(1):
            line = file.readline(most_bytes + 1)
            if not line:
                return None
            if len(line) > most_bytes:
                return number
    return None


def first_lines(path: Path, n: int) -> list[str]:
    """Give the first lines without line ends, long ones shortened."""
    with _open_bytes(path) as file:
        lines = [file.readline(_BLOCK_BYTES) for _ in range(n)]
    return [line.decode("utf-8", "replace").lstrip("\ufeff").rstrip("\r\n") for line in lines]


def find_ragged_row(path: Path, delimiter: str) -> RaggedRow | None:
    """Find the first row of a CSV that does not have as many values as the header; None if all have."""
    rows = _iter_rows(path, delimiter)
    header: list[str] = next((row for _, row in rows), [])
    begins = 2
    try:
        for lines, row in rows:
            begins = lines.stop
            if len(row) != len(header):
                text = delimiter.join(row).partition("\n")[0]
                text = text if len(text) <= _SHOWN else text[:_SHOWN] + "..."
                return RaggedRow(lines.start, len(lines), len(row), len(header), text)
    except csv.Error:  # a cell without end, as an open quote makes one of the rest
        return RaggedRow(begins, 2, 1, len(header), '"...')
    return None


def may_have_padded_numbers(path: Path) -> bool:
    """Tell quickly whether a value may have a leading zero before a digit; dates such as 01/02/2024 count too."""
    import numpy as np

    end = np.frombuffer(b"\n", np.uint8)
    with _open_bytes(path) as file:
        for block in iter(lambda: file.read(_BLOCK_BYTES), b""):
            signs = np.concatenate([end, np.frombuffer(block, np.uint8)])
            zeros = np.flatnonzero(signs[1:-1] == _ZERO) + 1
            follows_a_separator = signs[zeros - 1] < _LARGEST_SEPARATOR
            if bool((follows_a_separator & (signs[zeros + 1] - _ZERO < 10)).any()):
                return True
            end = signs[-2:]
    return False


def find_open_quote(path: Path, delimiter: str) -> int | None:
    """Find the line where a quote is opened and never closed, for a CSV whose last cell spans lines.

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
    """Iterate over the rows that are not blank, each with its lines."""
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
