"""Kinds of values in a card: how each is read, its error message, and its JSON Schema.

Written out rather than left to a validation library: importing one takes longer than all else that
`runcard check` does on a bad card, and its messages speak of Python's types.

Why: docs/adr/0003-cards-are-read-by-our-own-kinds.md
"""

from __future__ import annotations

import dataclasses
import json
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from runcard import errors
from runcard.card.faults import Faults
from runcard.yaml import Path as KeyPath
from runcard.yaml import resolve_plain

_SHOWN = 60
_BOUND = r"\s*(<=|>=|<|>)\s*[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?\s*"
_MODEL_NAME = r"(?!\.\.|\.$|\s*$)[^/:@]{1,250}"
_LARGEST = sys.float_info.max  # neither infinite nor NaN, nor a whole number beyond


class _Wrong:
    """Placeholder for a value whose fault is already noted."""

    def __repr__(self) -> str:
        return "WRONG"


WRONG: Final[Any] = _Wrong()


class Kind(Protocol):
    """What a value of a card may be."""

    @property
    def wanted(self) -> str:
        """The expected value in words, as they follow "it must be"."""

    def read(self, value: Any, path: KeyPath, faults: Faults) -> Any:
        """Convert the value to its Python form, or note the fault and return `WRONG`."""

    def schema(self) -> dict[str, Any]:
        """Give its JSON Schema."""


@dataclass(frozen=True, slots=True)
class Plain:
    """A value without parts, such as a text or a number."""

    wanted: str
    accepts: Callable[[Any], bool]
    json: Mapping[str, Any]
    advise: Callable[[Any, str], str] = lambda value, name: ""
    """Given a value that is not accepted and its key: what to do, when that can be told."""
    convert: Callable[[Any], Any] = lambda value: value

    def read(self, value: Any, path: KeyPath, faults: Faults) -> Any:
        """Read the value."""
        if self.accepts(value):
            return self.convert(value)
        return _refuse(value, path, faults, self.wanted, self.advise(value, _subject(path)))

    def schema(self) -> dict[str, Any]:
        """Give its JSON Schema."""
        return dict(self.json)


@dataclass(frozen=True, slots=True)
class ListOf:
    """A list of one kind; wrong items become `WRONG`, so that the others keep their positions."""

    item: Kind
    at_least: int = 0

    @property
    def wanted(self) -> str:
        """The expected value in words."""
        return "a list" + (" that is not empty" if self.at_least else "")

    def read(self, value: Any, path: KeyPath, faults: Faults) -> Any:
        """Read the list as a tuple."""
        if not isinstance(value, list):
            items = [item.strip() for item in value.split(",")] if isinstance(value, str) else []
            hint = f"write a list: `{path[-1]}: [{', '.join(items)}]`" if items else ""
            if isinstance(self.item, Part):
                hint = f"write a list: `{path[-1]}:`, and below it {self.item.listed(value)}"
            return _refuse(value, path, faults, self.wanted, hint)
        if len(value) < self.at_least:
            return _refuse(value, path, faults, self.wanted, "")
        return tuple(self.item.read(item, (*path, index), faults) for index, item in enumerate(value))

    def schema(self) -> dict[str, Any]:
        """Give its JSON Schema."""
        bound = {"minItems": self.at_least} if self.at_least else {}
        return {"type": "array", "items": self.item.schema(), **bound}


@dataclass(frozen=True, slots=True)
class MappingOf:
    """A mapping from any keys to one kind of value; wrong values are left out."""

    item: Kind
    wanted: str = "a mapping, `key: value`"

    def read(self, value: Any, path: KeyPath, faults: Faults) -> Any:
        """Read the mapping."""
        if not isinstance(value, dict):
            return _refuse(value, path, faults, self.wanted, "")
        found = {key: self.item.read(item, (*path, key), faults) for key, item in value.items()}
        return {key: item for key, item in found.items() if item is not WRONG}

    def schema(self) -> dict[str, Any]:
        """Give its JSON Schema."""
        inner = self.item.schema()
        return {"type": "object", **({"additionalProperties": inner} if inner else {})}


@dataclass(frozen=True, slots=True)
class Either:
    """One of several kinds; the kind for lists takes lists, the one for mappings takes mappings."""

    kinds: Sequence[Kind]

    @property
    def wanted(self) -> str:
        """The expected value in words."""
        return " or ".join(kind.wanted for kind in self.kinds)

    def read(self, value: Any, path: KeyPath, faults: Faults) -> Any:
        """Read the value as the first kind that accepts it."""
        for shape, kinds in ((list, ListOf), (dict, MappingOf)):
            inner = next((kind for kind in self.kinds if isinstance(kind, kinds)), None)
            if isinstance(value, shape) and inner is not None:
                return inner.read(value, path, faults)
        plain = [kind for kind in self.kinds if isinstance(kind, Plain)]
        for kind in plain:
            if kind.accepts(value):
                return kind.convert(value)
        advice = (kind.advise(value, _subject(path)) for kind in plain)
        return _refuse(value, path, faults, self.wanted, next((hint for hint in advice if hint), ""))

    def schema(self) -> dict[str, Any]:
        """Give its JSON Schema."""
        options = [kind.schema() for kind in self.kinds]
        return {"anyOf": [part for option in options for part in option.get("anyOf", [option])]}


