"""The JSON Schema of cards, from which editors complete keys, models and hyperparameters."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from runcard.card.kinds import Kind, ListOf, Part, keys_of
from runcard.card.sections import Card
from runcard.catalog.datasets import bundled_names
from runcard.catalog.metrics import METRIC_NAMES
from runcard.catalog.models import ModelSpec, find_model, model_names, parameters_of
from runcard.catalog.registered import Catalog
from runcard.keyed import is_keyed_by_label
from runcard.search.space import DISTRIBUTIONS

_EDITOR_LINE = re.compile(r"#\s*yaml-language-server:\s*\$schema=(\S+)")
_DEFAULT_FILE = "runcard.schema.json"
_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def plain_schema() -> dict[str, Any]:
    """Make the schema of keys and types alone, without lists of known names."""
    return {**_section(Card), "$defs": {part.__name__: _section(part) for part in _parts(Card)}}


def card_schema() -> dict[str, Any]:
    """Make the schema; known names are offered, and names that projects register are allowed."""
    schema = plain_schema()
    parts = schema["$defs"]
    _offer(parts["Data"]["properties"]["dataset"], bundled_names())
    _offer(parts["Evaluation"]["properties"]["metrics"]["items"], METRIC_NAMES)
    _offer(parts["Evaluation"]["properties"]["primary"], METRIC_NAMES)
    _offer(parts["Model"]["properties"]["name"], model_names(Catalog()))
    parts["Model"]["properties"]["params"]["additionalProperties"] = {"$ref": "#/$defs/Hyperparameter"}
    parts["Model"]["allOf"] = [_hyperparameters(spec) for spec in _specs()]
    parts["Hyperparameter"], parts["Weights"] = _hyperparameter(), _weights()
    return {"$schema": _DIALECT, **schema}


def schema_path(card: Path) -> Path | None:
    """Find the file that a card's schema comment points to, by default one beside the card; None for a URL."""
    found = _EDITOR_LINE.search(card.read_text(encoding="utf-8", errors="replace"))
    place = found[1] if found else _DEFAULT_FILE
    return None if re.match(r"\w+://", place) else card.parent / place


def _section(section: type[Any]) -> dict[str, Any]:
    keys = keys_of(section)
    required = [name for name, key in keys.items() if key.is_required]
    return {
        "title": section.__name__,
        "description": section.__doc__,
        "type": "object",
        "properties": {
            name: {**key.kind.schema(), "description": key.description, **_default(key.default)}
            for name, key in keys.items()
        },
        **({"required": required} if required else {}),
        "additionalProperties": False,
    }


def _default(value: Any) -> dict[str, Any]:
    is_plain = isinstance(value, str | int | float) and value != ""
    return {"default": value} if is_plain else {}


def _parts(section: type[Any]) -> Iterable[type[Any]]:
    for key in keys_of(section).values():
        part = _part_of(key.kind)
        if part is not None:
            yield part
            yield from _parts(part)


def _part_of(kind: Kind) -> type[Any] | None:
    if isinstance(kind, ListOf):
        return _part_of(kind.item)
    return kind.section if isinstance(kind, Part) else None


def _offer(value: dict[str, Any], names: Iterable[str]) -> None:
    """Make a schema that suggests these names and accepts any other."""
    plain = {key: value.pop(key) for key in ("type", "minLength", "maxLength") if key in value}
    value["anyOf"] = [{"enum": list(names)}, plain]


def _specs() -> list[ModelSpec]:
    found = (find_model(name, Catalog()) for name in model_names(Catalog()))
    return [spec for spec in found if spec is not None]


def _hyperparameters(spec: ModelSpec) -> Mapping[str, Any]:
    known = sorted({name for task in spec.tasks for name in parameters_of(spec, task) or ()})
    parameters = {name: {"$ref": f"#/$defs/{_kind_of(name)}"} for name in known}
    return {
        "if": {"properties": {"name": {"const": spec.name}}, "required": ["name"]},
        "then": {"properties": {"params": {"properties": parameters, "additionalProperties": False}}},
    }


def _kind_of(name: str) -> str:
    return "Weights" if is_keyed_by_label(name) else "Hyperparameter"


def _weights() -> dict[str, Any]:
    weights = {"type": "object", "additionalProperties": {"type": "number"}, "minProperties": 1}
    return {
        "description": "As any hyperparameter, or a mapping from the target's labels to their weights.",
        "anyOf": [{"$ref": "#/$defs/Hyperparameter"}, weights],
    }


def _hyperparameter() -> dict[str, Any]:
    number = {"type": "number"}
    keys: dict[str, Any] = {
        "distribution": {"enum": list(DISTRIBUTIONS)},
        "value": {},
        "values": {"type": "array", "minItems": 1},
        "probabilities": {"type": "array", "items": number},
        "when": {"type": "object", "minProperties": 1},
        **dict.fromkeys(("min", "max", "mu", "sigma", "a", "b", "q"), number),
    }
    return {
        "description": "A value, a list of choices, or a distribution in the grammar of W&B sweeps; "
        "`when` names the values of others with which it goes.",
        "anyOf": [
            {"type": ["string", "number", "boolean", "null"]},
            {"type": "array", "minItems": 1},
            {"type": "object", "properties": keys, "additionalProperties": False, "minProperties": 1},
        ],
    }
