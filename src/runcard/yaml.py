"""A reader of YAML 1.2 with line and column for every value, restricted to what cards need.

The scanner and parser are ruamel.yaml's; the meaning of a plain scalar is the YAML 1.2 core schema
(https://yaml.org/spec/1.2.2/#103-core-schema): `1e-3` is a number, `no` is a string, `010` is ten.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from runcard import errors
from runcard.keyed import is_keyed_by_label

MAX_BYTES = 1_000_000
MAX_DEPTH = 20
_MAX_COPIES = 100_000
"""How many values may come from aliases: few bytes could else stand for any number of them."""
_MAX_DIGITS = 400  # beyond any float, and below the length from which Python refuses to convert

Path = tuple[str | int, ...]
Tags = Mapping[str, Callable[[str], object]]
"""Name of a tag, without `!!` -> what it makes of a text; it raises ValueError if that cannot be."""

_NUMBERS: tuple[tuple[re.Pattern[str], Callable[[str], object]], ...] = (
    (re.compile(r"[-+]?[0-9]+"), int),
    (re.compile(r"0o[0-7]+"), lambda text: int(text[2:], 8)),
    (re.compile(r"0x[0-9a-fA-F]+"), lambda text: int(text[2:], 16)),
    (re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?"), float),
    (re.compile(r"[-+]?(\.inf|\.Inf|\.INF)"), lambda text: float(text.replace(".", ""))),
)
_CORE = "tag:yaml.org,2002:"
_COLLECTIONS = {"SequenceStartEvent": "seq", "MappingStartEvent": "map"}
_MERGE = "<<"
_WORDS: dict[str, object] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), float("nan")),
}


@dataclass(frozen=True, slots=True)
class Mark:
    """A position in a text; line and column start at 1."""

    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Document:
    """A YAML text as plain Python values, with the position of each."""

    name: str
    """The file's name in messages; empty for values that come from Python."""
    value: Any
    values: Mapping[Path, Mark] = field(default_factory=dict)
    """Path of keys and indices -> where the value begins."""
    keys: Mapping[Path, Mark] = field(default_factory=dict)
    """Path that ends with a key -> where that key stands."""
    plain: Mapping[Path, str] = field(default_factory=dict)
    """Path -> the text of a value without quotes, as it was written."""
    faults: tuple[errors.YamlInvalid, ...] = ()
    """What is wrong with the text although every value is known, such as a key that stands twice."""
    repeated: tuple[Path, ...] = ()
    """Keys that stand twice where that is no fault; the last one holds."""

    def mark(self, path: Path, *, key: bool = False) -> Mark | None:
        """Find the position of a path, or of its nearest existing parent."""
        if key and path in self.keys:
            return self.keys[path]
        return next((self.values[path[:n]] for n in range(len(path), -1, -1) if path[:n] in self.values), None)

    def where(self, path: Path, *, key: bool = False) -> str:
        """Describe a path as `file:line:column, dotted.path[0]`."""
        mark = self.mark(path, key=key)
        place = f"{self.name}:{mark.line}:{mark.column}" if mark else self.name
        return ", ".join(part for part in (place, dotted(path)) if part) or "the card"


def dotted(path: Path) -> str:
    """Write a path with dots: `evaluation.metrics[4]`."""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else str(step)
    return text


def parse(text: str | bytes, name: str, *, noun: str = "card", tags: Tags | None = None) -> Document:
    """Parse one YAML document; `noun` is what messages call it.

    With `tags` it may have what a card does without: these tags, anchors with aliases, merge keys, and keys that
    stand twice.

    Raises
    ------
    CardErrors, YamlInvalid
        It cannot be read to its end: everything that is wrong up to there, each with line and column.
    """
    text = _decode(text, name, noun)
    _refuse_tabs(text, name)
    reader = _Reader(name, noun, tags)
    try:
        value = reader.read(_events(text))
    except _Stop:
        raise _one_or_all(reader.faults) from None
    except Exception as error:  # ruamel raises MarkedYAMLError and, on odd input, plain ValueErrors
        raise _one_or_all([*reader.faults, _syntax_error(error, text, name, noun)]) from None
    faults, repeated = tuple(reader.faults), tuple(reader.repeated)
    return Document(name, value, reader.values, reader.keys, reader.plain, faults, repeated)


def _one_or_all(faults: list[errors.YamlInvalid]) -> errors.CardError:
    return faults[0] if len(faults) == 1 else errors.CardErrors(faults)


