"""The index to ask about a working tree: one that hides nothing."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from runcard.provenance.git import ask_git


@contextmanager
def plain_index(top: Path) -> Iterator[Mapping[str, str]]:
    """Give the environment variables with which git compares every file that is there.

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
