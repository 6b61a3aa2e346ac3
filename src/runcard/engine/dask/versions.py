"""Whether workers elsewhere run the same Python and the same packages as this process."""

from __future__ import annotations

import importlib.metadata
import platform
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from runcard import errors
from runcard.provenance.capture.environment import BOOSTING, CORE
from runcard.redact import redact

AskWorkers = Callable[..., Mapping[str, Any]]
"""Calls a function on several workers, given addresses, function, arguments; address -> result or exception."""

_OPTIONAL = frozenset(name for names in BOOSTING.values() for name in names)
"""Needed by some cards only; a trial that lacks one says so."""
_TOOLS = ("runcard", "joblib", "distributed")


def differences(ask: AskWorkers, addresses: Iterable[str]) -> dict[str, list[str]]:
    """Compare workers with this process; address -> what differs there, for workers where anything does.

    Python and cloudpickle come first: code can be sent only to where they are the same.
    """
    steps: tuple[tuple[Callable[..., Any], tuple[Any, ...], Callable[[Any], dict[str, str]]], ...] = (
        (platform.python_version_tuple, (), lambda parts: {"Python": ".".join(parts[:2])}),
        (importlib.metadata.version, ("cloudpickle",), lambda version: {"cloudpickle": version}),
        (_make_probe(), ((*CORE, *_OPTIONAL, *_TOOLS),), dict),
    )
    left, found = list(addresses), dict[str, list[str]]()
    for function, asked, read in steps:
        here = read(function(*asked))
        for address, answer in (ask(left, function, *asked) if left else {}).items():
            if not isinstance(answer, OSError):  # it is gone already
                found[address] = _compare(here, {} if isinstance(answer, Exception) else read(answer))
        left = [address for address in left if not found.get(address)]
    return {address: faults for address, faults in found.items() if faults}


def unfit(found: Mapping[str, Iterable[str]]) -> errors.WorkerUnfit:
    """Make the error that names every difference and where it is."""
    lines = [f"{address}: {fault}" for address, faults in found.items() for fault in faults]
    rest = f"\nand {len(lines) - 8} more" if len(lines) > 8 else ""
    return errors.WorkerUnfit(
        f"{len(found)} process{'es' if len(found) > 1 else ''} of the Dask cluster cannot be used",
        where=redact("\n".join(lines[:8]) + rest),
        why="the same card must give the same numbers on every worker, and versions are part of what a trial is",
        hint="install there what is installed here (`pip freeze`), and start it again",
    )


def _make_probe() -> Callable[[Iterable[str]], dict[str, str]]:
    # A function within a function is pickled by value: runcard may be what is missing there.
    def probe(names: Iterable[str]) -> dict[str, str]:
        import importlib.metadata

        known = {}
        for name in names:
            try:
                known[name] = importlib.metadata.version(name)
            except importlib.metadata.PackageNotFoundError:
                continue
        return known

    return probe


def _compare(here: Mapping[str, str], there: Mapping[str, str]) -> list[str]:
    return [
        f"{name} {there.get(name, 'is missing')}, here {version}"
        for name, version in here.items()
        if there.get(name) != version and (name in there or name not in _OPTIONAL)
    ]
