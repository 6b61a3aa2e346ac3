"""The roles of columns (target, feature, id, group, time), and whether each column can fill its role."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from runcard import errors
from runcard.data.looks import form_of, reading_of

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

ColumnKind = Literal["number", "bool", "text", "date", "other"]
TargetTask = Literal["classification", "regression"]

_EXACT = 2**53  # from here on float64 does not tell neighbouring integers apart
_FEW_CLASSES = 20
_SHOWN = 3
_KIND_NAMES = {"number": "numbers", "bool": "true/false", "text": "text", "date": "dates"}


@dataclass(frozen=True, slots=True)
class Columns:
    """The role of every column that is used."""

    target: str
    numerical: tuple[str, ...]
    categorical: tuple[str, ...]
    id: str | None
    group: str | None
    time: str | None


def resolve_columns(
    frame: pd.DataFrame,
    *,
    target: str,
    numerical: Sequence[str] | None,
    categorical: Sequence[str] | None,
    id: str | None = None,
    group: str | None = None,
    time: str | None = None,
    exclude: Sequence[str] = (),
    where: str = "",
) -> Columns:
    """Give every column its role and check that it can fill it.

    With neither `numerical` nor `categorical`, numbers are numerical and text and true/false categorical;
    dates, columns without a name (an index that was saved along) and columns without any value are left out.

    Raises
    ------
    CardErrors
        All that is wrong, or the error itself if there is one only: ColumnUnknown, ColumnMisused,
        ColumnNotNumeric, ColumnUnsupported, ValuesInfinite, IdDuplicate.
    """
    roles = {"target": target, "id": id, "group": group, "time": time}
    taken = {column: role for role, column in reversed(roles.items()) if column is not None}
    if numerical is None and categorical is None:
        numerical, categorical = _by_type(frame, {*taken, *exclude})
        if not numerical and not categorical:
            raise _no_features(where)
    columns = Columns(target, tuple(numerical or ()), tuple(categorical or ()), id, group, time)
    named = [*(name for name in roles.values() if name is not None), *columns.numerical, *columns.categorical]
    found: list[errors.RuncardError] = [
        *_unknown(frame, [*named, *exclude], where),
        *_misused(columns, roles, taken, where),
        *_unusable(frame, columns, taken, where),
    ]
    errors.raise_all(found)
    return columns


def check_target(values: pd.Series, task: TargetTask, *, because: str = "", where: str = "") -> None:
    """Check that a target suits the task.

    Parameters
    ----------
    because
        What decided the task.

    Raises
    ------
    TargetInvalid
        Missing values, text in a regression, fractions in a classification, dates.
    ValuesInfinite, TargetConstant
    """
    name = str(values.name)
    where = _at(where, name)
    missing = values.isna().to_numpy()
    if missing.any():
        raise errors.TargetInvalid(
            f"the target `{name}` is missing in {_of_rows(missing)}",
            where=where,
            why=f"nothing can be learnt from or measured on {_rows(missing)}",
            hint="take these rows out of the data",
        )
    if column_kind(values) == "number" and (infinite := _infinite(values)).any():
        raise _values_infinite(name, infinite, where)
    if problem := _target_problem(values, task):
        raise errors.TargetInvalid(
            f"the target `{name}` does not fit a {task}",
            where=where,
            why=f"{problem}; the task is {task}, as {because}" if because else problem,
            hint=_other_way(values, task),
        )
    if values.nunique() < 2:
        raise errors.TargetConstant(
            f"the target `{name}` is `{values.iloc[0]}` in every row",
            where=where,
            why="there is nothing to tell apart",
            hint="check `features.target`, and that the data was not filtered by it",
        )


def task_of(frame: pd.DataFrame, target: str) -> TargetTask:
    """Infer the task from the target: text, booleans or at most 20 whole numbers are classes."""
    values = frame[target].dropna()
    if column_kind(values) != "number":
        return "classification"
    is_whole = bool((values % 1 == 0).all())
    return "classification" if is_whole and values.nunique() <= _FEW_CLASSES else "regression"


def describe_target(values: pd.Series) -> str:
    """Describe what in the target's values determines the task, where nothing else does."""
    if column_kind(values) != "number":
        return "its values are no numbers"
    present = values.dropna()
    if not bool((present % 1 == 0).all()):
        return "its values have fractions"
    n_different = present.nunique()
    return f"its values are {n_different:,} different whole numbers, {_border(n_different)} {_FEW_CLASSES}"


def column_kind(values: pd.Series) -> ColumnKind:
    """Tell what a column holds."""
    from pandas.api import types

    dtype = values.dtype
    if types.is_bool_dtype(dtype):
        return "bool"
    if types.is_numeric_dtype(dtype):
        return "number" if not types.is_complex_dtype(dtype) else "other"
    if types.is_datetime64_any_dtype(dtype):
        return "date"
    if isinstance(dtype, types.CategoricalDtype):
        return "text"
    inferred: str = types.infer_dtype(values, skipna=True)
    known: Mapping[str, ColumnKind] = {"string": "text", "boolean": "bool", "empty": "text"}
    return known.get(inferred, "other")


