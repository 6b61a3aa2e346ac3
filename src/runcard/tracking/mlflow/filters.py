"""MLflow's filter language: read by MLflow itself, asked of its tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from runcard import errors
from runcard.tracking.mlflow.tables import LATEST, NAME_TAG, PARAMS, RUNS, TAGS

if TYPE_CHECKING:
    import sqlalchemy as sa

_TABLES = {"metric": LATEST, "parameter": PARAMS, "tag": TAGS}
_COLUMNS = {"run_id": "run_uuid"}


def sql_conditions(where: str, dialect: str) -> list[sa.ColumnElement[bool]]:
    """Turn a condition into those on the rows of `RUNS`, joined with its experiments.

    Raises
    ------
    UsageError
        It is not in the language.
    KeyError
        It asks for datasets, which lie in other tables.
    """
    return [_condition(comparison, dialect) for comparison in parse_filter(where)]


def parse_filter(where: str) -> list[Mapping[str, Any]]:
    """Have MLflow read a condition: type, key, comparator and value of each comparison in it.

    Raises
    ------
    UsageError
        It is not in the language.
    """
    from mlflow.exceptions import MlflowException
    from mlflow.utils.search_utils import SearchUtils

    try:
        found = SearchUtils.parse_search_filter(where)  # type: ignore[no-untyped-call]
        for each in found:
            _check(each)
    except MlflowException as error:
        raise filter_fault(where, str(error.message)) from None
    return list(found)


def filter_fault(where: str, why: str) -> errors.UsageError:
    """Build the error for a condition that is not in MLflow's filter language."""
    return errors.UsageError(
        "the condition cannot be read",
        where=f'--where "{where}"',
        why=why.strip().splitlines()[0] if why.strip() else "",
        hint="it is MLflow's filter language: \"metrics.f1 > 0.8 and params.max_depth = '6'\", values of params and\n"
        "tags in quotes; names that hold more than letters, digits and `_` in backticks",
    )


def _check(comparison: Mapping[str, Any]) -> None:
    """Have MLflow refuse comparators that do not suit what is compared."""
    from mlflow.utils.search_utils import SearchUtils

    kind, key, comparator = comparison["type"], comparison["key"], comparison["comparator"].upper()
    judges = (SearchUtils.is_metric, SearchUtils.is_param, SearchUtils.is_tag, SearchUtils.is_dataset)
    for judge in judges:
        judge(kind, comparator)  # type: ignore[no-untyped-call]
    for judge_of_key in (SearchUtils.is_string_attribute, SearchUtils.is_numeric_attribute):
        judge_of_key(kind, SearchUtils.translate_key_alias(key), comparator)  # type: ignore[no-untyped-call]


def _condition(comparison: Mapping[str, Any], dialect: str) -> sa.ColumnElement[bool]:
    from mlflow.utils.search_utils import SearchUtils

    kind, comparator, value = comparison["type"], comparison["comparator"].upper(), comparison["value"]
    key = SearchUtils.translate_key_alias(comparison["key"])  # type: ignore[no-untyped-call]
    holds = SearchUtils.get_sql_comparison_func(comparator, dialect)  # type: ignore[no-untyped-call]
    if kind == "attribute" and key != "run_name":
        return cast("sa.ColumnElement[bool]", holds(RUNS.c[_COLUMNS.get(key, key)], value))
    table, key = (TAGS, NAME_TAG) if kind == "attribute" else (_TABLES[kind], key)
    if comparator == "IS NULL":
        return ~_logged(table, key)
    if comparator == "IS NOT NULL":
        return _logged(table, key)
    if table is not LATEST:
        return _logged(table, key, holds(table.c.value, value))
    # What is not a number is kept as 0, marked; only "!=" is true of it.
    is_nan, said = table.c.is_nan, holds(table.c.value, float(value))
    return _logged(table, key, said | is_nan if comparator == "!=" else said & ~is_nan)


def _logged(table: sa.TableClause, key: str, *conditions: sa.ColumnElement[bool]) -> sa.ColumnElement[bool]:
    import sqlalchemy as sa

    return sa.exists().where(table.c.run_uuid == RUNS.c.run_uuid, table.c.key == key, *conditions).correlate(RUNS)
