"""Folders and code packed to be sent to workers that share no file system with this process."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, fields, is_dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

_FOREIGN = ("site-packages", "dist-packages")


@dataclass(frozen=True, slots=True, eq=False)
class PackedFolder:
    """The files of a folder: relative path -> bytes, (n_bytes,), which are sent without copying."""

    files: Mapping[str, np.ndarray]

    def unpack(self, folder: Path) -> None:
        """Write the files into a folder, which is made if it does not exist."""
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in self.files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            content.tofile(path)


def pack(folder: Path) -> PackedFolder:
    """Read all files of a folder; a folder that does not exist has none."""
    import numpy as np

    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return PackedFolder({path.relative_to(folder).as_posix(): np.fromfile(path, dtype=np.uint8) for path in paths})


def relocated(task: Any, places: Mapping[Path, Path]) -> Any:
    """Replace the folders that a task names by those of their copies."""
    if not places or not is_dataclass(task) or isinstance(task, type):
        return task
    found = {field.name: getattr(task, field.name) for field in fields(task)}
    moved = {name: places[value] for name, value in found.items() if isinstance(value, Path) and value in places}
    return replace(task, **moved) if moved else task


def own_code(root: Path, modules: Sequence[str]) -> dict[str, bytes]:
    """Read the project's own Python files: path below the folder they are imported from -> content.

    These are the modules and packages at the project's root, since any of them may be imported while trials
    run, and those that `modules` names wherever below the root they lie. Data, environments and folders that
    are no packages stay.
    """
    found: dict[str, bytes] = {}
    for place in _own_places(root, modules):
        files = [place] if place.is_file() else place.rglob("*.py")
        for path in files:
            name = path.relative_to(place.parent)
            if path.is_file() and not any(part.startswith(".") or part in _FOREIGN for part in name.parts):
                found[name.as_posix()] = path.read_bytes()
    return found


def _own_places(root: Path, modules: Sequence[str]) -> Iterator[Path]:
    yield from (path for path in sorted(root.glob("*.py")) if path.stem.isidentifier())
    yield from (path.parent for path in sorted(root.glob("*/__init__.py")) if path.parent.name.isidentifier())
    for top in dict.fromkeys(name.partition(".")[0] for name in modules):
        if (root / top).is_dir():
            yield root / top
        elif not (root / f"{top}.py").is_file():
            yield from _installed_from(root, top)


def _installed_from(root: Path, top: str) -> Iterator[Path]:
    """Find a package that is installed as editable from below the root, possibly under `src/`."""
    spec = None
    with suppress(ImportError, ValueError):
        spec = importlib.util.find_spec(top)
    if spec is None:
        return
    places = list(spec.submodule_search_locations or ()) or [spec.origin or ""]
    for place in map(Path, places):
        if place.is_relative_to(root) and not set(_FOREIGN) & set(place.parts):
            yield place
