"""Reading a table from a file or a registered dataset, always with the same few column types."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runcard import errors
from runcard.data import types
from runcard.data.file import empty_table, missing_file, read_file

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """A table in memory, with the column types that `runcard.data.types` lists."""

    name: str
    """The file's name, or the registered dataset's."""
    source: str
    """The path, relative to the project's root when it lies below it, or `dataset:iris_v1`."""
    frame: pd.DataFrame
    """The rows, (n_rows, n_columns), numbered from 0. Copy before writing: it may share memory, read-only."""
    target: str | None = None
    """The target's column when the data itself says it, as `(X, y)` does."""


@dataclass(frozen=True, slots=True)
class SourceStamp:
    """What a file looked like before it was read."""

    path: Path
    n_bytes: int
    mtime_ns: int
    inode: int


def read_table(path: Path, *, name: str = "", na_values: Sequence[str] = (), root: Path | None = None) -> Table:
    """Read a CSV, TSV, JSON lines (each also .gz), Parquet or Feather file.

    Raises
    ------
    FileMissing, FileUnreadable, EncodingInvalid, TableEmpty, ColumnsDuplicate
    """
    where = _shown(path, root)
    # Not a variable: the Arrow table must have no other owner for its columns to be freed one by one.
    frame = _checked_frame(read_file(path, na_values=na_values, where=where), na_values, where)
    release_memory()  # reading a CSV takes several times the table
    return Table(name=name or path.name, source=where, frame=frame)


def to_table(value: object, *, name: str) -> Table:
    """Convert what a registered dataset returned: a frame of pandas, polars or pyarrow, or `(X, y)`.

    The columns of an array X are named `x0`, `x1`, ...; a y without a name is called `target`.

    Raises
    ------
    RegistrationInvalid
        Something else, or X and y that do not fit each other.
    TableEmpty, ColumnsDuplicate, ColumnUnsupported
    """
    import pyarrow as pa

    where = f"dataset:{name}"
    target = None
    if isinstance(value, tuple) and len(value) == 2:
        columns = _columns_of_x(value[0], where)
        target, y = _named_y(value, where)
        columns.append((target, y))
    else:
        columns = list(types.iter_columns(_require_frame(value, where)))
    refuse_duplicates([column for column, _ in columns], where)
    arrow = pa.table({column: types.to_column(found, where=_at(where, column)) for column, found in columns})
    return Table(name=name, source=where, frame=_checked_frame(arrow, (), where), target=target)


def release_memory() -> None:
    """Return memory that Arrow keeps for later use to the system."""
    import pyarrow as pa

    pa.default_memory_pool().release_unused()