def _decode(text: str | bytes, name: str, noun: str) -> str:
    if len(text) > MAX_BYTES:
        raise errors.YamlInvalid(
            f"the {noun} is larger than {MAX_BYTES:,} bytes",
            where=name,
            why=f"a {noun} says what to do; that is short",
            hint=f"keep data in files and name them in the {noun}",
        )
    if isinstance(text, str):
        return text.removeprefix("\ufeff")
    try:
        return text.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        mark = _mark_at(text[: error.start].decode("latin-1"))
        raise errors.YamlInvalid(
            f"the {noun} is not UTF-8: byte 0x{text[error.start]:02x}",
            where=f"{name}:{mark.line}:{mark.column}",
            why=f"{noun}s are UTF-8 text",
            hint="save the file as UTF-8",
        ) from None


def _refuse_tabs(text: str, name: str) -> None:
    tabs = list(re.finditer(r"^ *\t", text, re.MULTILINE))
    if not tabs:
        return
    mark = _mark_at(text[: tabs[0].end() - 1])
    raise errors.YamlInvalid(
        "a tab is used for indentation" + (f" in {len(tabs)} lines" if len(tabs) > 1 else ""),
        where=f"{name}:{mark.line}:{mark.column}",
        why="YAML does not allow it: how wide a tab is, is not known",
        hint="use spaces",
    )


def _mark_at(before: str) -> Mark:
    """Give the position that follows a text."""
    lines = re.split(r"\r\n|\r|\n", before)
    return Mark(len(lines), len(lines[-1]) + 1)


def _events(text: str) -> Iterator[Any]:
    from ruamel.yaml import YAML  # 60 ms, only paid by those who read a card

    yaml = YAML(typ="safe", pure=True)
    yaml.version = "1.2"
    return iter(yaml.parse(text))


# A part of ruamel's message -> what it mostly means, and what helps.
_MEANINGS = {
    "mapping values are not allowed": (
        "a colon stands where no key can be",
        "check the indentation here and the `: ` of the line before; put text that holds `: ` in quotes",
    ),
    "found unexpected end of stream": ("a quote is opened and never closed", "close the quote"),
    "'<stream end>'": ("a bracket is opened and never closed", "close the bracket"),
    "expected ',' or": (
        "a bracket is not closed, or a comma is missing",
        "close the bracket, or add a comma",
    ),
    r"'\t'": ("a tab separates two values", "use spaces"),
    "cannot start any token": ("text begins with a character that YAML keeps for itself", "put it in quotes"),
    "chomping or indentation": ("`>` or `|` begins a block of text", 'put it in quotes, such as `">= 5"`'),
    "unknown escape character": (
        "a backslash in double quotes",
        "use single quotes: backslashes are plain there",
    ),
    "could not find expected ':'": ("a line has no colon after its key", "write `key: value`"),
    "special characters are not allowed": ("it holds a control character", "remove it"),
}


def _syntax_error(error: Exception, text: str, name: str, noun: str) -> errors.YamlInvalid:
    found = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    mark = Mark(found.line + 1, found.column + 1) if found else _mark_at(text[: getattr(error, "position", 0)])
    problem = str(getattr(error, "problem", None) or str(error).splitlines()[0])
    began = getattr(error, "context_mark", None)
    said = getattr(error, "context", None)
    context = f" {said}" if said else ""
    began_at = f" that begins in line {began.line + 1}" if began and began.line + 1 != mark.line else ""
    usual = "check the indentation, the colons and the quotes near this place"
    meaning, hint = next((m for part, m in _MEANINGS.items() if part in problem), (problem, usual))
    return errors.YamlInvalid(
        f"the {noun} is not YAML: {meaning}",
        where=f"{name}:{mark.line}:{mark.column}",
        why=f"{problem}{context}{began_at}" if meaning != problem else f"{context}{began_at}".strip(),
        hint=hint,
    )


class _Stop(Exception):
    """Raised to end reading after a fault that is already noted."""


@dataclass(frozen=True, slots=True)
class _Spot:
    """A position within a value that may be repeated by an alias."""

    steps: Path
    value: Mark
    key: Mark | None
    plain: str | None


