"""Capture of a project's notebooks, and of which ones git holds with cell outputs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from runcard.provenance.git import GitSilent, ask_git

LARGEST_BYTES = 8 * 1024 * 1024
MOST_BYTES = 64 * 1024 * 1024
_NOTEBOOKS = ("--", "*.ipynb")


@dataclass(frozen=True, slots=True)
class Notebook:
    """A notebook; if git filters it on commit, it is described as git receives it."""

    path: str
    """From the project's root, with `/`."""
    n_outputs: int | None
    """How many cells hold output; None where it could not be told."""
    reason: str = ""
    """Why it could not be told."""


@dataclass(frozen=True, slots=True)
class Notebooks:
    """The notebooks below a project's root that git tracks or does not ignore."""

    found: tuple[Notebook, ...] = ()
    reason: str | None = None
    """Why nothing is known of them."""

    def as_dict(self) -> dict[str, Any]:
        """Describe them as JSON."""
        return {"found": [asdict(notebook) for notebook in self.found], "reason": self.reason}


def capture_notebooks(root: Path) -> Notebooks:
    """Examine the notebooks of a project; no answer of git and no file makes it raise."""
    try:
        changed = set(_listed(root, "--modified", "--others", "--exclude-standard"))
        names = sorted({*_listed(root, "--cached"), *changed})
    except GitSilent as error:
        return Notebooks(reason=str(error))
    return Notebooks(tuple(_looked_at(root, names, changed)))


def _listed(root: Path, *which: str) -> list[str]:
    answer = ask_git(root, "ls-files", "-z", *which, *_NOTEBOOKS)
    return [name for name in answer.decode("utf-8", "surrogateescape").split("\0") if name]


def _looked_at(root: Path, names: list[str], changed: set[str]) -> Iterator[Notebook]:
    total = 0
    for name in names:
        path = root / name
        if path.is_symlink() or not path.is_file():  # deleted, or stored elsewhere
            continue
        total += (size := path.stat().st_size)
        if size > LARGEST_BYTES or total > MOST_BYTES:  # reading on would hold up the run
            yield Notebook(name, None, "too large to look at")
            continue
        yield _judged(root, name, is_committed=name not in changed)


def _judged(root: Path, name: str, *, is_committed: bool) -> Notebook:
    try:
        n_outputs = _count_outputs((root / name).read_bytes())
        if n_outputs and is_committed:  # a filter such as nbstripout's may keep output out of git
            n_outputs = _count_outputs(ask_git(root, "cat-file", "blob", f":./{name}"))
    except (OSError, ValueError, TypeError, AttributeError, GitSilent) as error:
        return Notebook(name, None, f"it cannot be read: {str(error).partition(chr(10))[0]}")
    return Notebook(name, n_outputs)


def _count_outputs(content: bytes) -> int:
    found = json.loads(content)
    cells = [*found.get("cells", ()), *(cell for sheet in found.get("worksheets", ()) for cell in sheet["cells"])]
    return sum(bool(cell.get("outputs")) for cell in cells)
