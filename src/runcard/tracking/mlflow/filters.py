"""Conditions in MLflow's filter language: parsed by MLflow, applied to its tables here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from runcard import errors


def parse_filter(where: str) -> list[Mapping[str, Any]]:
    """Parse a condition with MLflow: type, key, comparator and value of each comparison in it.

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
    """Make the error for a condition that is not in MLflow's filter language."""
    return errors.UsageError(
        "the condition cannot be read",
        where=f'--where "{where}"',
        why=why.strip().splitlines()[0] if why.strip() else "",
        hint="it is MLflow's filter language: \"metrics.f1 > 0.8 and params.max_depth = '6'\", values of params and\n"
        "tags in quotes; names that hold more than letters, digits and `_` in backticks",
    )


def _check(comparison: Mapping[str, Any]) -> None:
    """Have MLflow refuse comparators that do not fit the type compared."""
    from mlflow.utils.search_utils import SearchUtils

    kind, key, comparator = comparison["type"], comparison["key"], comparison["comparator"].upper()
    judges = (SearchUtils.is_metric, SearchUtils.is_param, SearchUtils.is_tag, SearchUtils.is_dataset)
    for judge in judges:
        judge(kind, comparator)  # type: ignore[no-untyped-call]
    for judge_of_key in (SearchUtils.is_string_attribute, SearchUtils.is_numeric_attribute):
        judge_of_key(kind, SearchUtils.translate_key_alias(key), comparator)  # type: ignore[no-untyped-call]
