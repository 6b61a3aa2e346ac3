"""The checklist items about data."""

from __future__ import annotations

from typing import Any

from runcard.audit.evidence import Evidence, Finding, failed, first_line, passed, several, unrecorded
from runcard.catalog.datasets import bundled_names
from runcard.data.copies import Copies
from runcard.data.locked import DATASET


def versioned(evidence: Evidence) -> Finding:
    """Judge whether the content of the data is pinned and can be obtained again."""
    data = (evidence.plan or {}).get("data") or {}
    if not data.get("digest"):
        return unrecorded("fingerprint of its data", evidence)
    shown = f"{data['source']}, {data['n_rows']:,} rows, fingerprint {data['digest'][:12]}"
    stored = evidence.data
    if stored is None or stored.place is None:
        why = stored.reason if stored and stored.reason else "its content is not kept anywhere"
        return failed(f"{shown}; {why}", f"runcard lock {data['source'].removeprefix(DATASET)}")
    return passed(f"{shown}; {stored.place}")


def collection(evidence: Evidence) -> Finding:
    """Judge whether it is described how the data were collected."""
    if evidence.card is None:
        return unrecorded("card as it was run", evidence)
    section = evidence.section("data")
    if words := str(section.get("description") or "").strip():
        return passed(f"data.description in card.yaml: {first_line(words)}")
    if section.get("dataset") in bundled_names():
        return passed(f"scikit-learn describes its dataset `{section['dataset']}`")
    return failed(
        "card.yaml has no data.description", f"add `description:` to the card's `data:`, then {evidence.rerun}"
    )


def preprocessing(evidence: Evidence) -> Finding:
    """Judge whether every step from the table to the feature matrix is recorded."""
    if not evidence.plan:
        return unrecorded("plan", evidence)
    own = _own_functions(evidence)
    kept = evidence.part("code").get("modules") or {}
    if own and not kept:
        return failed(
            f"the source of {several(own)} is in no module that was recorded",
            f"write it in a module that [tool.runcard] names, then {evidence.rerun}",
        )
    files = f", their source in {several([f'{name} ({sha[:12]})' for name, sha in kept.items()])}" if own else ""
    if evidence.feature_set not in (None, "default") and own:
        return passed(f"fitted inside each fold and kept in the model's pipeline: {several(own)}{files}")
    columns = evidence.plan.get("columns") or {}
    counts = f"{len(columns.get('numerical') or ())} numerical and {len(columns.get('categorical') or ())} categorical"
    return passed(f"fitted inside each fold and kept in the model's pipeline: {counts} columns{files}")


def split(evidence: Evidence) -> Finding:
    """Judge whether the row numbers of train, test and folds are kept and match the plan."""
    planned: dict[str, Any] = (evidence.plan or {}).get("split") or {}
    if not planned:
        return unrecorded("split", evidence)
    n_test = planned["n_test"]
    tested = f"{n_test:,} test rows" if n_test else "no test rows: scores are those that were chosen by"
    shown = f"{planned['n_train']:,} train, {tested}, {planned['n_folds']} folds"
    if evidence.split is None or evidence.split == "gone":
        return failed(f"{shown}; their row numbers were not kept", evidence.rerun)
    if evidence.split == "changed":
        return failed(f"{shown}; split.parquet is not what the plan's digests say", evidence.rerun)
    counted = (evidence.plan or {}).get("copies")
    copies = f"; {said}" if counted and (said := str(Copies(**counted))) else ""
    return passed(f"{shown}; row numbers in split.parquet, which hash to the plan's digests{copies}")


def _own_functions(evidence: Evidence) -> list[str]:
    """Name the project's own functions that make the table or the matrix."""
    section = evidence.section("data")
    found = [f"dataset `{section['dataset']}`"] if section.get("dataset") else []
    if section.get("dataset") in bundled_names():
        found = []
    name = evidence.feature_set
    if name and name != "default" and not name.startswith("models["):
        found.append(f"feature set `{name}`")
    return found