def _by_type(frame: pd.DataFrame, left_out: set[str]) -> tuple[list[str], list[str]]:
    numerical, categorical = [], []
    for name in frame.columns:
        if name in left_out or name == "" or not frame[name].notna().any():
            continue
        kind = column_kind(frame[name])
        if kind == "number":
            numerical.append(name)
        elif kind in ("bool", "text"):
            categorical.append(name)
    return numerical, categorical


def _no_features(where: str) -> errors.ColumnUnsupported:
    return errors.ColumnUnsupported(
        "no column is left that can be a feature",
        where=where,
        why="features are numbers, text or true/false; dates, the target, id, group and time are left out",
        hint="name columns in `features.numerical` and `features.categorical`",
    )


def _unknown(frame: pd.DataFrame, names: Iterable[str], where: str) -> Iterator[errors.RuncardError]:
    for name in dict.fromkeys(names):
        if name not in frame.columns:
            close = errors.nearest(name, frame.columns)
            yield errors.ColumnUnknown(
                f"unknown column `{name}`",
                where=where,
                why=f"the table has {errors.listing(list(frame.columns))}",
                hint=f"did you mean `{close}`?" if close else "use one of the table's columns",
            )


def _misused(
    columns: Columns, roles: dict[str, str | None], taken: dict[str, str], where: str
) -> Iterator[errors.ColumnMisused]:
    for role, name in roles.items():
        if name is not None and taken[name] != role:
            yield _two_roles(name, f"as {taken[name]} and as {role}", "give each role a column of its own", where)
    features = [*columns.numerical, *columns.categorical]
    for name in dict.fromkeys(features):
        if name in taken:
            yield _two_roles(name, f"as {taken[name]} and as a feature", f"take `{name}` out of `features`", where)
        if name in columns.numerical and name in columns.categorical:
            yield _two_roles(name, "as numerical and as categorical", "list it once", where)
        elif features.count(name) > 1:
            yield _two_roles(name, f"{features.count(name)} times as a feature", "list it once", where)


def _two_roles(name: str, uses: str, hint: str, where: str) -> errors.ColumnMisused:
    return errors.ColumnMisused(
        f"column `{name}` is used {uses}",
        where=_at(where, name),
        why="a model would see what it must not, or the same twice",
        hint=hint,
    )


def _unusable(
    frame: pd.DataFrame, columns: Columns, taken: dict[str, str], where: str
) -> Iterator[errors.RuncardError]:
    # What a column holds matters once its role is clear: one mistake, one error.
    clear = {name for name in frame.columns if name not in taken}
    for name in dict.fromkeys(columns.numerical):
        if name in clear and name not in columns.categorical:
            yield from _not_numerical(frame[name], _at(where, name))
    for name in dict.fromkeys(columns.categorical):
        if name in clear and name not in columns.numerical:
            yield from _not_categorical(frame[name], "categorical", _at(where, name))
    for role, key in (("id", columns.id), ("group", columns.group)):
        if key in frame.columns and column_kind(frame[key]) != "date":
            yield from _not_categorical(frame[key], role, _at(where, key))
    if columns.id in frame.columns and columns.id != columns.target:
        yield from _id_duplicate(frame[columns.id], _at(where, columns.id))
    if columns.time in frame.columns and column_kind(frame[columns.time]) not in ("date", "number"):
        hint = "write dates as in 2024-01-31 or 2024-01-31 18:30:00; they are then read as dates"
        yield _unsupported(frame[columns.time], "time", hint, _at(where, columns.time))


def _not_numerical(values: pd.Series, where: str) -> Iterator[errors.RuncardError]:
    kind = column_kind(values)
    if kind == "text" and values.notna().any():
        yield _not_numeric(values, where)
    elif kind in ("date", "other"):
        yield _unsupported(values, "numerical", "make numbers of it in a registered feature set", where)
    elif not values.notna().any():
        yield _without_values(values, where)
    elif kind == "number" and (infinite := _infinite(values)).any():
        yield _values_infinite(str(values.name), infinite, where)


def _not_categorical(values: pd.Series, role: str, where: str) -> Iterator[errors.RuncardError]:
    kind = column_kind(values)
    if kind in ("date", "other"):
        yield _unsupported(values, role, "make text or numbers of it in a registered feature set", where)
    elif not values.notna().any():
        yield _without_values(values, where)
    elif kind == "number" and values.dtype.kind == "f" and bool((values.abs() > _EXACT).any()):
        yield errors.ColumnUnsupported(
            f"column `{values.name}` cannot be used as {role}: it holds whole numbers beyond 2^53",
            where=where,
            why="with missing values, or beyond 2^63, they are kept as float64, which makes neighbours equal",
            hint="store them as text, for example with a letter in front: `c9007199254740993`",
        )