@dataclass(frozen=True, slots=True)
class Part:
    """A section: a dataclass whose fields were made by `key`."""

    section: type[Any]

    @property
    def wanted(self) -> str:
        """The expected value in words."""
        return "a mapping with the keys " + errors.listing(list(keys_of(self.section)), 20)

    def read(self, value: Any, path: KeyPath, faults: Faults) -> Any:
        """Read the section; a key without a value counts as absent."""
        value = {} if value is None else value
        if not isinstance(value, dict):
            hint = f"write {self.listed(value)}" if path and isinstance(path[-1], int) else ""
            return _refuse(value, path, faults, self.wanted, hint)
        keys = keys_of(self.section)
        strange = [name for name in value if name not in keys]
        for name in strange:
            faults.unknown_key((*path, name), keys)
        found = {
            name: key.kind.read(value[name], (*path, name), faults)
            for name, key in keys.items()
            if value.get(name) is not None
        }
        for name in (name for name, key in keys.items() if key.is_required and name not in found):
            is_misspelt = any(errors.nearest(word, keys) == name for word in strange)
            found[name] = WRONG if is_misspelt else _missing(name, path, faults, stands=name in value)
        kept = {name: item for name, item in found.items() if item is not WRONG or keys[name].is_required}
        return self.section(**kept)

    def listed(self, value: Any) -> str:
        """Write the section as an item of a list: `- name: ridge`."""
        first = next(iter(keys_of(self.section)))
        return f"`- {first}: {value if isinstance(value, str) else '...'}`"

    def schema(self) -> dict[str, Any]:
        """Give its JSON Schema: a reference to the schema of the section."""
        return {"$ref": f"#/$defs/{self.section.__name__}"}


@dataclass(frozen=True, slots=True)
class Anything:
    """Any value; other code checks it."""

    wanted: str = "anything"

    def read(self, value: Any, path: KeyPath, faults: Faults) -> Any:
        """Return the value unchanged."""
        return value

    def schema(self) -> dict[str, Any]:
        """Give its JSON Schema."""
        return {}


# Values without parts


def text(*, longest: int | None = None) -> Plain:
    """Accept text that is not empty, with at most `longest` characters if that is given."""
    bound = {"maxLength": longest} if longest else {}
    return Plain(
        "text that is not empty" + (f", at most {longest} characters" if longest else ""),
        lambda value: isinstance(value, str) and 0 < len(value) <= (longest or len(value)),
        {"type": "string", "minLength": 1, **bound},
        _advise_text,
    )


def model_name() -> Plain:
    """Accept a name of a registered model: MLflow refuses `/` and `:` in it, and `@` begins an alias."""
    return Plain(
        "text without `/`, `:` and `@`",
        lambda value: isinstance(value, str) and re.fullmatch(_MODEL_NAME, value) is not None,
        {"type": "string", "pattern": f"^{_MODEL_NAME}$"},
        lambda value, name: f"write `{name}: {near}`" if (near := _near_model_name(value)) else "",
    )


def _near_model_name(value: Any) -> str:
    return re.sub("[/:@]+", "-", value).strip().lstrip(".")[:250] if isinstance(value, str) else ""


def any_text() -> Plain:
    """Accept any text."""
    return Plain("text", lambda value: isinstance(value, str), {"type": "string"}, _advise_text)


def whole(at_least: int, at_most: int | None = None) -> Plain:
    """Accept a whole number within bounds."""
    bounds = {"minimum": at_least, **({} if at_most is None else {"maximum": at_most})}
    words = f"of at least {at_least}" if at_most is None else f"from {at_least} to {at_most}"
    return Plain(
        f"a whole number {words}",
        lambda value: type(value) is int and at_least <= value <= (value if at_most is None else at_most),
        {"type": "integer", **bounds},
        lambda value, name: _advise_number(value, name, int),
    )


def number(*, above: float | None = None, below: float | None = None, at_least: float | None = None) -> Plain:
    """Accept a finite number within bounds, as a float."""
    given = {"exclusiveMinimum": above, "minimum": at_least, "exclusiveMaximum": below}
    words = {"exclusiveMinimum": "above", "minimum": "of at least", "exclusiveMaximum": "below"}
    bounds = {key: bound for key, bound in given.items() if bound is not None}

    def accepts(value: Any) -> bool:
        if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= _LARGEST:
            return False
        return (
            (above is None or value > above)
            and (below is None or value < below)
            and (at_least is None or value >= at_least)
        )

    said = " and ".join(f"{words[key]} {bound:g}" for key, bound in bounds.items())
    return Plain(
        f"a number {said}".rstrip(),
        accepts,
        {"type": "number", **bounds},
        lambda v, n: _advise_number(v, n, float),
        float,
    )


