"""The few column types of a table, whatever file or library it came from.

===============================================  =================================================
in the file or frame                             in a table
===============================================  =================================================
integers without missing values                  int64 (beyond int64: float64)
integers with missing values, floats, decimals   float64, missing is NaN
booleans                                         bool; with missing values: object True/False/NaN,
                                                 which `SimpleImputer` and `OneHotEncoder` take
text, categories of text, times of day           str (pandas 3) or object (pandas 2), missing is NaN
in a CSV: digits, some with a zero in front      text; numbers where the card says `numerical`
dates and timestamps                             datetime64[us], [ns] only if needed, zones as UTC
a column without any value                       float64, all NaN
===============================================  =================================================

Everything else (lists, structs, bytes, durations) is kept as it is and refused when used as a feature.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from runcard import errors

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa


def iter_columns(frame: Any) -> Iterator[tuple[str, Any]]:
    """Iterate over the columns of a pandas, pyarrow or polars frame as (name, values), without copying."""
    import pandas as pd
    import pyarrow as pa

    if isinstance(frame, pd.DataFrame):
        for number, name in enumerate(frame.columns):
            yield str(name), frame.iloc[:, number]
        return
    if not isinstance(frame, pa.Table):
        # polars' own to_arrow gives plain strings; its C stream gives views that older pyarrow cannot cast
        frame = frame.to_arrow() if hasattr(frame, "to_arrow") else pa.table(frame)
    yield from zip(frame.column_names, frame.columns, strict=True)


def to_column(values: Any, *, where: str = "") -> pa.ChunkedArray:
    """Convert the values of one column to one of the table's types, copying only what has to change.

    Raises
    ------
    ColumnUnsupported
        Values that no single type can hold, such as numbers and text in one column.
    """
    import pyarrow as pa

    try:
        return _normalised(_to_arrow(values))
    except (pa.ArrowException, OverflowError) as error:
        raise errors.ColumnUnsupported(
            "a column holds values that no single type can hold",
            where=where,
            why=f"a column is numbers, text, true/false or dates throughout: {_one_line(error)}",
            hint='make the column one type, for example `frame["column"].astype(str)`',
        ) from None


def to_frame(columns: dict[str, pa.ChunkedArray]) -> pd.DataFrame:
    """Build the pandas frame (n_rows, n_columns) from converted columns, emptying `columns` on the way."""
    import numpy as np
    import pyarrow as pa

    table = pa.table(columns)
    columns.clear()
    # Each column is freed once it is converted: the peak is one table and one column, not two tables.
    frame: pd.DataFrame = table.to_pandas(split_blocks=True, self_destruct=True, ignore_metadata=True)
    for name in [name for name, kind in frame.dtypes.items() if isinstance(kind, np.dtype) and kind.hasobject]:
        # pyarrow writes None, which scikit-learn's imputers do not count as missing.
        if (present := frame[name].notna()).sum() < len(frame):
            frame[name] = frame[name].where(present, np.nan)
    return frame


def _to_arrow(values: Any) -> pa.ChunkedArray:
    import numpy as np
    import pandas as pd
    import pyarrow as pa
    import pyarrow.compute as pc

    if isinstance(values, pa.ChunkedArray):
        return values
    if hasattr(values, "to_arrow"):  # polars
        values = values.to_arrow()
    if isinstance(values, pd.Series) and isinstance(values.dtype, np.dtype) and values.dtype.kind in "iufb":
        values = values.to_numpy()
    if isinstance(values, pd.Series) and isinstance(values.dtype, pd.DatetimeTZDtype):
        # pyarrow reads these by a way that pandas deprecates
        values = pc.assume_timezone(pa.array(values.dt.tz_convert(None).to_numpy()), "UTC")
    if isinstance(values, np.ndarray):
        values = values.astype(values.dtype.newbyteorder("="), copy=False)
        # NaN stays a value here: looking for nulls costs a pass, and NaN means missing anyway.
        values = pa.array(values, from_pandas=values.dtype.kind not in "iufb")
    elif not isinstance(values, pa.Array | pa.ChunkedArray):
        values = pa.array(values, from_pandas=True)
    return values if isinstance(values, pa.ChunkedArray) else pa.chunked_array([values])


def _normalised(column: pa.ChunkedArray) -> pa.ChunkedArray:
    import pyarrow as pa

    if len(column) and column.null_count == len(column):
        # What its type was would be lost in pandas, and in a CSV it never had one.
        return _cast(pa.chunked_array([pa.nulls(len(column))]), pa.float64())
    kind = column.type
    if pa.types.is_dictionary(kind):
        return _normalised(column.cast(kind.value_type))
    if pa.types.is_integer(kind):
        return _integers(column)
    if pa.types.is_floating(kind) or pa.types.is_decimal(kind) or pa.types.is_null(kind):
        return _cast(column, pa.float64())
    if pa.types.is_date(kind) or pa.types.is_timestamp(kind):
        return _timestamps(column)
    if pa.types.is_map(kind):  # pandas would make pairs of it, which are of no type
        column = column.cast(pa.list_(pa.struct([("key", kind.key_type), ("value", kind.item_type)])))
    if pa.types.is_time(kind):
        column = column.cast(pa.string())
    return _cast(column, pa.large_string()) if is_text(column.type) else column


def is_text(kind: pa.DataType) -> bool:
    """Whether an Arrow type holds text."""
    import pyarrow as pa

    is_view = getattr(pa.types, "is_string_view", lambda _: False)  # not in the oldest supported pyarrow
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or is_view(kind))


def is_padded(column: pa.ChunkedArray) -> bool:
    """Whether all texts consist of digits and some number has a leading zero."""
    import pyarrow.compute as pc

    is_code = pc.match_substring_regex(column, r"^\s*0[0-9]+\s*$")
    return bool(pc.any(is_code).as_py()) and bool(pc.all(pc.match_substring_regex(column, r"^\s*[0-9]+\s*$")).as_py())


def with_numbers(frame: pd.DataFrame, names: Iterable[str]) -> pd.DataFrame:
    """Convert codes such as `007` to numbers in the columns that a card calls numerical."""
    import pandas as pd

    made = {}
    for name in names:
        if name in frame.columns and pd.api.types.infer_dtype(frame[name], skipna=True) == "string":
            column = to_column(frame[name])
            if is_padded(column):
                made[name] = to_frame({name: _as_numbers(column)})[name]
    return frame.assign(**made) if made else frame


def _as_numbers(digits: pa.ChunkedArray) -> pa.ChunkedArray:
    import pyarrow as pa
    import pyarrow.compute as pc

    trimmed = pc.utf8_trim_whitespace(digits)
    try:
        return _integers(trimmed.cast(pa.int64()))
    except pa.ArrowInvalid:  # beyond int64
        return trimmed.cast(pa.float64())


def _integers(column: pa.ChunkedArray) -> pa.ChunkedArray:
    import pyarrow as pa

    if column.null_count:
        return column.cast(pa.float64(), safe=False)
    try:
        return _cast(column, pa.int64())
    except pa.ArrowInvalid:  # above 2^63: what a CSV of such numbers is read as
        return column.cast(pa.float64(), safe=False)


def _timestamps(column: pa.ChunkedArray) -> pa.ChunkedArray:
    import pyarrow as pa

    zone = "UTC" if getattr(column.type, "tz", None) else None
    try:
        return _cast(column, pa.timestamp("us", tz=zone))
    except pa.ArrowInvalid:  # nanoseconds that microseconds would lose
        return _cast(column, pa.timestamp("ns", tz=zone))


def _cast(column: pa.ChunkedArray, kind: pa.DataType) -> pa.ChunkedArray:
    return column if column.type == kind else column.cast(kind)


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())