def write_parquet(table: Table, path: Path) -> None:
    """Write the typed table to a Parquet file, which appears complete or not at all.

    Raises
    ------
    FileUnwritable
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    draft = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.table({n: types.to_column(v) for n, v in types.iter_columns(table.frame)}), draft)
        draft.replace(path)
    except OSError as error:
        raise errors.FileUnwritable(
            f"the processed table cannot be written to `{path.name}`",
            where=str(path),
            why=f"{error.strerror or error}: {error.filename}" if error.filename else str(error),
            hint="choose another `processed_path` under `data:`, or leave it out",
        ) from None
    finally:
        with suppress(OSError):
            draft.unlink(missing_ok=True)


def stat_source(path: Path) -> SourceStamp:
    """Note size, time and inode of a file; call it before reading the file.

    Raises
    ------
    FileMissing
    """
    try:
        found = path.stat()
    except (OSError, ValueError):
        raise missing_file(path, str(path)) from None
    return SourceStamp(path=path, n_bytes=found.st_size, mtime_ns=found.st_mtime_ns, inode=found.st_ino)


def check_unchanged(stamp: SourceStamp) -> None:
    """Check that a file has not changed since it was read.

    Raises
    ------
    DataChanged
    """
    try:
        now = stat_source(stamp.path)
    except errors.FileMissing:
        changes = "it is gone"
    else:
        if now == stamp:
            return
        changes = (
            f"it had {stamp.n_bytes:,} bytes and has {now.n_bytes:,}"
            if now.n_bytes != stamp.n_bytes
            else "it was written again"
        )
    raise errors.DataChanged(
        f"`{stamp.path.name}` changed while it was being used",
        where=str(stamp.path),
        why=f"{changes}, so the results would not belong to the data that is there now",
        hint="run the card again",
    )


def _shown(path: Path, root: Path | None) -> str:
    path = path.absolute()
    if root is not None and path.is_relative_to(root.absolute()):
        path = path.relative_to(root.absolute())
    return path.as_posix()


def _at(where: str, column: str) -> str:
    return f'{where}, column "{column}"'


def _checked_frame(table: pa.Table, na_values: Sequence[str], where: str) -> pd.DataFrame:
    refuse_duplicates(table.column_names, where)
    if table.num_columns == 0 or table.num_rows == 0:
        raise empty_table(where, "it has a header and no rows" if table.num_columns else "it has no columns")
    columns = {}
    for number, name in enumerate(table.column_names):
        column = types.to_column(table.column(number), where=_at(where, name))
        columns[name] = without(column, na_values) if na_values else column
    del table
    return types.to_frame(columns)


def without(column: pa.ChunkedArray, na_values: Sequence[str]) -> pa.ChunkedArray:
    """Turn cells that hold one of `na_values` into missing ones, for tables from Parquet, Feather and JSON."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if not types.is_text(column.type):
        return column
    listed = pc.is_in(column, value_set=pa.array(na_values, column.type))
    return pc.if_else(listed, pa.scalar(None, column.type), column) if pc.any(listed).as_py() else column


def refuse_duplicates(names: Iterable[str], where: str) -> None:
    """Raise ColumnsDuplicate if two columns have the same name."""
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise errors.ColumnsDuplicate(
            f"the table has columns of the same name: {errors.listing(twice)}",
            where=where,
            why="a card names columns, and each name must mean one",
            hint="rename one of them in the header",
        )


# What registered datasets return


def _require_frame(value: object, where: str) -> Any:
    if hasattr(value, "__arrow_c_stream__") and hasattr(value, "columns"):
        return value
    raise errors.RegistrationInvalid(
        f"a dataset returned `{type(value).__name__}`",
        where=where,
        why="a table is a pandas, polars or pyarrow frame, or the pair (X, y)",
        hint="return `frame`, or `X, y`; of a polars LazyFrame return `.collect()`",
    )


def _columns_of_x(x: Any, where: str) -> list[tuple[str, Any]]:
    import numpy as np

    if isinstance(x, np.ndarray) and x.ndim == 2:
        return [(f"x{number}", x[:, number]) for number in range(x.shape[1])]
    return list(types.iter_columns(_require_frame(x, where)))


def _n_columns(y: Any) -> int:
    if hasattr(y, "columns"):
        return len(y.columns)
    return int(y.shape[1]) if getattr(y, "ndim", 1) == 2 else 1


def _named_y(pair: tuple[Any, Any], where: str) -> tuple[str, Any]:
    import numpy as np

    x, y = pair
    if isinstance(y, list | tuple):
        y = np.asarray(y)
    problem = ""
    if (n_targets := _n_columns(y)) > 1:
        raise errors.RegistrationInvalid(
            f"a dataset returned (X, y) with {n_targets} columns in y",
            where=where,
            why="several targets are not supported: a card predicts one column",
            hint="return one of them as y, and register a dataset for each",
        )
    if getattr(y, "ndim", 1) != 1 or hasattr(y, "columns") or not hasattr(y, "__len__"):
        problem = "y is not one column"
    elif len(x) != len(y):
        problem = f"X has {len(x):,} rows and y has {len(y):,}"
    elif hasattr(x, "index") and hasattr(y, "index") and not x.index.equals(y.index):
        problem = "the indexes of X and y differ"
    if problem:
        raise errors.RegistrationInvalid(
            f"a dataset returned (X, y) that do not fit each other: {problem}",
            where=where,
            why="row i of X and value i of y must be the same case",
            hint="return n rows and n values in one order and with one index; `.ravel()` makes y one column",
        )
    label = getattr(y, "name", None)
    return ("target" if label is None or label == "" else str(label)), y
