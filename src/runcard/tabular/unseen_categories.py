"""Categories that a model meets for the first time at prediction."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING, Any

from runcard.data.signature import InputKind, RowBatch

if TYPE_CHECKING:
    import pyarrow as pa

MISSING = "(missing)"
_KEPT = 8


@dataclass(slots=True)
class Unseen:
    """How many rows had a category of one column that was not in training, with the first few categories."""

    column: str
    n_rows: int = 0
    values: list[str] = field(default_factory=list)
    more: bool = False
    """Whether there were others than `values`."""


class UnseenCounter:
    """Counts, batch by batch, the categories that a pipeline's encoders do not know.

    It covers encoders of scikit-learn that receive columns of the table unchanged; columns that a feature set computes
    are not examined.
    """

    def __init__(self, pipeline: Any, kinds: Mapping[str, InputKind]) -> None:
        self._known: dict[str, tuple[pa.Array, bool]] = {}
        self._found: dict[str, Unseen] = {}
        self._encoded = _encoded_only(pipeline, list(kinds))
        for name, categories in _categories(pipeline, list(kinds)):
            if name not in self._known and (known := _as_known(categories, kinds[name])) is not None:
                self._known[name] = known

    @property
    def stand_ins(self) -> dict[str, str]:
        """A number that is no category, for each numeric or boolean column used only as categories."""
        import pyarrow as pa

        return {
            name: _free_number(known)
            for name, (known, _) in self._known.items()
            if name in self._encoded and not pa.types.is_large_string(known.type)
        }

    def add(self, rows: RowBatch) -> None:
        """Count the unseen categories in some rows."""
        import pyarrow.compute as pc

        for name, (known, is_missing_known) in self._known.items():
            column = rows.columns[name]
            if name in rows.foreign:
                foreign = rows.foreign[name]
                self._note(name, len(foreign) - foreign.null_count, foreign.drop_null().unique().to_pylist())
                column = column.filter(pc.is_null(foreign))
            cast = column if column.type == known.type else column.cast(known.type)
            new = pc.and_(pc.is_valid(cast), pc.invert(pc.is_in(cast, value_set=known)))
            if n_new := pc.sum(new).as_py():
                self._note(name, n_new, column.filter(new).unique().to_pylist())
            if column.null_count and not is_missing_known:
                self._note(name, column.null_count, [MISSING])

    def found(self) -> tuple[Unseen, ...]:
        """Return the counts, in the order of the encoders' columns."""
        return tuple(self._found[name] for name in self._known if name in self._found)

    def _note(self, name: str, n_rows: int, values: Sequence[object]) -> None:
        unseen = self._found.setdefault(name, Unseen(name))
        unseen.n_rows += n_rows
        new = [text for text in dict.fromkeys(map(_text, values)) if text not in unseen.values]
        unseen.values += new[: max(0, _KEPT - len(unseen.values))]
        unseen.more |= any(text not in unseen.values for text in new)


def _free_number(known: pa.Array) -> str:
    """Give a number that is no category, the first below 0."""
    taken = set(known.to_pylist())
    return str(next(number for number in count(-1, -1) if number not in taken))


def _encoded_only(pipeline: Any, names: Sequence[str]) -> frozenset[str]:
    """Name the columns used only by encoders that accept unknown categories."""
    from sklearn.compose import ColumnTransformer
    from sklearn.pipeline import Pipeline

    step = pipeline.steps[0][1] if isinstance(pipeline, Pipeline) else pipeline
    parts = [("", step, list(names))]
    if isinstance(step, ColumnTransformer):
        parts = [part for part in step.transformers_ if not isinstance(part[1], str) or part[1] != "drop"]
    encoded = {name for _, part, columns in parts if _takes_new(part) for name in _named(columns, names)}
    others = {name for _, part, columns in parts if not _takes_new(part) for name in _named(columns, names)}
    return frozenset(encoded - others)


def _takes_new(step: Any) -> bool:
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, TargetEncoder

    if isinstance(step, Pipeline):
        step = step.steps[0][1]
    if isinstance(step, OneHotEncoder | OrdinalEncoder):
        return bool(step.handle_unknown != "error")
    return isinstance(step, TargetEncoder)


def _categories(step: Any, names: Sequence[str]) -> Iterator[tuple[str, Any]]:
    """Iterate over the columns that an encoder receives unchanged, each with its known categories."""
    from sklearn.compose import ColumnTransformer
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, TargetEncoder

    if isinstance(step, Pipeline):
        yield from _categories(step.steps[0][1], names)
    elif isinstance(step, ColumnTransformer):
        for _, part, columns in step.transformers_:
            yield from _categories(part, _named(columns, names))
    elif isinstance(step, OneHotEncoder | OrdinalEncoder | TargetEncoder):
        yield from zip(names, step.categories_, strict=False)


def _named(columns: Any, names: Sequence[str]) -> list[str]:
    """Resolve a column selection of a ColumnTransformer: names, numbers, a slice, a mask."""
    import numpy as np

    if isinstance(columns, str):
        return [columns]
    try:
        chosen = np.asarray(names, dtype=object)[columns if isinstance(columns, slice) else np.asarray(columns)]
    except (IndexError, TypeError):  # names
        return [str(name) for name in columns] if not isinstance(columns, slice) else []
    return list(np.atleast_1d(chosen))


def _as_known(categories: Any, kind: InputKind) -> tuple[pa.Array, bool] | None:
    """Give the categories as Arrow values of the column's type, and whether missing is one of them."""
    import pandas as pd
    import pyarrow as pa

    types = {"text": pa.large_string(), "bool": pa.bool_(), "whole": pa.float64(), "number": pa.float64()}
    if kind not in types:
        return None
    present = [value for value in categories if not pd.isna(value)]
    try:
        return pa.array(present, types[kind]), len(present) < len(categories)
    except pa.ArrowException:  # categories of another kind: it is not this column that the encoder was given
        return None


def _text(value: object) -> str:
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