def _not_numeric(values: pd.Series, where: str) -> errors.ColumnNotNumeric:
    import pandas as pd

    is_text = (values.notna() & pd.to_numeric(values, errors="coerce").isna()).to_numpy()
    name = values.name
    if not is_text.any():
        return errors.ColumnNotNumeric(
            f"column `{name}` is numerical and its numbers are stored as text",
            where=where,
            why="the file says that the column is text, and runcard does not guess",
            hint="store it as numbers, or list it under `categorical`",
        )
    words = list(values[is_text].astype(str).unique())
    if form := form_of(words):
        return errors.ColumnNotNumeric(
            f"column `{name}` is numerical and holds {form} in {_of_rows(is_text)}",
            where=where,
            why=f"{_rows(is_text)}: {errors.listing(words, _SHOWN)}; they are text, and runcard does not guess",
            hint=f"return the table from a registered dataset that reads them: `{reading_of(form, str(name))}`",
        )
    few = len(words) <= _SHOWN and is_text.mean() < 0.5
    na_values = f"write `na_values: {json.dumps(words, ensure_ascii=False)}` under `data:` if that means missing"
    return errors.ColumnNotNumeric(
        f"column `{name}` is numerical and holds text in {_of_rows(is_text)}",
        where=where,
        why=f"{_rows(is_text)}: {errors.listing(words, _SHOWN)}",
        hint=f"{na_values}, or list `{name}` under `categorical`" if few else f"list `{name}` under `categorical`",
    )


def _unsupported(values: pd.Series, role: str, hint: str, where: str) -> errors.ColumnUnsupported:
    return errors.ColumnUnsupported(
        f"column `{values.name}` cannot be used as {role}: it holds {_held(values)}",
        where=where,
        why="models take numbers, text and true/false" if role != "time" else "text does not sort by time",
        hint=hint,
    )


def _without_values(values: pd.Series, where: str) -> errors.ColumnUnsupported:
    return errors.ColumnUnsupported(
        f"column `{values.name}` has no value in any row",
        where=where,
        why="there is nothing to learn from it, nor to fill gaps with",
        hint=f"take `{values.name}` out of the card",
    )


def _values_infinite(name: str, infinite: np.ndarray, where: str) -> errors.ValuesInfinite:
    return errors.ValuesInfinite(
        f"column `{name}` is infinite in {_of_rows(infinite)}",
        where=where,
        why=f"most models cannot compute with infinity: {_rows(infinite)}",
        hint='write `na_values: ["inf", "-inf"]` under `data:` if that means missing, or mend the data',
    )


def _id_duplicate(values: pd.Series, where: str) -> Iterator[errors.IdDuplicate]:
    is_repeated = values.duplicated().to_numpy()
    if not is_repeated.any():
        return
    repeated = values[is_repeated].drop_duplicates().astype(object)
    words = repeated.where(repeated.notna(), "(missing)").tolist()
    everywhere = values.isin(values[is_repeated]).to_numpy()
    yield errors.IdDuplicate(
        f"the id column `{values.name}` has {errors.listing(words, _SHOWN)} more than once",
        where=where,
        why=f"one case in training and in test makes scores too good: {_rows(everywhere)}",
        hint=f"remove the copies, or write `group: {values.name}` for `id:` if a case has several rows",
    )


def _target_problem(values: pd.Series, task: TargetTask) -> str:
    kind = column_kind(values)
    if kind in ("date", "other"):
        return f"it holds {_held(values)}"
    if task == "regression" and kind in ("text", "bool"):
        return f"it holds {_held(values)}, such as `{values.iloc[0]}`"
    if task == "classification" and kind == "number" and not bool((values % 1 == 0).all()):
        fraction = values[values % 1 != 0].iloc[0]
        return f"it holds {values.nunique():,} different numbers, such as `{fraction}`"
    return ""


def _border(n_different: int) -> str:
    return "up to" if n_different <= _FEW_CLASSES else "more than"


def _other_way(values: pd.Series, task: TargetTask) -> str:
    if column_kind(values) in ("date", "other"):
        return "name another `features.target`, or make numbers or text of it"
    if task == "regression":
        return "name a column of numbers, or use metrics and models that classify, or `task: classification`"
    return "use metrics and models for regression, or `task: regression`; or write the classes as text"


def _held(values: pd.Series) -> str:
    return _KIND_NAMES.get(column_kind(values), f"values of type {values.dtype}")


def _infinite(values: pd.Series) -> np.ndarray:
    import numpy as np

    infinite: np.ndarray = np.isinf(values.to_numpy(dtype=np.float64))
    return infinite


def _of_rows(mask: np.ndarray) -> str:
    return f"{int(mask.sum()):,} of {len(mask):,} rows"


def _rows(mask: np.ndarray) -> str:
    """Name the first rows, counted from 1 for the first row below the header."""
    rows = mask.nonzero()[0]
    shown = ", ".join(str(row + 1) for row in rows[:_SHOWN])
    more = f" and {len(rows) - _SHOWN:,} more" if len(rows) > _SHOWN else ""
    return f"row{'s' if len(rows) > 1 else ''} {shown}{more}"


def _at(where: str, name: str | None) -> str:
    return f'{where}, column "{name}"' if where else f'column "{name}"'
