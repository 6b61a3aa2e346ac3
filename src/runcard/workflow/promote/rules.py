"""The rules of a registered model: its name, and the gates of a promotion.

Why: docs/adr/0013-gates-of-the-present-card.md
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runcard import errors
from runcard.bounds import open_file
from runcard.card.gates import read_gates
from runcard.card.sections import Gates
from runcard.catalog.registered import load_catalog
from runcard.project import CARD_FOLDER, Project
from runcard.yaml import MAX_BYTES, parse


@dataclass(frozen=True, slots=True)
class Rules:
    """The `registry` section of a card, with gates filled in from the project's settings."""

    model: str | None
    gates: Gates
    where: str
    """Which card says so."""


def read_rules(project: Project, experiment: str, kept: str | None) -> Rules:
    """Read the rules for an experiment's models: per key the card's, `[tool.runcard.gates]`, or the default.

    The card is the project's own, since rules may be mended after a run; for whoever does not have it, it is the one
    that was kept with the run.

    Raises
    ------
    CardErrors, CardError
        A gate is not what it must be.
    """
    own = _cards_of(project, experiment)
    if len(own) == 1:
        where, card = own[0]
    else:
        where, card = ("the project", {}) if kept is None else ("the card kept with the run", _mapping(kept))
    section = card.get("registry")
    section = section if isinstance(section, dict) else {}
    given = section.get("gates")
    gates = {**project.settings.gates, **(given if isinstance(given, dict) else {})}
    place = f"{where}, registry.gates and [tool.runcard.gates]"
    return Rules(section.get("model"), read_gates(gates, where=place, catalog=lambda: load_catalog(project)), where)


def _cards_of(project: Project, experiment: str) -> list[tuple[str, Mapping[str, Any]]]:
    found = []
    for path in sorted((project.root / CARD_FOLDER).glob("*.y*ml")):
        card = _read(path)
        words = card.get("experiment")
        name = words.get("name") if isinstance(words, dict) else None
        if "models" in card and (name or path.stem) == experiment:
            found.append((project.shown(path), card))
    return found


def _read(path: Path) -> Mapping[str, Any]:
    """Read a card that may be invalid, in which case it is not the one asked for."""
    try:
        with open_file(path) as file:
            return _mapping(file.read(MAX_BYTES + 1))
    except (OSError, errors.RuncardError):
        return {}


def _mapping(text: str | bytes) -> Mapping[str, Any]:
    found = parse(text if isinstance(text, bytes) else text.encode(), "card.yaml").value
    return found if isinstance(found, dict) else {}