class _Reader:
    """Builds plain values from parser events, noting positions and faults."""

    def __init__(self, name: str, noun: str, tags: Tags | None) -> None:
        self.name, self.noun, self.tags = name, noun, tags
        self.values: dict[Path, Mark] = {}
        self.keys: dict[Path, Mark] = {}
        self.plain: dict[Path, str] = {}
        self.faults: list[errors.YamlInvalid] = []
        self.repeated: list[Path] = []
        self._anchors: dict[str, tuple[Any, tuple[_Spot, ...]]] = {}
        self._n_copies = 0

    def fault(self, error: errors.YamlInvalid) -> None:
        self.faults.append(error)

    def read(self, events: Iterator[Any]) -> Any:
        value, n_documents = None, 0
        for event in events:
            match type(event).__name__:
                case "StreamStartEvent" | "StreamEndEvent" | "DocumentEndEvent" | "CommentEvent":
                    continue
                case "DocumentStartEvent":
                    n_documents += 1
                    if n_documents > 1:
                        self._refuse(event, "a second document", f"a {self.noun} is one document", "remove the `---`")
                        raise _Stop
                case _:
                    value = self._node(event, events, ())
        return value

    def _node(self, event: Any, events: Iterator[Any], path: Path) -> Any:
        self.values[path] = _mark(event)
        self.plain.pop(path, None)  # of a key that stood there before
        self._require_depth(event, len(path))
        if type(event).__name__ == "AliasEvent":
            return self._alias(event, path)
        if event.anchor and self.tags is None:
            self._refuse(event, f"an anchor `&{event.anchor}`", "nothing may refer to it", "remove it")
        value = self._tagged(event, events, path)
        if event.anchor:
            self._anchors[event.anchor] = value, tuple(self._spots(value, path))
        return value

    def _require_depth(self, event: Any, depth: int) -> None:
        if depth > MAX_DEPTH:
            what, why = f"more than {MAX_DEPTH} levels", f"{self.noun}s are flat"
            self._refuse(event, what, why, "remove brackets or indentation")
            raise _Stop

    def _tagged(self, event: Any, events: Iterator[Any], path: Path) -> Any:
        kind, tag = type(event).__name__, str(event.tag or "!")
        read = (self.tags or {}).get(tag.removeprefix(_CORE))
        if kind == "ScalarEvent" and read is not None:
            return self._read_tagged(event, tag.removeprefix(_CORE), read)
        is_known = tag == "!" or (self.tags is not None and tag == _CORE + _COLLECTIONS.get(kind, ""))
        if not is_known:
            self._refuse(event, f"a tag `{tag}`", f"a {self.noun} is data, not code", "remove it")
        if kind == "ScalarEvent":
            return str(event.value) if event.tag and self.tags is not None else self._scalar(event, path)
        return self._sequence(events, path) if kind == "SequenceStartEvent" else self._mapping(events, path)

    def _read_tagged(self, event: Any, name: str, read: Callable[[str], object]) -> object:
        text = str(event.value)
        if len(text) > _MAX_DIGITS and name != "str":
            return self._refuse_long(event, text)
        try:
            return read(text)
        except ValueError:
            self._refuse(event, f"a tag `!!{name}` before `{text}`", "it is none", "correct one of the two")
            return None

    # Aliases and merge keys

    def _alias(self, event: Any, path: Path) -> Any:
        if self.tags is None:
            self._refuse(event, f"an alias `*{event.anchor}`", "each value stands where it is used", "write it out")
            raise _Stop
        if event.anchor not in self._anchors:
            what, why = f"an alias `*{event.anchor}`", f"no anchor `&{event.anchor}` ends before it"
            self._refuse(event, what, why, "write it out")
            raise _Stop
        value, spots = self._anchors[event.anchor]
        self._place(event, spots, path)
        self.values[path] = _mark(event)
        return value

    def _spots(self, value: Any, path: Path, steps: Path = ()) -> Iterator[_Spot]:
        """Iterate over the positions of a value and of everything in it."""
        here = path + steps
        yield _Spot(steps, self.values[here], self.keys.get(here), self.plain.get(here))
        for step, item in value.items() if isinstance(value, dict) else _numbered(value):
            yield from self._spots(item, path, (*steps, step))

    def _place(self, event: Any, spots: Iterable[_Spot], path: Path) -> None:
        """Give a repeated value the positions of its first occurrence."""
        for spot in spots:
            self._n_copies += 1
            if self._n_copies > _MAX_COPIES:
                what, why = f"aliases for more than {_MAX_COPIES:,} values", f"a {self.noun} is short"
                self._refuse(event, what, why, "write out what is meant")
                raise _Stop
            here = path + spot.steps
            self._require_depth(event, len(here))
            self.values[here] = spot.value
            self.plain.pop(here, None)
            if spot.plain is not None:
                self.plain[here] = spot.plain
            if spot.key is not None and spot.steps:
                self.keys[here] = spot.key

    def _merge(self, event: Any, events: Iterator[Any], path: Path, *, kept: Container[str]) -> dict[str, Any]:
        """Read the keys that a merge key `<<` adds, except `kept`; of several mappings the first with a key counts."""
        place = (*path, _MERGE)
        found = self._node(event, events, place)
        sources = [(place, found)] if isinstance(found, dict) else [((*place, n), item) for n, item in _numbered(found)]
        if not sources or not all(isinstance(source, dict) for _, source in sources):
            self._refuse(event, "a merge key `<<` without a mapping", "it brings in the keys of one", "name a mapping")
            return {}
        merged: dict[str, Any] = {}
        for source, mapping in sources:
            for name in (name for name in mapping if name not in merged and name not in kept):
                self._place(event, list(self._spots(mapping[name], (*source, name))), (*path, name))
                self.keys[*path, name] = self.keys[*source, name]
            merged = {**mapping, **merged}
        return merged

    def _sequence(self, events: Iterator[Any], path: Path) -> list[Any]:
        items: list[Any] = []
        while type(event := next(events)).__name__ != "SequenceEndEvent":
            items.append(self._node(event, events, (*path, len(items))))
        return items

    def _mapping(self, events: Iterator[Any], path: Path) -> dict[str, Any]:
        mapping: dict[Any, Any] = {}
        merged: dict[str, Any] = {}
        while type(event := next(events)).__name__ != "MappingEndEvent":
            if self.tags is not None and _is_merge(event):
                merged |= self._merge(next(events), events, path, kept=mapping)
                continue
            key = self._key(event, events, path)
            first = self.keys.get((*path, key))
            if key in mapping and first:
                self._repeat(event, key, first, (*path, key))
            self.keys[*path, key] = _mark(event)
            mapping[key] = self._node(next(events), events, (*path, key))
        return {**merged, **mapping}

    def _repeat(self, event: Any, key: str, first: Mark, path: Path) -> None:
        if self.tags is not None:
            self.repeated.append(path)
            return
        self._refuse(
            event,
            f"the key `{key}` twice",
            f"it stands in line {first.line} already and one of the two would be lost",
            "remove one of them",
        )

    def _key(self, event: Any, events: Iterator[Any], path: Path) -> Any:
        key = self._node(event, events, (*path, "?"))
        is_label = isinstance(key, bool | int | float) and any(map(is_keyed_by_label, path))
        if isinstance(key, str) or is_label:
            return key
        shown = "null" if key is None else str(key).lower() if isinstance(key, bool) else str(key)
        hint = "write `key: value`" if isinstance(key, list | dict) else f'put it in quotes: `"{shown}"`'
        self._refuse(event, f"a key that is not text: `{shown}`", "keys are text", hint)
        return shown

    def _scalar(self, event: Any, path: Path) -> object:
        text = str(event.value)
        if event.style in ("'", '"', "|", ">"):
            return text
        if len(text) > _MAX_DIGITS and _number_of(text) is not None:
            return self._refuse_long(event, text)
        self.plain[path] = text
        return resolve_plain(text)

    def _refuse_long(self, event: Any, text: str) -> int:
        self._refuse(event, f"a number of {len(text):,} digits", "no number here is that long", "shorten it")
        return 0

    def _refuse(self, event: Any, what: str, why: str, hint: str) -> None:
        mark = _mark(event)
        self.fault(
            errors.YamlInvalid(
                f"the {self.noun} has {what}", where=f"{self.name}:{mark.line}:{mark.column}", why=why, hint=hint
            )
        )


def _mark(event: Any) -> Mark:
    return Mark(event.start_mark.line + 1, event.start_mark.column + 1)


def _numbered(value: Any) -> Iterable[tuple[int, Any]]:
    return enumerate(value) if isinstance(value, list) else ()


def _is_merge(event: Any) -> bool:
    is_plain = type(event).__name__ == "ScalarEvent" and not event.style and not event.tag
    return is_plain and event.value == _MERGE


def resolve_plain(text: str) -> object:
    """Give a plain (unquoted) scalar its YAML 1.2 core schema value."""
    if text in _WORDS:
        return _WORDS[text]
    read = _number_of(text)
    return read(text) if read else text


def _number_of(text: str) -> Callable[[str], object] | None:
    return next((read for pattern, read in _NUMBERS if pattern.fullmatch(text)), None)
