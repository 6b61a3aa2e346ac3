"""The feature matrices of a fold: made once per feature set, kept on disk, memory-mapped by every fit."""

from __future__ import annotations

import gc
import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from runcard import errors
from runcard.data.target import Target
from runcard.tabular.conditions import last_line, quiet, trace_of

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

_TARGET = "target.npy"
_TRANSFORMER = "transformer"
_RAW = "raw"
_RAW_ROWS = 200

MatrixPart = tuple[Any, "np.ndarray"]
"""A matrix (n, n_features) and its target (n,), the codes of a classification's labels."""


@dataclass(frozen=True, slots=True, eq=False)
class Preparation:
    """The task of fitting a transformer on rows of the staged table and keeping it and the matrices in `folder`."""

    table: Path
    columns: tuple[str, ...]
    transformer: Any
    fit_rows: np.ndarray
    score_rows: np.ndarray | None
    """None where nothing is to be scored: the test rows stay closed."""
    target: Target
    folder: Path
    seed: int
    is_measured: bool = False
    """Whether to keep some raw rows, for measuring how long a model takes for one."""

    @property
    def reads(self) -> tuple[Path, ...]:
        """The folders that a worker needs for it."""
        return (self.table,)

    @property
    def writes(self) -> Path:
        """The folder that it writes, which an engine must bring back."""
        return self.folder


@dataclass(frozen=True, slots=True)
class Prepared:
    """The result of a preparation."""

    seconds: float
    error: str | None = None
    trace: str = ""


def prepare(task: Preparation) -> Prepared:
    """Fit the transformer on the fit rows, transform both parts, and keep all for memory mapping."""
    start = time.perf_counter()
    try:
        task.folder.mkdir(parents=True, exist_ok=True)
        gc.collect()  # lets go of matrices that earlier tasks mapped
        with quiet(task.seed):
            _transform(task)
    except Exception as error:
        if errors.is_disk_full(error):
            raise
        said = last_line(error) + _lacking(task, error)
        return Prepared(time.perf_counter() - start, error=said, trace=trace_of(error))
    return Prepared(time.perf_counter() - start)


def load_part(folder: Path, part: Literal["fit", "score"]) -> MatrixPart:
    """Memory-map one part of a fold's matrices."""
    import joblib

    # copy-on-write: some estimators refuse read-only memory, and what one changes no other sees
    found: MatrixPart = joblib.load(folder / part, mmap_mode="c")
    return found


def load_transformer(folder: Path) -> Any:
    """Load the fitted transformer of a fold."""
    import joblib

    return joblib.load(folder / _TRANSFORMER)


def load_raw(folder: Path) -> pd.DataFrame:
    """Load the raw rows that a preparation was asked to keep."""
    import joblib

    rows: pd.DataFrame = joblib.load(folder / _RAW)
    return rows


def stage_table(frame: pd.DataFrame, target: np.ndarray, folder: Path) -> None:
    """Write a table and its encoded target, (n_rows,), for workers to read from, a file for each column."""
    import numpy as np
    import pyarrow as pa

    folder.mkdir(parents=True)
    np.save(folder / _TARGET, target)
    for name in frame.columns:
        column = pa.table({name: pa.Array.from_pandas(frame[name])})
        with (
            pa.OSFile(str(_column_file(folder, name)), "wb") as sink,
            pa.ipc.new_file(sink, column.schema) as writer,
        ):
            writer.write_table(column)


def read_rows(table: Path, columns: Sequence[str], rows: np.ndarray) -> pd.DataFrame:
    """Read some rows of the staged table column by column, so that other rows do not stay in memory."""
    import pandas as pd

    series = {name: _read_column(table, name).iloc[rows].reset_index(drop=True) for name in columns}
    return pd.DataFrame(series, index=pd.RangeIndex(len(rows)), copy=False)


def _read_column(table: Path, name: str) -> pd.Series[Any]:
    import pyarrow as pa

    with pa.memory_map(str(_column_file(table, name))) as source:
        column: pd.Series[Any] = pa.ipc.open_file(source).read_all().column(0).to_pandas()
        return column


def _column_file(table: Path, name: str) -> Path:
    # Names of columns may hold what names of files cannot.
    return table / f"{hashlib.sha256(name.encode()).hexdigest()[:32]}.arrow"


def _lacking(task: Preparation, error: Exception) -> str:
    """Find the first text column with missing values, and its first such row, as the possible cause."""
    from pandas.api import types

    if not any(word in str(error) for word in ("nan", "NaN", "None", "float")):
        return ""
    frame = read_rows(task.table, list(task.columns), task.fit_rows)
    for name, values in frame.items():
        missing = values.isna().to_numpy()
        if missing.any() and types.infer_dtype(values, skipna=True) == "string":
            rows = [str(row + 1) for row in task.fit_rows[missing][:3]]
            return f"; `{name}` is missing in {missing.sum():,} of {len(missing):,} rows, such as {', '.join(rows)}"
    return ""


def _transform(task: Preparation) -> None:
    """Keep the transformer, fitted with the labels, and both matrices; also raw rows if they are asked for."""
    import joblib
    import numpy as np

    codes = np.load(task.table / _TARGET, mmap_mode="r")
    target = codes[task.fit_rows]
    rows = read_rows(task.table, task.columns, task.fit_rows)
    matrix = task.transformer.fit_transform(rows, task.target.labels(target))
    del rows
    joblib.dump((matrix, target), task.folder / "fit")
    del matrix
    joblib.dump(task.transformer, task.folder / _TRANSFORMER)
    if task.score_rows is not None:
        matrix = task.transformer.transform(read_rows(task.table, task.columns, task.score_rows))
        joblib.dump((matrix, codes[task.score_rows]), task.folder / "score")
        if task.is_measured:
            joblib.dump(read_rows(task.table, task.columns, task.score_rows[:_RAW_ROWS]), task.folder / _RAW)
