"""The execution: one run of a card by the command, from its start to its end."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from runcard.plan import Plan

ExecutionStatus = Literal["running", "done", "interrupted", "failed"]


@dataclass(frozen=True, slots=True)
class Execution:
    """One carrying out of a card; resuming an interrupted one continues it."""

    execution_id: str
    experiment: str
    plan_hash: str
    protocol: str
    started: float
    """Seconds since 1970, UTC."""
    card: str
    """The card's text."""
    plan: Mapping[str, Any]
    description: str = ""
    hypothesis: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    provenance: Mapping[str, Any] = field(default_factory=dict)
    status: ExecutionStatus = "running"
    ended: float | None = None
    summary: Mapping[str, Any] = field(default_factory=dict)
    """Filled at the end: counts, the ranking, the best."""

    @property
    def name(self) -> str:
        """The name of its MLflow run: `{date}-{experiment}-{key}`."""
        day = datetime.fromtimestamp(self.started, UTC).strftime("%Y%m%d-%H%M%S")
        return f"{day}-{self.experiment}-{self.plan_hash[:8]}"


def begin_execution(plan: Plan, *, started: float, provenance: Mapping[str, Any]) -> Execution:
    """Make the execution of a plan that begins at `started`."""
    words = plan.card.experiment
    return Execution(
        execution_id=uuid.uuid4().hex,
        experiment=plan.card.name,
        plan_hash=plan.hash,
        protocol=plan.protocol,
        started=started,
        card=plan.card.text,
        plan=plan.as_dict(),
        description=words.description,
        hypothesis=words.hypothesis,
        tags={name: str(value) for name, value in words.tags.items()},
        provenance=provenance,
    )


def execution_json(execution: Execution) -> str:
    """Write an execution as JSON."""
    return json.dumps(asdict(execution), default=str)


def read_execution(text: str) -> Execution:
    """Read an execution from JSON."""
    return Execution(**json.loads(text))
