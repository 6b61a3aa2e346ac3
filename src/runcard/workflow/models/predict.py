"""Predicting the rows of a file with a registered model, in batches."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runcard import errors
from runcard.data.batches import BATCH_ROWS, SUFFIXES, BatchSource, open_batches, read_batches
from runcard.data.file import check_file
from runcard.data.output import check_output, open_output
from runcard.data.signature import RowBatch, check_columns, to_rows
from runcard.project import Project, find_project
from runcard.tabular import last_line
from runcard.tabular.prediction import Predicted, Predictor, abreast, predicted_table
from runcard.tabular.unseen_categories import Unseen, UnseenCounter
from runcard.tracking.versions import ModelVersion
from runcard.workflow.models.fetch import fetch_apart
from runcard.workflow.models.load import LoadedModel, open_model

if TYPE_CHECKING:
    import pyarrow as pa

_THREADS = 2

OnRows = Callable[[int, int | None], None]
"""Told how many rows are done, and how many there are; None where only reading the file tells."""


@dataclass(frozen=True, slots=True)
class Prediction:
    """The number of rows predicted, and remarks on them."""

    version: ModelVersion
    output: Path
    n_rows: int
    ignored: tuple[str, ...]
    """Columns of the input that the model does not take."""
    unseen: tuple[Unseen, ...]
    warnings: tuple[str, ...]
    signed: str = ""
    """Who signed the model, in words; empty where nobody did."""


@dataclass(frozen=True, slots=True, eq=False)
class _Batch:
    first: int
    rows: RowBatch
    id: tuple[str, Any]


def predict(
    model: str,
    source: str | Path,
    output: str | Path,
    *,
    project: Project | None = None,
    allow_code: bool = False,
    batch_rows: int = BATCH_ROWS,
    on_rows: OnRows = lambda done, total: None,
) -> Prediction:
    """Predict each row of a CSV, TSV or Parquet file with a registered model, in constant memory.

    The output has a row for each of the input, in its order: the id column of the model's card, if the input has it,
    else the row's number from 0; the prediction; and of a classifier a probability for each class.

    Parameters
    ----------
    model
        `NAME@ALIAS`, `NAME/VERSION`, or `NAME` for its latest version.
    output
        A CSV or Parquet file; it is there whole or not at all.
    allow_code
        Whether code that comes with the model may run, see `open_model`.

    Raises
    ------
    UsageError, ModelVersionUnknown, ModelDamaged, TypesUntrusted, TrackingError
        The model cannot be had.
    FileMissing, FileUnreadable, EncodingInvalid, TableEmpty, ColumnsDuplicate
        The input cannot be read.
    InputMismatch
        It is not what the model takes.
    FileUnwritable
    """
    source, output = Path(source), Path(output)
    check_file(source, SUFFIXES, str(source))
    check_output(output)
    if output.exists() and output.samefile(source):
        raise errors.UsageError(
            f"`{output.name}` is the input and cannot be the output",
            where=str(output),
            why="its rows would be gone",
            hint="name another file: `-o`",
        )
    with open_model(model, project or find_project(), allow_code=allow_code, fetch=fetch_apart) as loaded:
        return _predict_file(loaded, source, output, batch_rows, on_rows)


def _predict_file(loaded: LoadedModel, path: Path, output: Path, batch_rows: int, on_rows: OnRows) -> Prediction:
    kinds = loaded.description.columns
    source = open_batches(path, na_values=loaded.na_values)
    check_columns(source.names, list(kinds), where=source.where)
    predictor, unseen = Predictor(loaded.pipeline), UnseenCounter(loaded.pipeline, kinds)
    n_done = 0

    def predict_batch(batch: _Batch) -> pa.Table:
        return predicted_table(_predict(predictor, batch, source.where), predictor.classes, batch.id)

    # The packages that are known predict in several threads at once; of a project's own code one cannot know.
    threads = _THREADS if loaded.description.code is None else 1
    with open_output(output) as write, warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for table in abreast(predict_batch, _batches(loaded, source, unseen, batch_rows), threads=threads):
            write(table)
            n_done += table.num_rows
            on_rows(n_done, source.n_rows)
    noted = dict.fromkeys([*loaded.warnings, *(f"{w.category.__name__}: {str(w.message).strip()}" for w in caught)])
    used = {*kinds, loaded.id}
    ignored = tuple(n for n in source.names if n not in used and n and not n.startswith("__index_level_"))
    return Prediction(loaded.version, output, n_done, ignored, unseen.found(), tuple(noted), loaded.signed)


def _batches(loaded: LoadedModel, source: BatchSource, unseen: UnseenCounter, batch_rows: int) -> Iterator[_Batch]:
    """Read, convert and count the rows in batches, keeping only what is needed of them."""
    kinds = loaded.description.columns
    id = loaded.id if loaded.id in source.names else None
    columns = list(dict.fromkeys([*kinds, *([id] if id else [])]))
    first, stand_ins = 0, unseen.stand_ins
    for batch in read_batches(source, columns, rows=batch_rows):
        rows = to_rows(batch, kinds, first=first, where=source.where, stand_ins=stand_ins)
        unseen.add(rows)
        yield _Batch(first, rows, (id, batch.column(id)) if id else ("row", _numbers(first, batch.num_rows)))
        first += batch.num_rows


def _numbers(first: int, n_rows: int) -> pa.Array:
    import numpy as np
    import pyarrow as pa

    return pa.array(np.arange(first, first + n_rows))


def _predict(predictor: Predictor, batch: _Batch, where: str) -> Predicted:
    try:
        return predictor.predict(batch.rows.frames())
    except Exception as error:  # whatever the model raises
        raise _failed(batch, error, where) from error


def _missing_text(batch: _Batch, error: Exception) -> tuple[str, int, int] | None:
    """Give the first text column with missing values, its first such row, and how many there are."""
    import pyarrow.compute as pc

    from runcard.data.types import is_text

    if not any(word in str(error) for word in ("nan", "NaN", "None", "float")):
        return None
    for name, column in batch.rows.columns.items():
        if column.null_count and is_text(column.type):
            return name, batch.first + pc.index(pc.is_null(column), True).as_py() + 1, column.null_count
    return None


def _failed(batch: _Batch, error: Exception, where: str) -> errors.InputMismatch:
    import pyarrow.compute as pc
    from pyarrow import types

    for name, column in batch.rows.columns.items():
        if types.is_floating(column.type) and (row := pc.index(pc.is_inf(column), True).as_py()) >= 0:
            return errors.InputMismatch(
                f"the model cannot predict a row whose `{name}` is infinite",
                where=f'{where}, row {batch.first + row + 1:,}, column "{name}"',
                why=last_line(error),
                hint="mend the value, or leave the cell empty if it is not known",
            )
    if missing := _missing_text(batch, error):
        name, row, n_rows = missing
        return errors.InputMismatch(
            f"the model cannot predict rows whose `{name}` is missing",
            where=f'{where}, row {row:,}, column "{name}"',
            why=f"{n_rows:,} of these rows have no text there, and training saw none such: {last_line(error)}",
            hint="fill the cells, or have the feature set do so: `.fillna('')` before the text is taken apart",
        )
    last = batch.first + len(batch.id[1])
    return errors.InputMismatch(
        "the model cannot predict these rows",
        where=f"{where}, rows {batch.first + 1:,} to {last:,}",
        why=last_line(error),
        hint="compare them with the data that the model was trained on",
    )
