"""Why git gave no commit of a folder that seems to be in a repository, and what mends it."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

_OWNED = re.compile(r"dubious ownership in repository at '(?P<top>.*)'", re.DOTALL)
_USUAL = ("no commit yet", "the repository around the folder ignores it")
_NONE = ("not a git repository", "git is not installed")


def is_refused(reason: str | None, root: Path) -> bool:
    """Whether a commit was to be had, if only git could: there is a repository, and it has no word on it."""
    if not reason or reason.startswith(_USUAL):
        return False
    return not reason.startswith(_NONE) or any((folder / ".git").exists() for folder in (root, *root.parents))


def mending(reason: str) -> str | None:
    """Give the command that has git answer, or None where there is no repository."""
    if owned := _OWNED.search(reason):
        return f"git config --global --add safe.directory {shlex.quote(owned['top'])}"
    if "must be run in a work tree" in reason or reason.startswith("cannot use bare repository"):
        return "git worktree add ../work-tree"
    if reason.startswith("git is not installed"):
        return "install git"
    return None if not reason or reason.startswith((*_USUAL, *_NONE)) else "git fsck --full"