def flag() -> Plain:
    """Accept `true` or `false`."""
    words = {"yes": "true", "on": "true", "y": "true", "no": "false", "off": "false", "n": "false"}

    def advise(value: Any, name: str) -> str:
        word = str(value).lower()
        word = words.get(word, word)
        return f"write `{name}: {word}`" if word in ("true", "false") else ""

    return Plain("`true` or `false`", lambda value: isinstance(value, bool), {"type": "boolean"}, advise)


def one_of(*words: str) -> Plain:
    """Accept one of a few words."""

    def advise(value: Any, name: str) -> str:
        given = str(value).lower()
        near = errors.nearest(given, words) or next((word for word in words if given and word.startswith(given)), None)
        return f"use `{near}`" if near else ""

    def accepts(value: Any) -> bool:
        return isinstance(value, str) and value in words

    wanted = " or ".join(f"`{word}`" for word in words)
    return Plain(wanted, accepts, {"enum": list(words)}, advise)


def bound() -> Plain:
    """Accept a comparison with a number, such as `<= 5`, as text."""
    return Plain(
        'a comparison with a number, such as `"<= 5"`',
        lambda value: isinstance(value, str) and re.fullmatch(_BOUND, value) is not None,
        {"type": "string", "pattern": f"^{_BOUND}$"},
        lambda value, name: (
            f'write `{name}: "{_usual_sign(name)} {str(value).strip("<>= ")}"`' if _has_number(value) else ""
        ),
    )


def _usual_sign(name: str) -> str:
    """Guess the sign of a bound: `>=` for a metric of which more is better, `<=` for all else."""
    from runcard.catalog.metrics import direction_of
    from runcard.catalog.registered import Catalog

    return ">=" if direction_of(name, Catalog()) else "<="


def scalar() -> Plain:
    """Accept text, a finite number, true or false."""
    types = ("string", "integer", "number", "boolean")
    return Plain(
        "text, a number, `true` or `false`",
        lambda value: isinstance(value, str | int) or (isinstance(value, float) and abs(value) <= _LARGEST),
        {"anyOf": [{"type": name} for name in types]},
        _advise_text,
    )


# Keys of sections


@dataclass(frozen=True, slots=True)
class Key:
    """A key of a section."""

    kind: Kind
    description: str
    default: Any
    is_required: bool


def key(kind: Kind, description: str, **default: Any) -> Any:
    """Declare a key of a section; without `default=` it is required."""
    declared = Key(kind, description, default.get("default"), is_required=not default)
    if default == {"default": {}}:
        default = {"default_factory": dict}  # one for all would be shared
    return field(metadata={"key": declared}, **default)


def keys_of(section: type[Any]) -> dict[str, Key]:
    """List the keys of a section in their order."""
    return {f.name: f.metadata["key"] for f in dataclasses.fields(section) if "key" in f.metadata}


# What is said


def _refuse(value: Any, path: KeyPath, faults: Faults, wanted: str, hint: str) -> Any:
    name = _subject(path) if path else "the card"
    faults.add(
        errors.ValueInvalid,
        path,
        f"`{name}` cannot be `{shown(value)}`" if path else f"a card cannot be `{shown(value)}`",
        why=f"it must be {wanted}",
        hint=hint or "correct the value",
    )
    return WRONG


def _missing(name: str, path: KeyPath, faults: Faults, *, stands: bool) -> Any:
    faults.add(
        errors.KeyMissing,
        (*path, name) if stands else path,
        f"`{name}` has no value" if stands else f"`{name}` is missing",
        why=f"`{_subject(path)}` cannot do without it",
        hint=f"{'write' if stands else 'add'} `{name}: ...`",
        key=stands,
    )
    return WRONG


def shown(value: Any) -> str:
    """Write a value as a card would, on one line and shortened."""
    is_clear = isinstance(value, str) and isinstance(resolve_plain(value), str)
    text = " ".join(value.split()) if is_clear else json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "..."


def _subject(path: KeyPath) -> str:
    """Name a value by its key, and by its index in a list: `metrics[0]`."""
    names = [index for index, step in enumerate(path) if isinstance(step, str)]
    start = names[-1] if names else 0
    return str(path[start]) + "".join(f"[{step}]" for step in path[start + 1 :]) if path else ""


def _advise_text(value: Any, name: str) -> str:
    if value is None or isinstance(value, bool | int | float):
        return f'put it in quotes: `"{shown(value)}"`'
    if name == "target" and isinstance(value, list):
        return "name one column: several targets are not supported, make a card for each"
    return "write one text, no list" if isinstance(value, list) else ""


def _has_number(value: Any) -> bool:
    return isinstance(value, int | float | str) and re.search("[0-9]", str(value)) is not None


def _advise_number(value: Any, name: str, kind: type[int] | type[float]) -> str:
    if isinstance(value, str):
        read = resolve_plain(value.strip())
        return f"take the quotes off: `{name}: {value.strip()}`" if isinstance(read, int | float) else ""
    if kind is int and isinstance(value, float) and value.is_integer():
        return f"write `{name}: {int(value)}`"
    return ""
