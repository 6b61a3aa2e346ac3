"""The database revision that the installed MLflow expects, found without importing it, which takes seconds."""

from __future__ import annotations

import re
from importlib.util import find_spec
from pathlib import Path

_LINE = re.compile(rb"""^(down_)?revision(?::[^=\n]*)?\s*=\s*["'](\w+)["']""", re.MULTILINE)


def revisions() -> dict[str, set[str]]:
    """Map each of MLflow's migrations to its predecessors; empty if they are not where expected."""
    spec = find_spec("mlflow")
    place = Path(spec.origin).parent / "store" / "db_migrations" / "versions" if spec and spec.origin else None
    steps = [_LINE.findall(file.read_bytes()) for file in place.glob("*.py")] if place else []
    return {
        name.decode(): {before.decode() for is_other, before in step if is_other}
        for step in steps
        for is_before, name in step
        if not is_before
    }


def newest_revision() -> str | None:
    """Name the last of MLflow's migrations; None if there is not exactly one."""
    known = revisions()
    last = known.keys() - {before for step in known.values() for before in step}
    return last.pop() if len(last) == 1 else None
