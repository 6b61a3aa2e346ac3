"""The patch from a commit to the working tree, file by file."""

from __future__ import annotations

import codecs
import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from runcard.provenance.capture.secrets import Cleaned, left_out_as, named_like_secret, secret_in, text_of
from runcard.provenance.git import GitSilent, ask_git

# Every switch undoes a setting that would make a patch `git apply` does not take.
_DIFF = (
    *("diff", "HEAD", "--binary", "--find-renames", "--no-color", "--no-ext-diff", "--no-textconv"),
    *("--src-prefix=a/", "--dst-prefix=b/", "--unified=3"),
    *("--submodule=short", "--ignore-submodules=dirty"),
)
_EXTENT = ("apply", "-z", "--whitespace=nowarn")
_BINARY = b"\nGIT binary patch\n"
_PATIENCE = 6.0  # a diff of gigabytes takes minutes


def read_patch(top: Path, *paths: str, variables: Mapping[str, str]) -> Cleaned:
    """Read the patch without the files that look like secrets; the rest still applies."""
    try:
        diff = ask_git(top, *_DIFF, *paths, variables=variables, patience=_PATIENCE)
    except GitSilent as error:
        return Cleaned(reason=f"no diff: {error}")
    clean = Cleaned()
    for section in sections_of(diff):
        old, name = names_of(section)
        binary = _BINARY in section
        if named_like_secret(old) or named_like_secret(name):
            clean.left_out[name] = "changed; looks like a secret"
        elif kind := secret_in(_text_in(section, top / name)):
            clean.left_out[name] = f"changed; {left_out_as(kind)}"
        elif binary:  # what looks like credentials in base 85 is none
            clean.kept[name] = clean.kept.get(name, b"") + section
        else:
            clean.keep(name, section)
    for name in clean.left_out:  # a file that became a link has two sections
        clean.kept.pop(name, None)
    return clean


def _text_in(section: bytes, path: Path) -> bytes:
    """Return the text to search for secrets: of a binary patch, the file itself."""
    if _BINARY not in section:
        return section
    try:
        return path.read_bytes()
    except OSError:  # it was removed
        return b""


@dataclass(frozen=True, slots=True)
class Extent:
    """The effect of a patch as `git apply` understands it, which may differ from its headers."""

    names: tuple[str, ...]
    n_lines: int
    """Added and removed; a binary file has none."""
    only_edits: bool
    """Whether it makes, removes, renames and remodes nothing."""


def extent_of(diff: bytes, repository: Path) -> Extent:
    """Determine the effect of a patch without applying it.

    Raises
    ------
    GitSilent
        It is no patch.
    """
    if not diff:
        return Extent((), 0, only_edits=True)
    # From below the top, `git apply` would leave out what lies elsewhere.
    top = Path(text_of(ask_git(repository, "rev-parse", "--show-toplevel")).removesuffix("\n"))
    rows = [row.split("\t", 2) for row in text_of(ask_git(top, *_EXTENT, "--numstat", "-", feed=diff)).split("\0")]
    counts = [int(number) for row in rows if len(row) == 3 for number in row[:2] if number.isdigit()]
    summary = ask_git(top, *_EXTENT, "--summary", "-", feed=diff)
    return Extent(tuple(row[2] for row in rows if len(row) == 3), sum(counts), only_edits=not summary.strip())


def sections_of(diff: bytes) -> Iterator[bytes]:
    """Split a patch into one for each file."""
    # The content of a file is indented by a mark, so this cannot be found within one.
    starts = [found.start() for found in re.finditer(rb"^diff --git ", diff, re.MULTILINE)]
    for start, end in pairwise([*starts, len(diff)]):
        yield diff[start:end]


def names_of(section: bytes) -> tuple[str, str]:
    """Give a file's path before and after a patch."""
    header = section.partition(b"\n@@")[0].partition(_BINARY)[0]
    first, *lines = header.split(b"\n")
    renamed = [
        line.removeprefix(word) for word in (b"rename from ", b"rename to ") for line in lines if line.startswith(word)
    ]
    if len(renamed) == 2:
        return _unquoted(renamed[0]), _unquoted(renamed[1])
    both = first.removeprefix(b"diff --git ")
    name = _unquoted(both[len(both) // 2 + 1 :]).removeprefix("b/")  # `a/NAME b/NAME`
    return name, name


def _unquoted(name: bytes) -> str:
    """Undo git's C-style quoting of paths with quotes, backslashes or control characters."""
    if not name.startswith(b'"'):
        return text_of(name)
    content, _ = codecs.escape_decode(name[1:-1])
    return text_of(content)


@contextmanager
def plain_index(top: Path) -> Iterator[Mapping[str, str]]:
    """Give the environment variables that make git compare every existing file.

    `git update-index --assume-unchanged` and `--skip-worktree` keep changes from `git status` and `git diff`. Where
    a file is so marked, a copy of the index without the marks stands in for it; the index itself is not touched.

    Raises
    ------
    GitSilent
    """
    entries = ask_git(top, "ls-files", "-v", "-z").split(b"\0")
    hidden = [entry[2:] for entry in entries if entry[:1].islower() or entry[:1] == b"S"]
    hidden = [name for name in hidden if os.path.lexists(os.path.join(os.fsencode(top), name))]
    if not hidden:
        yield {}
        return
    index = Path(os.fsdecode(ask_git(top, "rev-parse", "--git-path", "index").removesuffix(b"\n")))
    with tempfile.TemporaryDirectory(prefix="runcard-") as folder:
        shutil.copy2(top / index, Path(folder) / "index")
        variables = {"GIT_INDEX_FILE": str(Path(folder) / "index")}
        names = b"".join(name + b"\0" for name in hidden)
        for flag in ("--no-assume-unchanged", "--no-skip-worktree"):
            ask_git(top, "update-index", flag, "-z", "--stdin", feed=names, variables=variables)
        yield variables
