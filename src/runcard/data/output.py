"""Writing a table in batches to a file that appears complete or not at all."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runcard import errors

if TYPE_CHECKING:
    import pyarrow as pa

SUFFIXES = (".csv", ".csv.gz", ".parquet")


def check_output(path: Path) -> None:
    """Check that a table can be written to a path, before the work for it begins.

    Raises
    ------
    FileUnwritable
    """
    if not path.name.lower().endswith(SUFFIXES):
        raise _unwritable(path, "the format is taken from the end of the file's name", f"use {', '.join(SUFFIXES)}")
    if path.is_dir():
        raise _unwritable(path, "there is a folder of that name", "name a file in it")
    if not path.parent.is_dir():
        raise _unwritable(path, f"there is no folder `{path.parent}`", "make the folder, or name another")
    if not os.access(path.parent, os.W_OK):
        raise _unwritable(path, "its folder may not be written to", "name another folder")


@contextmanager
def open_output(path: Path) -> Iterator[Callable[[pa.Table], None]]:
    """Give a function that appends rows to a CSV (also .gz) or Parquet file; the first rows define its columns.

    The file is written beside its place, and put there when the block ends well: an existing one is replaced then.

    Raises
    ------
    FileUnwritable
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with ExitStack() as exits:
            writers: list[Any] = []

            def write(rows: pa.Table) -> None:
                with _writable(path):
                    if not writers:
                        writers.append(exits.enter_context(_writer(draft, rows.schema)))
                    writers[0].write_table(rows)

            yield write
            with _writable(path):
                exits.close()
        with _writable(path):
            draft.replace(path)
    finally:
        with suppress(OSError):
            draft.unlink(missing_ok=True)


@contextmanager
def _writer(draft: Path, schema: pa.Schema) -> Iterator[Any]:
    import pyarrow as pa
    from pyarrow import csv, parquet

    # what the draft is of, without its number and `.tmp`
    name = draft.name.lower().rpartition(".")[0].rpartition(".")[0]
    if name.endswith(".parquet"):
        with parquet.ParquetWriter(draft, schema) as writer:
            yield writer
        return
    packed = "gzip" if name.endswith(".gz") else None
    with pa.output_stream(str(draft), compression=packed) as stream, csv.CSVWriter(stream, schema) as writer:
        yield writer


@contextmanager
def _writable(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise _unwritable(path, error.strerror or str(error), "name another file, or make room for it") from None


def _unwritable(path: Path, why: str, hint: str) -> errors.FileUnwritable:
    return errors.FileUnwritable(f"`{path.name}` cannot be written", where=str(path), why=why, hint=hint)
