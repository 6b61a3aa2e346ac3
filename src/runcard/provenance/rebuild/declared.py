"""The packages that a commit declares in its lock files, requirements and `pyproject.toml`."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from runcard.provenance.capture.environment import normalised
from runcard.provenance.git import GitSilent, ask_git

_LOCK = re.compile(r"(?:uv|poetry|pdm)\.lock|pylock[\w.-]*\.toml")
_LISTED = re.compile(r"requirements[\w.-]*\.(?:txt|in)")
_IN_LOCK = re.compile(r'^name = "([A-Za-z0-9][A-Za-z0-9._-]*)"$', re.MULTILINE)
_IN_LIST = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)(?:\[[^\]\n]*\])?[ \t]*(?:[=<>!~]=|[<>@;\\]|$)", re.MULTILINE)
_REQUIREMENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_MOST_FILES = 50


def declared_by(commit: str, repository: Path) -> frozenset[str]:
    """Name the packages, normalised, that a commit declares; none where the clone lacks the commit."""
    try:
        top = Path(os.fsdecode(ask_git(repository, "rev-parse", "--show-toplevel").removesuffix(b"\n")))
        listed = ask_git(top, "ls-tree", "-r", "-z", "--name-only", "--end-of-options", commit)
        paths = [path for path in os.fsdecode(listed).split("\0") if _is_declaring(PurePosixPath(path))]
        texts = {path: ask_git(top, "cat-file", "blob", f"{commit}:{path}") for path in paths[:_MOST_FILES]}
    except GitSilent:
        return frozenset()
    return frozenset(normalised(name) for path, text in texts.items() for name in _names_in(path, text))


def _is_declaring(path: PurePosixPath) -> bool:
    is_listed = _LISTED.fullmatch(path.name) or (path.parent.name == "requirements" and path.suffix in (".txt", ".in"))
    return path.name == "pyproject.toml" or bool(is_listed or _LOCK.fullmatch(path.name))


def _names_in(path: str, content: bytes) -> Iterator[str]:
    text, name = content.decode("utf-8", "replace"), PurePosixPath(path).name
    if name != "pyproject.toml":
        yield from (_IN_LOCK if _LOCK.fullmatch(name) else _IN_LIST).findall(text)
        return
    try:
        project = tomllib.loads(text).get("project", {})
        extras = project.get("optional-dependencies", {}).values()
        for line in [*project.get("dependencies", []), *(line for extra in extras for line in extra)]:
            yield from _REQUIREMENT.findall(_text(line))[:1]
    except (tomllib.TOMLDecodeError, AttributeError, TypeError):  # declares nothing that an installer would read
        return


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
