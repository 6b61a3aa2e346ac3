"""The input of a model: the columns it was trained on, with the types they had in training.

What a row becomes depends on that row alone, so it does not matter with which others it is read. That is why a column
that was whole numbers in training is one of integers only in the rows that have all of those: in pandas a missing
value makes doubles of a whole column.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from runcard import errors
from runcard.data import types

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    import pyarrow as pa

InputKind = Literal["whole", "number", "bool", "text", "date", "other"]
"""What a column held in training; `other` is passed on as it is."""

_HELD = {"whole": "numbers", "number": "numbers", "bool": "true/false", "text": "text", "date": "dates"}
_WHOLE = r"^\s*[+-]?\d{1,18}\s*$"
_EXACT = 2.0**53  # from here on float64 does not tell neighbouring integers apart


@dataclass(frozen=True, slots=True, eq=False)
class RowBatch:
    """Some rows of a table, typed as in training."""

    columns: Mapping[str, pa.ChunkedArray]
    """The model's columns in its order."""
    integers: Mapping[str, pa.ChunkedArray] = field(default_factory=dict)
    """Of the columns of whole numbers with gaps, which `columns` has as doubles: the whole numbers."""
    foreign: Mapping[str, pa.ChunkedArray] = field(default_factory=dict)
    """Of the columns of categories, as text, the values that are of another type, which no category is; else null."""

    def frames(self) -> Iterator[tuple[np.ndarray | None, pd.DataFrame]]:
        """Give the rows as frames, each with its positions; None where one frame has them all, in order."""
        if not self.integers:
            yield None, _frame(self.columns)
            return
        import pyarrow as pa

        is_whole = _all_valid(list(self.integers.values()))
        doubles = {name: _as_double(column) for name, column in self.columns.items()}
        for columns, mask in (({**self.columns, **self.integers}, is_whole), (doubles, ~is_whole)):
            if mask.any():
                chosen = pa.array(mask)
                yield mask.nonzero()[0], _frame({name: column.filter(chosen) for name, column in columns.items()})


def check_columns(found: Sequence[str], wanted: Sequence[str], *, where: str) -> None:
    """Check that a table has all columns that a model needs.

    Raises
    ------
    InputMismatch
        Naming all that are missing.
    """
    missing = [name for name in wanted if name not in found]
    if not missing:
        return
    spare = [name for name in found if name not in wanted]
    near = {name: close for name in missing if (close := errors.nearest(name, spare))}
    named = ", ".join(f"`{close}` for `{name}`" for name, close in near.items())
    s = "s" if len(missing) > 1 else ""
    raise errors.InputMismatch(
        f"the input lacks {len(missing)} column{s} that the model takes: {errors.listing(missing, 20)}",
        where=where,
        why=f"it has {errors.listing(list(found), 20)}",
        hint=f"rename {named}" if near else f"add the column{s}; where a value is not known, leave the cell empty",
    )


def to_rows(
    batch: pa.Table,
    kinds: Mapping[str, InputKind],
    *,
    first: int,
    where: str,
    stand_ins: Mapping[str, str] | None = None,
) -> RowBatch:
    """Convert a batch of rows to the column types of training; text is parsed into them.

    Parameters
    ----------
    stand_ins
        For columns that are categories and nothing else: what stands for a value of another type, being no category
        either. A new code `A1` among numbers is as unknown as a new number.
    first
        The number of its first row in the file, from 0.

    Raises
    ------
    InputMismatch, CardErrors
        A value, or a whole column, that is of another type.
    """
    columns: dict[str, pa.ChunkedArray] = {}
    integers: dict[str, pa.ChunkedArray] = {}
    foreign: dict[str, pa.ChunkedArray] = {}
    faults: list[errors.RuncardError] = []
    for name, kind in kinds.items():
        try:
            columns[name], whole = _typed(batch.column(name), kind)
        except _Unfit as unfit:
            stand_in = (stand_ins or {}).get(name)
            if stand_in is None or not types.is_text(batch.column(name).type):
                faults.append(_fault(name, kind, unfit, first, where))
                continue
            columns[name], whole, foreign[name] = _with_stand_in(batch.column(name), kind, stand_in)
            if whole is not None:
                integers[name] = whole
        else:
            if whole is not None:
                integers[name] = whole
    errors.raise_all(faults)
    return RowBatch(columns, integers, foreign)


class _Unfit(Exception):
    """Raised for a value that its column cannot hold."""

    def __init__(self, row: int, value: object) -> None:
        self.row, self.value = row, value


def _fault(name: str, kind: InputKind, unfit: _Unfit, first: int, where: str) -> errors.InputMismatch:
    return errors.InputMismatch(
        f"column `{name}` holds `{unfit.value}` where the model takes {_HELD[kind]}",
        where=f'{where}, row {first + unfit.row + 1:,}, column "{name}"',
        why=f"the column held {_HELD[kind]} when the model was trained",
        hint="mend the value, or leave the cell empty if it is not known"
        if kind != "text"
        else "store the column as text",
    )


def _typed(column: pa.ChunkedArray, kind: InputKind) -> tuple[pa.ChunkedArray, pa.ChunkedArray | None]:
    """Convert the column to its type; for whole numbers with gaps, also give them as integers."""
    import pyarrow as pa

    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if kind == "whole":
        return _whole(column)
    if kind == "other":
        return column, None
    return {"number": _number, "bool": _bool, "text": _text, "date": _date}[kind](column), None


