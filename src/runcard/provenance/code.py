"""Which code made a run: the commit, and all that the commit does not hold."""

from __future__ import annotations

import getpass
import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from runcard.provenance.git import GitSilent, ask_git
from runcard.provenance.secrets import holds_secret, named_like_secret
from runcard.redact import REMOVED, redact

LARGEST_SOURCE_BYTES = 512 * 1024
MOST_SOURCE_BYTES = 16 * 1024 * 1024
MOST_SOURCE_FILES = 2_000

_CODE = (
    ".py",
    ".pyi",
    ".pyx",
    ".pxd",
    ".ipynb",
    ".r",
    ".jl",
    ".sql",
    ".sh",
    ".c",
    ".h",
    ".cpp",
    ".hpp",
    ".rs",
)
_TEXT = (".yaml", ".yml", ".toml", ".cfg", ".ini", ".json", ".md", ".rst", ".txt", ".mk", ".lock")
_SOURCE_NAMES = frozenset({"makefile", "dockerfile", "justfile", "snakefile", "procfile"})
# What runcard and MLflow write themselves is no code, even where somebody committed it.
_OUTPUTS = ("**/.runcard/**", "**/mlflow.db*", "**/mlartifacts/**", "**/mlruns/**")
_PATHS = ("--", ":(top)", *(f":(top,exclude,glob){pattern}" for pattern in _OUTPUTS))
# Every switch undoes a setting that would make a patch `git apply` does not take.
_DIFF = (
    *("diff", "HEAD", "--binary", "--find-renames", "--no-color", "--no-ext-diff", "--no-textconv"),
    *("--src-prefix=a/", "--dst-prefix=b/", "--unified=3"),
    *("--submodule=short", "--ignore-submodules=dirty"),
)
_STATUS = ("status", "--porcelain=v2", "--branch", "-z", "--no-renames", "--untracked-files=all")
_BINARY_PATCH = b"\nGIT binary patch\n"


@dataclass(frozen=True, slots=True)
class Code:
    """The code of a run; what is unknown is None, and `reason` says why."""

    commit: str | None = None
    branch: str | None = None
    """None on a detached head too."""
    remote: str | None = None
    """Without credentials: of `origin`, or the only or first other one."""
    dirty: bool | None = None
    """Whether the commit alone is not the whole code."""
    diff: bytes = b""
    """From commit to working tree, for `git apply` at the top; sources may be in any encoding."""
    untracked: Mapping[str, bytes] = field(default_factory=dict)
    """Sources git does not know: path from the repository's top -> content."""
    left_out: Mapping[str, str] = field(default_factory=dict)
    """Changed or unknown files that are in neither of the two: path -> why."""
    redacted: bool = False
    """Whether credentials were taken out of the diff or the sources; such a diff may not apply."""
    reason: str | None = None
    """Why there is no commit."""

    def as_dict(self) -> dict[str, Any]:
        """Describe the code as JSON, file contents as size and digest."""
        return {
            "commit": self.commit,
            "branch": self.branch,
            "remote": self.remote,
            "dirty": self.dirty,
            "diff": _digest(self.diff) if self.diff else None,
            "untracked": {name: _digest(content) for name, content in self.untracked.items()},
            "left_out": dict(self.left_out),
            "redacted": self.redacted,
            "reason": self.reason,
        }

    def files(self) -> dict[str, bytes]:
        """Return what to keep beside the description: `diff.patch` and `untracked/<path>`."""
        kept = {f"untracked/{name}": content for name, content in self.untracked.items()}
        return ({"diff.patch": self.diff} if self.diff else {}) | kept


def capture_code(root: Path) -> Code:
    """Look at the repository that a folder is in; never raises for what git says or lacks."""
    try:
        top = Path(_text(ask_git(root, "rev-parse", "--show-toplevel")).removesuffix("\n"))
        status = _text(ask_git(top, *_STATUS, *_PATHS)).split("\0")
    except GitSilent as error:
        return Code(reason=redact(str(error)))
    if _is_ignored(root):
        return Code(reason="the repository around the folder ignores it")
    head = dict(line[2:].split(" ", 1) for line in status if line.startswith("# branch."))
    commit = None if head["branch.oid"] == "(initial)" else head["branch.oid"]
    changed = any(line.startswith(("1 ", "u ")) for line in status)
    patch = _read_patch(top) if commit and changed else _Cleaned()
    sources = _read_sources(top, _unknown_files(status, commit))
    return Code(
        commit=commit,
        branch=None if head["branch.head"] == "(detached)" else head["branch.head"],
        remote=_remote(top),
        dirty=changed or bool(sources.kept or sources.left_out),
        diff=b"".join(patch.kept.values()),
        untracked=sources.kept,
        left_out=patch.left_out | sources.left_out,
        redacted=patch.redacted or sources.redacted,
        reason=patch.reason if commit else "no commit yet",
    )


