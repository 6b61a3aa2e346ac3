"""Checks of a promotion's gates beyond the types of their values, for a card or for the project's settings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from runcard import errors
from runcard.card.faults import Faults
from runcard.card.kinds import Part
from runcard.card.sections import Gates
from runcard.catalog.metrics import METRIC_NAMES, find_metric
from runcard.catalog.registered import Catalog
from runcard.yaml import Document
from runcard.yaml import Path as KeyPath

MEASURES = ("predict_ms_p95", "model_mb", "fit_seconds")
"""What a constraint can be on; metrics have floors."""


def read_gates(given: Mapping[str, Any], *, where: str, catalog: Callable[[], Catalog]) -> Gates:
    """Read gates from a mapping that holds nothing else.

    Raises
    ------
    CardErrors, CardError
        What is wrong with them, `where` being where they stand.
    """
    faults = Faults(Document(where, dict(given)))
    gates: Gates = Part(Gates).read(dict(given), (), faults)
    faults.raise_any()
    check_gates(gates, (), faults, catalog)
    faults.raise_any()
    return gates


def check_gates(gates: Gates, path: KeyPath, faults: Faults, catalog: Callable[[], Catalog]) -> None:
    """Check the names in gates; the project's modules are imported only if a name needs them."""
    named = [((*path, "floors", name), name) for name in gates.floors]
    if gates.metric is not None:
        named.append(((*path, "metric"), gates.metric))
    for here, name in named:
        if name not in METRIC_NAMES:
            try:
                find_metric(name, catalog())
            except errors.MetricUnknown as error:
                faults.place(error, here, key=here[-1] == name)
    for name in gates.constraints:
        if name not in MEASURES:
            near = errors.nearest(name, MEASURES)
            is_metric = name in METRIC_NAMES
            faults.add(
                errors.KeyUnknown,
                (*path, "constraints", name),
                f"a gate cannot constrain `{name}`",
                key=True,
                why=f"constraints are on {errors.listing(MEASURES)}",
                hint="put it under `floors`" if is_metric else f"use `{near}`" if near else "remove it",
            )
