"""Capture of source files that git does not track yet."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from runcard.provenance.capture.secrets import Cleaned, left_out_as, named_like_secret, secret_in

LARGEST_TEXT_BYTES = 1024 * 1024
"""Of a file that may be data as well, such as JSON; code is kept whatever its length."""
MOST_SOURCE_BYTES = 64 * 1024 * 1024
MOST_SOURCE_FILES = 10_000

_CODE = frozenset(
    (*(".py", ".pyi", ".pyx", ".pxd", ".ipynb", ".r", ".jl", ".sql", ".sh"), *(".c", ".h", ".cpp", ".hpp", ".rs"))
)
_TEXT = frozenset([".yaml", ".yml", ".toml", ".cfg", ".ini", ".json", ".md", ".rst", ".txt", ".mk", ".lock"])
_SOURCE_NAMES = frozenset({"makefile", "dockerfile", "justfile", "snakefile", "procfile"})


def read_sources(top: Path, names: Iterable[str]) -> Cleaned:
    """Read those files below a folder that are source files."""
    clean = Cleaned()
    total = 0
    sources = [name for name in names if named_like_secret(name) or _is_source(top, name)]
    for place, name in enumerate(sources):
        if total > MOST_SOURCE_BYTES or len(clean.kept) >= MOST_SOURCE_FILES:
            # Packages or data that somebody forgot to have ignored: reading on would hold up the run.
            clean.left_out["..."] = f"untracked; {len(sources) - place} more files, too many to keep"
            break
        if why := _read(clean, top, name):
            clean.left_out[name] = f"untracked; {why}"
        else:
            total += len(clean.kept.get(name, b""))
    return clean


def _read(clean: Cleaned, top: Path, name: str) -> str:
    """Add a file to what is kept, or note why it is left out."""
    path = top / name
    if name.endswith("/"):
        return "a git repository of its own"
    if named_like_secret(name):
        return "looks like a secret"
    try:
        mode = path.lstat().st_mode
        content = os.fsencode(os.readlink(path)) if stat.S_ISLNK(mode) else _content(path, mode)
    except OSError:
        return "cannot be read"
    if stat.S_ISLNK(mode):
        return _keep_link(clean, name, content)
    if why := _why_left_out(name, content):
        return why
    clean.keep(name, content)
    if mode & stat.S_IXUSR:
        clean.modes[name] = "100755"
    return ""


def _content(path: Path, mode: int) -> bytes:
    if not stat.S_ISREG(mode):
        raise OSError("a pipe or a device")
    with path.open("rb") as file:
        return file.read(MOST_SOURCE_BYTES + 1)


def _keep_link(clean: Cleaned, name: str, target: bytes) -> str:
    if leads_out(name, target):
        return "a link that leads out of the repository"
    clean.kept[name] = target
    clean.modes[name] = "120000"
    return ""


def leads_out(name: str, target: bytes) -> bool:
    """Tell whether a link in the repository points outside it, or into `.git`."""
    parts = os.path.normpath(os.path.join(os.path.dirname(name), os.fsdecode(target))).split(os.sep)
    return os.path.isabs(target) or parts[0] in ("..", ".git")


def _why_left_out(name: str, content: bytes) -> str:
    largest = MOST_SOURCE_BYTES if PurePosixPath(name.lower()).suffix in _CODE else LARGEST_TEXT_BYTES
    if len(content) > largest:
        return f"larger than {largest // 1024 // 1024} MB"
    if b"\0" in content:
        return "not text"
    kind = secret_in(content)
    return left_out_as(kind) if kind else ""


def _is_source(top: Path, name: str) -> bool:
    path = PurePosixPath(name.lower())
    if path.suffix in _CODE or path.suffix in _TEXT or path.name in _SOURCE_NAMES or name.endswith("/"):
        return True
    link = top / name
    return link.is_symlink() and link.is_dir() and not os.path.isabs(os.readlink(link))
