"""The fingerprint of a table: SHA-256 over every row, every column and the schema, never a sample.

A column's digest is SHA-256 over the line `runcard column 1 <type> <rows>` and then, in row order:

=============  =====================================================================================
type           bytes
=============  =====================================================================================
int64          8 bytes a value, little-endian
float64        8 bytes a value, IEEE 754, little-endian; missing and every NaN are the one quiet NaN
bool           1 byte a value: 0, 1, or 2 for missing
string         first all lengths in bytes (int64, -1 for missing), then all UTF-8 bytes
timestamp      microseconds since 1970 (int64, the least int64 for missing); written
               `timestamp[ns]`, `timestamp[UTC]` or `timestamp[ns, UTC]` where that applies
binary         as string
anything else  one JSON text a value and line (slow; such columns cannot be features)
=============  =====================================================================================

The table's digest is SHA-256 over `runcard table 1 <rows> <columns>` and each column's name, type and
digest, in column order. So the order of rows and of columns counts, and the reader, the chunks, the
version of pandas and the bytes beneath missing values do not. 0.0 and -0.0 differ: they are two values
(1/x tells them apart) and every reader keeps them. Payloads of NaN do not: no reader keeps them.

SHA-256 rather than BLAKE2b: with the SHA instructions that processors have had for years it is twice as
fast, and anyone can check it with other tools.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from runcard.data import types

if TYPE_CHECKING:
    import pyarrow as pa

_BLOCK_ROWS = 1 << 16  # half a megabyte of numbers: what has to be rewritten stays in the processor's cache
_MISSING_LENGTH = -1
_MISSING_TIME = -(1 << 63)


class ColumnFingerprint(NamedTuple):
    """One column's part of the fingerprint."""

    name: str
    type: str
    digest: str
    """64 hexadecimal digits; does not depend on the column's name."""


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What identifies a table's content."""

    digest: str
    """64 hexadecimal digits."""
    n_rows: int
    columns: tuple[ColumnFingerprint, ...]


def fingerprint(frame: Any) -> Fingerprint:
    """Compute the fingerprint of a pandas, pyarrow or polars frame, columns side by side in threads.

    Peak memory beyond the frame is one column per thread at most, and close to nothing for a table
    that `read_table` returned.

    Raises
    ------
    ColumnUnsupported
        A column whose values no single type can hold.
    """
    columns = list(types.iter_columns(frame))
    n_rows = len(columns[0][1]) if columns else 0
    # hashlib and pyarrow release the GIL, so threads do.
    with ThreadPoolExecutor(max_workers=_n_threads(len(columns))) as pool:
        parts = tuple(pool.map(_fingerprint_column, *zip(*columns, strict=True))) if columns else ()
    whole = hashlib.sha256(f"runcard table 1 {n_rows} {len(parts)}\n".encode())
    for part in parts:
        whole.update(json.dumps(part).encode() + b"\n")
    return Fingerprint(digest=whole.hexdigest(), n_rows=n_rows, columns=parts)


def _fingerprint_column(name: str, values: Any) -> ColumnFingerprint:
    column = types.to_column(values, where=f'column "{name}"')
    kind, walk = _encoding(column.type)
    digest = hashlib.sha256(f"runcard column 1 {kind} {len(column)}\n".encode())
    for piece in walk(column):
        digest.update(piece)
    return ColumnFingerprint(name, kind, digest.hexdigest())


def _encoding(kind: pa.DataType) -> tuple[str, Callable[[pa.ChunkedArray], Iterator[Any]]]:
    from pyarrow import types as is_a

    if is_a.is_timestamp(kind):
        details = [detail for detail in (kind.unit, kind.tz) if detail not in ("us", None)]
        return f"timestamp[{', '.join(details)}]" if details else "timestamp", _walk_timestamps
    encodings = (
        ("int64", is_a.is_int64, _walk_integers),
        ("float64", is_a.is_float64, _walk_floats),
        ("bool", is_a.is_boolean, _walk_booleans),
        ("string", is_a.is_large_string, _walk_text),
        ("binary", lambda kind: is_a.is_binary(kind) or is_a.is_large_binary(kind), _walk_text),
    )
    return next(((name, walk) for name, matches, walk in encodings if matches(kind)), ("other", _walk_anything))


def _blocks(column: pa.ChunkedArray) -> Iterator[pa.Array]:
    for chunk in column.chunks:
        for start in range(0, len(chunk), _BLOCK_ROWS):
            yield chunk.slice(start, _BLOCK_ROWS)


def _walk_integers(column: pa.ChunkedArray) -> Iterator[Any]:
    for chunk in column.chunks:
        yield chunk.to_numpy().astype("<i8", copy=False)


def _walk_floats(column: pa.ChunkedArray) -> Iterator[Any]:
    import numpy as np

    for block in _blocks(column):
        values = block.to_numpy(zero_copy_only=False)  # nulls become NaN
        missing = np.isnan(values)
        if missing.any():
            values = np.where(missing, np.nan, values)
        yield values.astype("<f8", copy=False)


def _walk_booleans(column: pa.ChunkedArray) -> Iterator[Any]:
    import pyarrow as pa

    for block in _blocks(column):
        yield block.cast(pa.uint8()).fill_null(2).to_numpy()


def _walk_timestamps(column: pa.ChunkedArray) -> Iterator[Any]:
    import pyarrow as pa

    for block in _blocks(column):
        yield block.cast(pa.int64()).fill_null(_MISSING_TIME).to_numpy().astype("<i8", copy=False)


def _walk_text(column: pa.ChunkedArray) -> Iterator[Any]:
    import pyarrow as pa

    if not pa.types.is_large_string(column.type):
        column = column.cast(pa.large_binary())
    for block in _blocks(column):
        yield _lengths(block).astype("<i8", copy=False)
    for block in _blocks(column):
        visible = block.drop_null() if block.null_count else block  # a null may have bytes beneath it
        offsets = _offsets(visible)
        if offsets[-1] > offsets[0]:
            yield memoryview(visible.buffers()[2])[offsets[0] : offsets[-1]]


def _lengths(block: pa.Array) -> Any:
    import numpy as np

    lengths = np.diff(_offsets(block))
    if block.null_count:
        lengths[block.is_null().to_numpy(zero_copy_only=False)] = _MISSING_LENGTH
    return lengths


def _offsets(block: pa.Array) -> Any:
    """Return where each text begins and the last one ends, (n + 1,) int64."""
    import numpy as np

    buffer = block.buffers()[1]
    if len(block) == 0 or buffer is None:
        return np.zeros(1, dtype=np.int64)
    return np.frombuffer(buffer, dtype=np.int64, count=len(block) + 1, offset=8 * block.offset)


def _walk_anything(column: pa.ChunkedArray) -> Iterator[Any]:
    for block in _blocks(column):
        yield "".join(json.dumps(value, default=repr) + "\n" for value in block.to_pylist()).encode()


def _n_threads(n_columns: int) -> int:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(cores, n_columns))
