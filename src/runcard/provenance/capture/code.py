"""Capture of a run's code: the commit, and everything that differs from it."""

from __future__ import annotations

import getpass
import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from runcard.provenance.capture.patch import plain_index, read_patch
from runcard.provenance.capture.secrets import Cleaned, text_of
from runcard.provenance.capture.untracked import read_sources
from runcard.provenance.git import GitSilent, ask_git, is_pushed, settings_like
from runcard.redact import redact
from runcard.tokens import REMOVED

# What runcard and MLflow write themselves is no code, even where somebody committed it.
_OUTPUTS = ("**/.runcard/**", "**/mlflow.db*", "**/mlartifacts/**", "**/mlruns/**")
_PATHS = ("--", ":(top)", *(f":(top,exclude,glob){pattern}" for pattern in _OUTPUTS))
_STATUS = (
    *("status", "--porcelain=v2", "--branch", "-z", "--no-renames"),
    *("--untracked-files=all", "--ignore-submodules=none"),
)
_ABSENT, _SUBMODULE = "000000", "160000"


@dataclass(frozen=True, slots=True)
class Code:
    """The code of a run; unknown parts are None, and `reason` says why."""

    commit: str | None = None
    branch: str | None = None
    """None on a detached head too."""
    remote: str | None = None
    """Without credentials: of `origin`, or the only or first other one."""
    pushed: bool | None = None
    """Whether the clone knows the commit on a branch of a remote."""
    folder: str = "."
    """The project's root, from the repository's top."""
    dirty: bool | None = None
    """Whether the commit alone is not the whole code."""
    diff: bytes = b""
    """From commit to working tree, for `git apply` at the top; sources may be in any encoding."""
    changed: Mapping[str, Mapping[str, str] | None] = field(default_factory=dict)
    """Files that the commit holds otherwise: path -> git's mode and, unless it could tell a secret, the SHA-256 of
    what is there; None for a file that is not part of the code any more."""
    untracked: Mapping[str, bytes] = field(default_factory=dict)
    """Sources git does not know: path from the repository's top -> content, of a link its target."""
    modes: Mapping[str, str] = field(default_factory=dict)
    """Git's mode of untracked sources that are no plain file."""
    left_out: Mapping[str, str] = field(default_factory=dict)
    """Changed or unknown files that are in neither of the two: path -> why."""
    altered: tuple[str, ...] = ()
    """Files in the diff or the sources that credentials were taken out of."""
    line_endings: Mapping[str, str] = field(default_factory=dict)
    """Git's settings under which the files were checked out: `core.autocrlf`, `core.eol`."""
    reason: str | None = None
    """Why there is no commit, or no diff."""

    @property
    def redacted(self) -> bool:
        """Whether credentials were removed from the diff, which may then no longer apply."""
        return bool(self.altered)

    @property
    def uncommitted(self) -> tuple[str, ...]:
        """The files that differ from the commit or are not in it."""
        return tuple(sorted({*self.changed, *self.untracked, *self.left_out}))

    def top_above(self, root: Path) -> Path:
        """Return the repository's top, given the project's root."""
        return root.resolve().joinpath(*[".."] * len(PurePosixPath(self.folder).parts)).resolve()

    def as_dict(self) -> dict[str, Any]:
        """Describe the code as JSON, with file contents as size and digest."""
        untracked = {name: _digest(content) for name, content in self.untracked.items()}
        for name, mode in self.modes.items():
            untracked[name]["mode"] = mode
        return {
            "commit": self.commit,
            "branch": self.branch,
            "remote": self.remote,
            "pushed": self.pushed,
            "folder": self.folder,
            "dirty": self.dirty,
            "diff": _digest(self.diff) if self.diff else None,
            "changed": {name: found and dict(found) for name, found in self.changed.items()},
            "untracked": untracked,
            "left_out": dict(self.left_out),
            "redacted": self.redacted,
            "altered": list(self.altered),
            "line_endings": dict(self.line_endings),
            "reason": self.reason,
        }


def capture_code(root: Path) -> Code:
    """Capture the repository that contains a folder; no answer of git makes it raise."""
    try:
        top = Path(text_of(ask_git(root, "rev-parse", "--show-toplevel")).removesuffix("\n"))
        prefix = text_of(ask_git(root, "rev-parse", "--show-prefix")).removesuffix("\n")
        if _is_ignored(root):
            return Code(reason="the repository around the folder ignores it")
        with plain_index(top) as variables:
            return _look(top, PurePosixPath(prefix).as_posix(), variables)
    except GitSilent as error:
        return Code(reason=redact(str(error)))


