"""Versions here and elsewhere."""

from __future__ import annotations

import importlib.metadata
import platform
from collections.abc import Callable, Iterable
from typing import Any

from runcard.engine.dask.versions import differences, unfit


def answers(**changed: Any) -> Callable[..., dict[str, Any]]:
    """Make what asks two workers: `same` is this process, `other` has some answers changed."""

    def ask(addresses: Iterable[str], function: Callable[..., Any], *arguments: Any) -> dict[str, Any]:
        here = function(*arguments)
        there = changed.get(function.__name__, here)
        other = there(here) if callable(there) else there
        return {address: here if address == "same" else other for address in addresses}

    return ask


def test_equal_processes_have_no_differences() -> None:
    assert differences(answers(), ["same", "other"]) == {}


def test_another_python_is_sent_no_code() -> None:
    here = ".".join(platform.python_version_tuple()[:2])
    ask = answers(python_version_tuple=("3", "9", "1"), version="1.0", probe={})
    assert differences(ask, ["same", "other"]) == {"other": [f"Python 3.9, here {here}"]}
    assert differences(ask, ["other"]) == {"other": [f"Python 3.9, here {here}"]}


def test_another_cloudpickle_is_sent_no_code() -> None:
    here = importlib.metadata.version("cloudpickle")
    assert differences(answers(version="1.0", probe={}), ["other"]) == {"other": [f"cloudpickle 1.0, here {here}"]}


def test_missing_and_other_versions_are_named_but_a_card_may_not_need_every_package() -> None:
    def fewer(here: dict[str, str]) -> dict[str, str]:
        kept = {name: version for name, version in here.items() if name not in ("runcard", "lightgbm")}
        return kept | {"joblib": "0.1"}

    found = differences(answers(probe=fewer), ["other", "same"])
    runcard, joblib = importlib.metadata.version("runcard"), importlib.metadata.version("joblib")
    assert found == {"other": [f"runcard is missing, here {runcard}", f"joblib 0.1, here {joblib}"]}


def test_a_worker_that_has_just_gone_is_no_other_version() -> None:
    gone = OSError("connection refused")
    assert differences(answers(python_version_tuple=gone, version=gone, probe=gone), ["other"]) == {}


def test_many_differences_are_shortened_openly() -> None:
    error = unfit({f"tcp://10.0.0.{n}:4000": ["numpy 1.0, here 2.0"] for n in range(20)})
    assert error.what == "20 processes of the Dask cluster cannot be used"
    assert error.where.count("\n") == 8
    assert error.where.endswith("and 12 more")