def _with_stand_in(
    column: pa.ChunkedArray, kind: InputKind, stand_in: str
) -> tuple[pa.ChunkedArray, pa.ChunkedArray | None, pa.ChunkedArray]:
    """Type a column of categories that has values of another type, and give those values too."""
    import pyarrow as pa
    import pyarrow.compute as pc

    values = [value for value in column.unique().to_pylist() if value is not None and not _fits(value, kind)]
    is_foreign = pc.is_in(column, pa.array(values, column.type))
    foreign = pc.if_else(is_foreign, column, pa.scalar(None, column.type))
    if kind == "bool":  # which has no third value: 0, 1 and the stand-in are compared with the categories as numbers
        known = _bool(pc.if_else(is_foreign, pa.scalar(None, column.type), column)).cast(pa.int64())
        return *_whole(pc.if_else(is_foreign, pa.scalar(int(stand_in)), known)), foreign
    typed, whole = _typed(pc.if_else(is_foreign, pa.scalar(stand_in, column.type), column), kind)
    return typed, whole, foreign


def _fits(value: str, kind: InputKind) -> bool:
    import pyarrow as pa

    try:
        _typed(pa.chunked_array([pa.array([value])]), kind)
    except _Unfit:
        return False
    return True


def _whole(column: pa.ChunkedArray) -> tuple[pa.ChunkedArray, pa.ChunkedArray | None]:
    import pyarrow as pa
    import pyarrow.compute as pc

    if types.is_text(column.type) or pa.types.is_integer(column.type):
        try:
            integers = column.cast(pa.int64())
        except pa.ArrowInvalid:
            pass
        else:
            return (integers, None) if not integers.null_count else (_as_double(integers), integers)
    doubles = _number(column)
    if types.is_text(column.type):
        is_whole = pc.match_substring_regex(column, _WHOLE)
        digits = pc.utf8_trim_whitespace(pc.if_else(is_whole, column, None))
        return doubles, pc.replace_substring_regex(digits, r"^\+", "").cast(pa.int64())
    is_whole = pc.and_(pc.equal(doubles, pc.trunc(doubles)), pc.less(pc.abs(doubles), _EXACT))
    return doubles, pc.if_else(is_whole, doubles, None).cast(pa.int64())


def _number(column: pa.ChunkedArray) -> pa.ChunkedArray:
    import pyarrow as pa

    if types.is_text(column.type):
        return _parsed(column, lambda text: text.cast(pa.float64()))
    fits = (pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal, pa.types.is_boolean)
    _require(column, any(is_of(column.type) for is_of in fits))
    return column.cast(pa.float64(), safe=False)


def _bool(column: pa.ChunkedArray) -> pa.ChunkedArray:
    import pyarrow as pa

    if types.is_text(column.type):
        return _parsed(column, lambda text: text.cast(pa.bool_()))
    _require(column, pa.types.is_boolean(column.type))
    return column.cast(pa.bool_())


def _text(column: pa.ChunkedArray) -> pa.ChunkedArray:
    import pyarrow as pa

    _require(column, types.is_text(column.type) or pa.types.is_time(column.type))
    return column.cast(pa.large_string())


def _date(column: pa.ChunkedArray) -> pa.ChunkedArray:
    import pyarrow as pa

    if types.is_text(column.type):
        column = _parsed(column, _read_dates)
    _require(column, pa.types.is_date(column.type) or pa.types.is_timestamp(column.type))
    return column.cast(pa.timestamp("us")) if column.null_count == len(column) else types.to_column(column)


def _read_dates(text: pa.ChunkedArray) -> pa.ChunkedArray:
    import pyarrow as pa

    try:
        return text.cast(pa.timestamp("ns"))
    except pa.ArrowInvalid:  # with a zone
        return text.cast(pa.timestamp("ns", tz="UTC"))


def _parsed(text: pa.ChunkedArray, read: Callable[[pa.ChunkedArray], pa.ChunkedArray]) -> pa.ChunkedArray:
    """Parse text as another type, ignoring blanks around it."""
    import pyarrow as pa
    import pyarrow.compute as pc

    for column in (text, pc.utf8_trim_whitespace(text)):
        try:
            return read(column)
        except pa.ArrowInvalid:
            continue
    for row, value in enumerate(column):
        try:
            read(pa.chunked_array([pa.array([value.as_py()], column.type)]))
        except pa.ArrowInvalid:
            raise _Unfit(row, text[row].as_py()) from None
    raise _Unfit(0, text[0].as_py())


def _require(column: pa.ChunkedArray, fits: bool) -> None:
    """Refuse a column of another type, unless all its values are missing."""
    if not fits and column.null_count < len(column):
        import pyarrow.compute as pc

        row = pc.index(pc.is_valid(column), True).as_py()
        raise _Unfit(row, column[row].as_py())


def _as_double(column: pa.ChunkedArray) -> pa.ChunkedArray:
    import pyarrow as pa

    return column.cast(pa.float64(), safe=False) if pa.types.is_integer(column.type) else column


def _all_valid(columns: Sequence[pa.ChunkedArray]) -> np.ndarray:
    import numpy as np

    masks = [column.is_valid().to_numpy() for column in columns]
    found: np.ndarray = np.logical_and.reduce(masks)
    return found


def _frame(columns: Mapping[str, pa.ChunkedArray]) -> pd.DataFrame:
    """Build the frame as training builds its own: see `runcard.tabular.matrices.read_rows`."""
    import pyarrow as pa

    frame: pd.DataFrame = pa.table(dict(columns)).to_pandas(ignore_metadata=True)
    return frame