def _look(top: Path, folder: str, variables: Mapping[str, str]) -> Code:
    status = text_of(ask_git(top, *_STATUS, *_PATHS, variables=variables)).split("\0")
    head = dict(line[2:].split(" ", 1) for line in status if line.startswith("# branch."))
    commit = None if head["branch.oid"] == "(initial)" else head["branch.oid"]
    modes = _changed_files(status)
    patch = read_patch(top, *_PATHS, variables=variables) if commit and modes else Cleaned()
    sources = read_sources(top, _unknown_files(status, commit))
    left_out = _submodules_at_work(status) | patch.left_out | sources.left_out
    silent = {*left_out, *patch.altered}
    return Code(
        commit=commit,
        branch=None if head["branch.head"] == "(detached)" else head["branch.head"],
        remote=_remote(top),
        pushed=is_pushed(top) if commit else None,
        folder=folder,
        dirty=bool(modes or sources.kept or left_out),
        diff=b"".join(patch.kept.values()),
        changed={name: _state(top, name, modes[name], silent) for name in sorted(modes)} if commit else {},
        untracked=sources.kept,
        modes=sources.modes,
        left_out=left_out,
        altered=(*patch.altered, *sources.altered),
        line_endings=dict(settings_like(top, r"^core\.(autocrlf|eol)$")),
        reason=patch.reason if commit else "no commit yet",
    )


def mlflow_tags(code: Code, entry: str) -> dict[str, str]:
    """Return the tags that MLflow itself would set for a run started by `entry` (a command or a file)."""
    known = {
        "mlflow.source.git.commit": code.commit,
        "mlflow.source.git.branch": code.branch,
        "mlflow.source.git.repoURL": code.remote,
        "mlflow.source.name": redact(entry),
        "mlflow.source.type": "LOCAL",
        "mlflow.user": _user(),
    }
    return {tag: value for tag, value in known.items() if value}


def _changed_files(status: list[str]) -> dict[str, str]:
    """Map each file that differs from the commit to its mode in the working tree."""
    fields = [line.split(" ", 8) for line in status if line.startswith("1 ")]
    unmerged = [line.split(" ", 10) for line in status if line.startswith("u ")]
    return {words[8]: words[5] for words in fields} | {words[10]: words[6] for words in unmerged}


def _submodules_at_work(status: list[str]) -> dict[str, str]:
    """Name the submodules with changes of their own, which the diff leaves out."""
    fields = [line.split(" ", 8) for line in status if line.startswith("1 ")]
    return {
        words[8]: "a submodule with changes of its own"
        for words in fields
        if words[2].startswith("S") and words[2][2:] != ".."
    }


def _state(top: Path, name: str, mode: str, silent: set[str]) -> dict[str, str] | None:
    if mode == _ABSENT:
        return None
    # The digest of a file with a password in it would let the password be guessed at.
    digest = None if mode == _SUBMODULE or name in silent else digest_file(top / name)
    return {"mode": mode} | ({"sha256": digest} if digest else {})


def digest_file(path: Path) -> str | None:
    """Return the SHA-256 of a file, or of a link's target; None if it does not exist."""
    try:
        if path.is_symlink():
            return hashlib.sha256(os.fsencode(os.readlink(path))).hexdigest()
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None


def _unknown_files(status: list[str], commit: str | None) -> list[str]:
    names = [line[2:] for line in status if line.startswith("? ")]
    if commit is None:  # what was added so far is in no commit either
        names += [line.split(" ", 8)[8] for line in status if line.startswith("1 A")]
    return sorted(names)


def _is_ignored(root: Path) -> bool:
    try:
        ask_git(root, "check-ignore", "--quiet", ".")
    except GitSilent:  # that is how git says no
        return False
    return True


def _remote(top: Path) -> str | None:
    pairs = settings_like(top, r"^remote\..*\.url$")
    if not pairs:
        return None
    first = dict(reversed(pairs))  # a remote may have several addresses
    url = first.get("remote.origin.url", pairs[0][1])
    # MLflow's page makes a link of it, so nothing may stand for what was removed.
    return redact(url).replace(f"{REMOVED}@", "")


def _digest(content: bytes) -> dict[str, Any]:
    return {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}


def _user() -> str:
    try:
        return getpass.getuser()
    except (ImportError, KeyError, OSError):  # a container may run under a number without a name
        return "unknown"
