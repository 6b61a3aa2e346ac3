"""Running git without side effects: no pager, prompt, hook, network, external diff or file monitor."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from collections.abc import Mapping
from pathlib import Path

TIMEOUT_SECONDS = 20.0
_QUIET = (
    *("core.fsmonitor=false", "core.quotePath=false", "core.safecrlf=false", "core.hooksPath=/dev/null"),
    *("advice.statusHints=false", "protocol.ext.allow=never", "safe.bareRepository=explicit"),
)
# A git hook sets GIT_DIR and GIT_INDEX_FILE for its own repository: only configuration is passed on.
_PASSED_ON = ("GIT_CONFIG_", "GIT_CEILING_", "GIT_EXEC_PATH")


class GitSilent(Exception):
    """Raised when git gives no answer; the message says why, for the record."""


def ask_git(
    root: Path,
    *words: str,
    feed: bytes = b"",
    patience: float = 1.0,
    variables: Mapping[str, str] | None = None,
) -> bytes:
    """Return what a git command prints.

    Parameters
    ----------
    feed
        What the command reads from its standard input.
    patience
        How many times `TIMEOUT_SECONDS` it may take.
    variables
        Environment variables put over those that keep git quiet.

    Raises
    ------
    GitSilent
        Git is missing, says no, or takes longer than it may.
    """
    seconds = patience * TIMEOUT_SECONDS
    settings = [part for setting in _QUIET for part in ("-c", setting)]
    command = ["git", "--no-pager", "-C", str(root), *settings, *words]
    try:
        done = subprocess.run(
            command,
            input=feed,
            capture_output=True,
            timeout=seconds,
            env=_environment() | dict(variables or {}),
            check=False,
        )
    except FileNotFoundError:
        raise GitSilent("git is not installed") from None
    except OSError as error:
        raise GitSilent(f"git cannot be started: {error.strerror}") from None
    except subprocess.TimeoutExpired:
        raise GitSilent(f"`git {words[0]}` took longer than {seconds:g} s") from None
    if done.returncode:
        raise GitSilent(_first_line(done.stderr) or f"`git {words[0]}` ended with {done.returncode}")
    return done.stdout


def settings_like(root: Path, pattern: str) -> list[tuple[str, str]]:
    """Return git's settings whose names match a pattern; empty where git gives no answer."""
    try:
        lines = os.fsdecode(ask_git(root, "config", "--get-regexp", pattern)).splitlines()
    except GitSilent:  # nothing is set
        return []
    return [(name, value) for name, _, value in (line.partition(" ") for line in lines)]


def remote_branch_of(root: Path, commit: str) -> str | None:
    """Name a remote branch that contains a commit, as far as the clone knows; None where there is none."""
    words = ("for-each-ref", f"--contains={commit}", "--count=1", "--format=%(refname:short)", "refs/remotes")
    try:
        return ask_git(root, *words).decode("utf-8", "replace").strip() or None
    except GitSilent:  # the clone does not have the commit
        return None


def author_of(root: Path, commit: str) -> str | None:
    """Give name and address of a commit's author; None where the clone does not have the commit."""
    words = ("log", "-1", "--no-show-signature", "--no-color", "--format=%an <%ae>", "--end-of-options", commit, "--")
    try:
        return ask_git(root, *words).decode("utf-8", "replace").strip()
    except GitSilent:
        return None


def is_pushed(root: Path, commit: str = "HEAD") -> bool | None:
    """Tell whether a remote branch known to the clone contains a commit; None if the clone lacks the commit."""
    try:
        return bool(ask_git(root, "for-each-ref", f"--contains={commit}", "--count=1", "refs/remotes"))
    except GitSilent:
        return None


def _environment() -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith("GIT_") or k.startswith(_PASSED_ON)}
    return kept | {
        "LC_ALL": "C",
        "GIT_OPTIONAL_LOCKS": "0",  # somebody else may be committing
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_NO_REPLACE_OBJECTS": "1",  # a commit is what its hash says
        "GIT_ALLOW_PROTOCOL": "none",  # a partial clone would fetch what a diff needs
    }


def _first_line(stderr: bytes) -> str:
    lines = stderr.decode("utf-8", "replace").strip().splitlines()
    return lines[0].removeprefix("fatal: ") if lines else ""


_OWNED = re.compile(r"dubious ownership in repository at '(?P<top>.*)'", re.DOTALL)
_USUAL = ("no commit yet", "the repository around the folder ignores it")
_NONE = ("not a git repository", "git is not installed")


def is_refused(reason: str | None, root: Path) -> bool:
    """Whether git failed to tell the commit although there is a repository."""
    if not reason or reason.startswith(_USUAL):
        return False
    return not reason.startswith(_NONE) or any((folder / ".git").exists() for folder in (root, *root.parents))


def mending(reason: str) -> str | None:
    """Give the command that makes git answer, or None where there is no repository."""
    if owned := _OWNED.search(reason):
        return f"git config --global --add safe.directory {shlex.quote(owned['top'])}"
    if "must be run in a work tree" in reason or reason.startswith("cannot use bare repository"):
        return "git worktree add ../work-tree"
    if reason.startswith("git is not installed"):
        return "install git"
    return None if not reason or reason.startswith((*_USUAL, *_NONE)) else "git fsck --full"
