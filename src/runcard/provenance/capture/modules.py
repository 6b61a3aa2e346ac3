"""Capture of the project's own modules: those it names, and the project's files that they import."""

from __future__ import annotations

import ast
import hashlib
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from runcard.provenance.capture.secrets import named_like_secret, secret_in

_LARGEST_BYTES = 512 * 1024


@dataclass(frozen=True, slots=True)
class Modules:
    """Source files of a project: path below its root -> content."""

    files: Mapping[str, bytes]

    @property
    def digests(self) -> dict[str, str]:
        """Path -> sha256, 64 hex digits."""
        return {name: hashlib.sha256(content).hexdigest() for name, content in self.files.items()}

    def left_out(self) -> dict[str, str]:
        """Name the files left out because they look like secrets, with the reason."""
        found = {
            name: "looks like a secret" if named_like_secret(name) else secret_in(content)
            for name, content in self.files.items()
        }
        return {name: why for name, why in found.items() if why}

    def kept(self) -> dict[str, bytes]:
        """Give the files to keep with a run: without very large ones and those that look like secrets."""
        return {
            name: content
            for name, content in self.files.items()
            if len(content) <= _LARGEST_BYTES and name not in self.left_out()
        }


def capture_modules(root: Path, names: Sequence[str]) -> Modules:
    """Find the files of some imported modules below a root, and of the modules there that they import.

    What is imported within a function counts too. Which files there are depends on nothing but the project: not on
    what else this process imported.
    """
    homes = list(dict.fromkeys([root, *_homes(root, names)]))
    found: dict[str, bytes] = {}
    waiting = [name for name in names for name in _with_parents(name)]
    seen: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        path = _file_of(name, homes)
        if path is None:
            continue
        found[path.relative_to(root).as_posix()] = content = path.read_bytes()
        package = name if path.name == "__init__.py" else name.rpartition(".")[0]
        waiting += (part for used in _imported(content, package) for part in _with_parents(used))
    return Modules(dict(sorted(found.items())))


def text_digest(text: str) -> str:
    """Hash a text; sha256, 64 hex digits."""
    return hashlib.sha256(text.encode()).hexdigest()


def _homes(root: Path, names: Iterable[str]) -> Iterator[Path]:
    """Give the folders below the root that the named modules were imported from, such as `src`."""
    for name in names:
        file = getattr(sys.modules.get(name), "__file__", None)
        if file is not None:
            path = Path(file)
            home = path.parents[name.count(".") + (path.name == "__init__.py")]
            if home.is_relative_to(root):
                yield home


def _with_parents(name: str) -> list[str]:
    parts = name.split(".")
    return [".".join(parts[:n]) for n in range(1, len(parts) + 1)]


def _file_of(name: str, homes: Sequence[Path]) -> Path | None:
    places = (home.joinpath(*name.split(".")) for home in homes)
    files = (file for place in places for file in (place / "__init__.py", place.with_name(f"{place.name}.py")))
    return next((file for file in files if file.is_file()), None)


def _imported(content: bytes, package: str) -> Iterator[str]:
    """Name all modules that a source imports or may import: for `from a import b`, `a` and `a.b`."""
    try:
        tree = ast.parse(content)
    except (SyntaxError, ValueError):  # nothing can be imported by what cannot be read
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".") if package else []
            base = above[: len(above) - node.level + 1] if node.level else []
            name = ".".join([*base, *([node.module] if node.module else [])])
            if name:
                yield name
            yield from (f"{name}.{alias.name}" if name else alias.name for alias in node.names if alias.name != "*")
