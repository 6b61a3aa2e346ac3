"""The names in a model file of skops format: everything its loader would import, and in which role.

The file's schema is parsed here, not by skops, whose own list leaves out what it trusts by itself and says a name
without saying what is done with it. A name is looked up as a role: `ObjectNode` makes an empty object and gives it
its state, `ConstructorFromReduceNode` calls the type, `FunctionNode` takes it as it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

_PARTS: Mapping[tuple[str, str], tuple[str, ...]] = {
    ("DictNode", "key_types"): ("ListNode",),
    ("DefaultDictNode", "content.default_factory"): ("TypeNode", "JsonNode"),
    ("DTypeNode", "content"): ("NdArrayNode",),
    ("PartialNode", "content.func"): ("FunctionNode",),
}
"""Node and part -> what the part may be: what is there is called, or asked for an attribute, when it is loaded."""
_MARKS = ("__id__", "file")
"""What two writings of one object differ in."""
_IGNORED = {"JsonNode"}
"""Roles whose name is not looked up."""


class Named(NamedTuple):
    """A name that a file contains, with its role."""

    role: str
    name: str
    """Module and name, `sklearn.svm._classes.SVC`; of a method, the type's and its own after it."""

    @property
    def module(self) -> str:
        """The module that is imported for the name."""
        return self.name.rpartition(".")[0]


@dataclass(slots=True)
class _Reader:
    named: set[Named] = field(default_factory=set)
    files: dict[Any, str] = field(default_factory=dict)
    written: dict[Any, int] = field(default_factory=dict)
    """Identity of an object -> what was written of it."""
    contents: dict[Any, int] = field(default_factory=dict)
    """Content -> a number for it."""

    def read(self, value: Any, within: str = "", part: str = "") -> int:
        """Read a part of the schema; return a number that only equal content has."""
        if isinstance(value, list):
            kept: Any = ("list", *(self.read(item, within, part) for item in value))
        elif not isinstance(value, dict):
            kept = (type(value).__name__, value)
        else:
            role = value.get("__loader__", "")
            if role:
                self._note(value, role, within, part)
                within, part = role, ""
            items = ((key, item) for key, item in sorted(value.items()) if key not in _MARKS)
            kept = tuple((key, self.read(item, within, f"{part}.{key}" if part else key)) for key, item in items)
        number = self.contents.setdefault(kept, len(self.contents))
        identity = value.get("__id__") if isinstance(value, dict) else None
        if identity is not None and self.written.setdefault(identity, number) != number:
            raise ValueError("it holds one object twice, and not the same")
        return number

    def _note(self, value: Mapping[str, Any], role: str, within: str, part: str) -> None:
        wanted = _PARTS.get((within, part))
        if wanted is not None and role not in wanted:
            raise ValueError(f"the part `{part}` of a {within} is a {role}")
        if role == "DictNode" and any(key["__loader__"] != "TypeNode" for key in value["key_types"]["content"]):
            raise ValueError("the keys of a dictionary are made by something that is no type")
        name = f"{value['__module__']}.{value['__class__']}"
        if role == "MethodNode":
            name += f".{value['content']['func']}"
        if role not in _IGNORED:
            self.named.add(Named(role, name))
        if "file" in value:
            self.files.setdefault(value.get("__id__", id(value)), value["file"])


@dataclass(frozen=True, slots=True)
class Contents:
    """The names and other facts found in a schema."""

    named: frozenset[Named]
    files: tuple[str, ...]
    """The members of the file that are read for it, as often as they are."""


def read_schema(schema: Any, protocols: range) -> Contents:
    """Read a parsed schema.

    Raises
    ------
    ValueError, KeyError, TypeError, AttributeError, RecursionError
        It is not what skops writes.
    """
    protocol = schema["protocol"]
    if type(protocol) is not int or protocol not in protocols:
        raise ValueError(f"it is of skops' protocol {protocol!r}, and read are {protocols.start} to {protocols[-1]}")
    reader = _Reader()
    reader.read(schema)
    return Contents(frozenset(reader.named), tuple(reader.files.values()))
