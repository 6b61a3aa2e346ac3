"""The audit type and the function that judges every item by the evidence."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from runcard.audit import code, data, environment, training
from runcard.audit.evidence import Evidence, Finding, failed

Group = Literal["code", "environment", "data", "training"]

_CHECKS: Mapping[Group, Mapping[str, Callable[[Evidence], Finding]]] = {
    "code": {
        "commit pinned": code.commit,
        "uncommitted changes kept": code.changes,
        "notebooks stripped of output": code.notebooks,
        "manual steps written down": code.manual_steps,
    },
    "environment": {
        "dependencies locked": environment.dependencies,
        "Python version": environment.python,
        "GPU and driver": environment.gpu,
        "container image": environment.container,
    },
    "data": {
        "versioned": data.versioned,
        "collection described": data.collection,
        "preprocessing tracked": data.preprocessing,
        "split indices kept": data.split,
    },
    "training": {
        "seeds": training.seeds,
        "all hyperparameters": training.hyperparameters,
        "model kept": training.kept_model,
        "record as it was written": training.record,
        "non-determinism known": training.determinism,
    },
}
DAMAGED = (AttributeError, LookupError, TypeError, ValueError)
"""What reading a record raises whose parts are not of the shape that runcard gives them."""
N_ITEMS = sum(map(len, _CHECKS.values()))
"""How many items an audit has."""


@dataclass(frozen=True, slots=True)
class Item:
    """One line of the checklist."""

    group: Group
    name: str
    finding: Finding


@dataclass(frozen=True, slots=True)
class Audit:
    """The checklist of one run."""

    run_id: str
    name: str
    experiment: str
    card_run_id: str | None
    items: tuple[Item, ...]

    def count(self, verdict: str) -> int:
        """Count the items with a verdict."""
        return sum(item.finding.verdict == verdict for item in self.items)

    @property
    def n_held(self) -> int:
        """How many items passed or do not apply."""
        return len(self.items) - self.count("failed")

    def as_dict(self) -> dict[str, Any]:
        """Describe the audit as JSON."""
        return {
            "run_id": self.run_id,
            "run": self.name,
            "experiment": self.experiment,
            "card_run_id": self.card_run_id,
            "passed": self.count("passed"),
            "failed": self.count("failed"),
            "not_applicable": self.count("not applicable"),
            "items": [{"group": item.group, "item": item.name, **asdict(item.finding)} for item in self.items],
        }


def make_audit(evidence: Evidence) -> Audit:
    """Judge every item by the evidence."""
    items = tuple(
        Item(group, name, _judged(check, evidence)) for group, of in _CHECKS.items() for name, check in of.items()
    )
    return Audit(evidence.run_id, evidence.name, evidence.experiment, evidence.card_run_id, items)


def _judged(check: Callable[[Evidence], Finding], evidence: Evidence) -> Finding:
    try:
        return check(evidence)
    except DAMAGED:
        return failed("what was recorded of it cannot be read", evidence.rerun)