def mlflow_tags(code: Code, entry: str) -> dict[str, str]:
    """Return the tags that MLflow itself would set, for a run started by `entry` (a command or a file)."""
    known = {
        "mlflow.source.git.commit": code.commit,
        "mlflow.source.git.branch": code.branch,
        "mlflow.source.git.repoURL": code.remote,
        "mlflow.source.name": redact(entry),
        "mlflow.source.type": "LOCAL",
        "mlflow.user": _user(),
    }
    return {tag: value for tag, value in known.items() if value}


@dataclass(slots=True)
class _Cleaned:
    kept: dict[str, bytes] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    redacted: bool = False
    reason: str | None = None

    def keep(self, name: str, content: bytes) -> None:
        self.kept[name] = redact(_text(content)).encode("utf-8", "surrogateescape")
        self.redacted |= self.kept[name] != content


def _read_patch(top: Path) -> _Cleaned:
    """Read the patch file by file without those that look like secrets; the rest still applies."""
    try:
        diff = ask_git(top, *_DIFF, *_PATHS)
    except GitSilent as error:
        return _Cleaned(reason=f"no diff: {error}")
    clean = _Cleaned()
    for section in _sections(diff):
        old, name = _names_of(section)
        binary = _BINARY_PATCH in section
        if named_like_secret(old) or named_like_secret(name) or (not binary and holds_secret(section)):
            clean.left_out[name] = "changed; looks like a secret"
        elif binary:  # what looks like a token in base 85 is none
            clean.kept[name] = section
        else:
            clean.keep(name, section)
    return clean


def _names_of(section: bytes) -> tuple[str, str]:
    old, _, new = _text(section.partition(b"\n")[0]).removeprefix("diff --git ").rpartition("b/")
    return old.strip('" ').removeprefix("a/"), new.strip('"')


def _sections(diff: bytes) -> Iterator[bytes]:
    # The content of a file is indented by a mark, so this cannot be found within one.
    starts = [found.start() for found in re.finditer(rb"^diff --git ", diff, re.MULTILINE)]
    for start, end in zip(starts, [*starts[1:], len(diff)], strict=True):
        yield diff[start:end]


def _read_sources(top: Path, names: Iterable[str]) -> _Cleaned:
    clean = _Cleaned()
    total = 0
    sources = [name for name in names if named_like_secret(name) or _is_source(name)]
    for place, name in enumerate(sources):
        if total > MOST_SOURCE_BYTES or len(clean.kept) >= MOST_SOURCE_FILES:
            # Packages or data that somebody forgot to have ignored: reading on would hold up the run.
            clean.left_out["..."] = f"untracked; {len(sources) - place} more files, too many to keep"
            break
        if named_like_secret(name):
            clean.left_out[name] = "untracked; looks like a secret"
        elif (content := _read(top / name)) is not None:
            total += len(content)
            if why := _why_left_out(content):
                clean.left_out[name] = f"untracked; {why}"
            else:
                clean.keep(name, content)
    return clean


def _why_left_out(content: bytes) -> str | None:
    if len(content) > LARGEST_SOURCE_BYTES:
        return f"larger than {LARGEST_SOURCE_BYTES // 1024} KB"
    if b"\0" in content:
        return "not text"
    return "looks like a secret" if holds_secret(content) else None


def _read(path: Path) -> bytes | None:
    if path.is_symlink() or not path.is_file():  # a link may lead out of the repository
        return None
    try:
        with path.open("rb") as file:
            return file.read(LARGEST_SOURCE_BYTES + 1)
    except OSError:  # gone or closed to us: git names it, nobody can read it
        return None


def _is_source(name: str) -> bool:
    path = PurePosixPath(name.lower())
    return path.suffix in (*_CODE, *_TEXT) or path.name in _SOURCE_NAMES


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
    try:
        lines = _text(ask_git(top, "config", "--get-regexp", r"^remote\..*\.url$")).splitlines()
    except GitSilent:  # no remote at all
        return None
    pairs = [line.partition(" ") for line in lines]
    first = {name: url for name, _, url in reversed(pairs)}  # a remote may have several addresses
    url = first.get("remote.origin.url", pairs[0][2])
    # MLflow's page makes a link of it, so nothing may stand for what was removed.
    return redact(url).replace(f"{REMOVED}@", "")


def _text(content: bytes) -> str:
    return content.decode("utf-8", "surrogateescape")


def _digest(content: bytes) -> dict[str, Any]:
    return {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}


def _user() -> str:
    try:
        return getpass.getuser()
    except (ImportError, KeyError, OSError):  # a container may run under a number without a name
        return "unknown"
