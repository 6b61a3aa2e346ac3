"""Read a card from a file, by its bare name, or from a mapping; all faults are raised at once."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from runcard import errors
from runcard.bounds import open_file
from runcard.card.check import check_card
from runcard.card.faults import Faults
from runcard.card.kinds import keys_of, shown
from runcard.card.sections import SECTIONS, Card
from runcard.data.looks import what_it_is
from runcard.keyed import is_keyed_by_label
from runcard.project import CARD_FOLDER, Project, find_project
from runcard.yaml import MAX_BYTES, MAX_DEPTH, Document, dotted, parse
from runcard.yaml import Path as KeyPath

_BARE = "a key without quotes: "
CARD_SUFFIXES = (".yaml", ".yml")


def load_card(source: str | Path | Mapping[str, Any], *, project: Project | None = None) -> Card:
    """Read and check a card, without touching its data.

    Parameters
    ----------
    source
        A file, a bare name under `configs/`, or the card as a mapping; arrays in it count as lists.

    Raises
    ------
    CardErrors
        Everything that is wrong with it; the error itself when there is only one.
    """
    if isinstance(source, Mapping):
        document, path = Document("", _plain(source, ())), None
        text = _as_text(document.value)
    else:
        path = find_card(source, project)
        raw = _read_bytes(path)
        document = parse(raw, shown_path(path))
        text = raw.decode("utf-8-sig")
    return _build(document, project or find_project(path), path, text)


def read_card(text: str, *, project: Project, name: str = "card.yaml") -> Card:
    """Read and check a card from its text, as it is kept with a run.

    Raises
    ------
    CardErrors
    """
    return _build(parse(text.encode(), name), project, None, text)


def find_card(name: str | Path, project: Project | None = None) -> Path:
    """Find a card by path, or by bare name under `configs/` of the project.

    Raises
    ------
    CardMissing
        There is none.
    """
    path = Path(name)
    folder = (project or find_project()).root / CARD_FOLDER
    candidates = [path, *(folder / f"{path}{suffix}" for suffix in ("", *CARD_SUFFIXES))]
    for candidate in candidates:
        if _is_file(candidate):
            return candidate
    raise _missing(path, folder)


def _missing(path: Path, folder: Path) -> errors.CardMissing:
    for place in (path, folder / path) if path.suffix in CARD_SUFFIXES else ():
        if kind := what_it_is(place):
            return errors.CardMissing(
                f"`{shown(path.name)}` is {kind}",
                where=shown_path(place),
                why="a card is a file, which can be read again",
                hint="write what it gives to a file, and name that",
            )
    places = list(dict.fromkeys(place.absolute() for place in (path.parent, folder)))
    found = sorted({card.stem for place in places for card in _cards_in(place)})
    near = errors.nearest(path.stem, found)
    return errors.CardMissing(
        f"there is no card `{shown(str(path))}`",
        where=" and ".join(f"{shown_path(place)}/" for place in places),
        why=f"the cards there are {errors.listing(found)}" if found else "there are no cards there",
        hint=f"did you mean `{near}`?" if near else f"give its path, or its bare name under {CARD_FOLDER}/",
    )


def _cards_in(folder: Path) -> list[Path]:
    try:
        return [path for path in folder.iterdir() if path.suffix in CARD_SUFFIXES and path.is_file()]
    except OSError:
        return []


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a name too long, or a folder that may not be read
        return False


def _read_bytes(path: Path) -> bytes:
    """Read as many bytes as a card may have, and one more to detect a longer file."""
    try:
        with open_file(path) as file:
            return file.read(MAX_BYTES + 1)
    except OSError as error:
        raise errors.CardMissing(
            f"the card `{path.name}` cannot be read",
            where=shown_path(path),
            why=error.strerror or str(error),
            hint="make the file readable for you",
        ) from None


def shown_path(path: Path) -> str:
    """Write a path for messages: relative to the working folder when it lies below it."""
    absolute, here = path.absolute(), Path.cwd()
    return str(absolute.relative_to(here)) if absolute.is_relative_to(here) else str(path)


def _plain(value: Any, path: KeyPath) -> Any:
    """Convert a mapping from Python into what YAML would give: dicts, lists, text, numbers, true, false, null."""
    if len(path) > MAX_DEPTH:
        raise _not_plain(path[:1], f"it has more than {MAX_DEPTH} levels", "cards are flat")
    if hasattr(value, "tolist"):
        value = value.tolist()  # an array or a number of NumPy's, a pandas series
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, Mapping):
        return {_plain_key(key, path): _plain(item, (*path, key)) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item, (*path, index)) for index, item in enumerate(value)]
    if value is None or isinstance(value, str | bool | int | float):
        return value
    raise _not_plain(path, f"it is a `{type(value).__name__}`", "use text, numbers, true, false, lists, mappings")


def _plain_key(key: Any, path: KeyPath) -> Any:
    if hasattr(key, "tolist"):
        key = key.tolist()
    if isinstance(key, str) or (isinstance(key, bool | int | float) and any(map(is_keyed_by_label, path))):
        return key
    raise _not_plain(path, f"its key `{key}` is no text", f'write "{key}"')


def _as_text(card: Mapping[str, Any]) -> str:
    """Write a card from Python as JSON text, except that keys that are no text stay without quotes."""
    text = json.dumps(_marked(card), indent=2)
    return re.sub(rf'"{_BARE}([^"]*)"', r"\1", text)


def _marked(value: Any) -> Any:
    if isinstance(value, dict):
        return {k if isinstance(k, str) else f"{_BARE}{json.dumps(k)}": _marked(item) for k, item in value.items()}
    return [_marked(item) for item in value] if isinstance(value, list) else value


def _not_plain(path: KeyPath, why: str, hint: str) -> errors.ValueInvalid:
    name = dotted(path) or "the card"
    return errors.ValueInvalid(f"`{name}` cannot stand in a card", where=name, why=why, hint=hint)


def _build(document: Document, project: Project, path: Path | None, text: str) -> Card:
    faults = Faults(document, _homes())
    raw = document.value
    if not isinstance(raw, dict):
        given = "is empty" if raw is None else f"cannot be `{shown(raw)}`"
        why = "it must be a mapping with the keys " + errors.listing(list(SECTIONS), 20)
        faults.add(errors.ValueInvalid, (), f"the card {given}", why=why, hint="begin with `data:`")
        faults.raise_any()
    parts = _read_sections(raw, faults)
    check_card(raw, parts, faults, project)
    faults.raise_any()
    return Card(**parts, document=document, path=path, text=text)


def _read_sections(raw: dict[str, Any], faults: Faults) -> dict[str, Any]:
    for name in raw:
        if name not in SECTIONS:
            faults.unknown_key((name,), SECTIONS)
    for name, key in SECTIONS.items():
        if key.is_required and name not in raw:
            faults.add(
                errors.KeyMissing,
                (),
                f"the card has no `{name}`",
                why="nothing can run without it",
                hint=f"add `{name}:`; `data` and `models` are the two keys every card has",
            )
    given = [name for name, key in SECTIONS.items() if raw.get(name) is not None or (name in raw and key.is_required)]
    return {name: SECTIONS[name].kind.read(raw[name], (name,), faults) for name in given}


def _homes() -> dict[str, str]:
    """Map each key to the section it belongs to, for messages about misplaced keys."""
    parts = {name: getattr(key.kind, "section", None) for name, key in SECTIONS.items()}
    return {key: name for name, section in parts.items() if section for key in keys_of(section)}
