"""Whether a recorded run's code may run here: others may have written it to the store.

Why: docs/adr/0036-whose-code-runs.md
"""

from __future__ import annotations

import hashlib
import importlib.metadata
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from runcard import errors
from runcard.data.lockfile import NAME as LOCK
from runcard.journal import is_begun, open_journal
from runcard.journal.book import FILE
from runcard.printable import printable_line
from runcard.project import Project
from runcard.provenance.capture.environment import normalised, sources_of
from runcard.provenance.capture.patch import Extent, extent_of
from runcard.provenance.git import GitSilent, ask_git, author_of, remote_branch_of
from runcard.provenance.rebuild.code import commit_missing
from runcard.provenance.rebuild.declared import declared_by
from runcard.redact import redact
from runcard.workflow.replay.options import Options

if TYPE_CHECKING:
    from runcard.provenance.capture.code import Code
    from runcard.workflow.replay.recorded import Recorded

OF_JOURNAL = "this project's journal has the run"
ALLOWED = "--allow-code was said"
AGREED = "you said so when asked"
_UNASKED = "a remote is asked for it only once somebody answers for it: `--allow-code`"
_DECIDING = ("code.json", "environment.json")
"""They hold the digests of the diff and of the sources, and every package: with them all that would be run."""


@dataclass(frozen=True, slots=True)
class Foreign:
    """Code that a replay would run and that nobody is known to answer for."""

    run_name: str
    why: tuple[str, ...]
    commit: str
    author: str
    """Of the commit, as it says."""
    n_files: int
    """That are not committed."""
    n_lines: int
    """Added, removed or new in them."""
    n_packages: int
    unknown: tuple[str, ...]
    """The packages among them that are neither installed here nor declared by the commit."""

    def __str__(self) -> str:
        """Describe each kind of code in a line, with control characters in names escaped."""
        packages = f"{self.n_packages:,} packages would be installed"
        lines = [
            f"commit {self.commit}, {self.author}",
            f"{_count(self.n_files, 'file')} not committed, {_count(self.n_lines, 'line')}",
            packages + (f", among them {errors.listing(self.unknown)}" if self.unknown else ""),
        ]
        return "\n".join(map(printable_line, lines))


def why_trusted(recorded: Recorded, code: Code, environment: Mapping[str, Any], project: Project, opts: Options) -> str:
    """Say why the code of a run may run here, calling `opts.ask` if nothing else decides.

    Parameters
    ----------
    environment
        The recorded one, checked.

    Raises
    ------
    CodeForeign
        Nobody answers for it.
    """
    if _is_own(recorded, project):
        return OF_JOURNAL
    branch, extent = remote_branch_of(project.root, str(code.commit)), _extent_of(code, project)
    unknown = _unknown_packages(environment, project, str(code.commit) if branch else None)
    if branch and _is_committed(code, extent) and not unknown:
        return f"its commit is on {branch} of this clone and nothing was uncommitted"
    if opts.allow_code:
        return ALLOWED
    if opts.ask is None and author_of(project.root, str(code.commit)) is None:
        raise commit_missing(code, _UNASKED)
    doubts = _doubts(branch, unknown, is_committed=_is_committed(code, extent))
    foreign = _describe(recorded, code, environment, project, extent, unknown, doubts)
    if opts.ask is not None and opts.ask(_question(foreign)):
        return AGREED
    raise _refusal(foreign, was_asked=opts.ask is not None)


def _is_own(recorded: Recorded, project: Project) -> bool:
    """Tell whether exactly this code with these packages was once run here, under any name."""
    if not is_begun(project.home) or _came_along(project):
        return False
    kept = recorded.provenance
    digests = {f"provenance/{name}": hashlib.sha256(kept[name]).hexdigest() for name in _DECIDING if name in kept}
    with open_journal(project.home) as journal:
        return len(digests) == len(_DECIDING) and journal.has_files(digests)


def _came_along(project: Project) -> bool:
    """Tell whether the journal came with the repository, so that others wrote it."""
    try:
        return bool(ask_git(project.root, "ls-files", "-z", "--", str(project.home / FILE)))
    except GitSilent:  # no repository
        return False


def _unknown_packages(environment: Mapping[str, Any], project: Project, commit: str | None) -> tuple[str, ...]:
    """Name packages neither installed here nor declared by the commit: a record may name any package."""
    here = list(importlib.metadata.distributions())
    names = {normalised(package.name) for package in here if package.name}
    known, recorded = sources_of(here, project.root), environment.get("sources") or {}
    packages = {name: version for name, version in environment["packages"].items() if version}
    # A folder of the commit is code of the commit.
    foreign = [name for name in recorded if "folder" not in recorded[name] and known.get(name) != recorded[name]]
    missing = [name for name in packages if name not in recorded and normalised(name) not in names]
    if missing and commit:
        declared = declared_by(commit, project.root)
        missing = [name for name in missing if normalised(name) not in declared]
    return (
        *(f"{name} from {redact(str(recorded[name].get('url')))}" for name in foreign if name in packages),
        *(f"{name}=={packages[name]}" for name in missing),
    )


def _extent_of(code: Code, project: Project) -> Extent | None:
    try:
        return extent_of(code.diff, project.root)
    except GitSilent:  # it is no patch, and not taken for one
        return None


def _is_committed(code: Code, extent: Extent | None) -> bool:
    """Tell whether the commit has all the code; the lock file, which runcard writes itself, is data."""
    lock = (PurePosixPath(code.folder) / LOCK).as_posix()
    if extent is None or not extent.only_edits or code.modes.get(lock):
        return False
    return {*extent.names, *code.uncommitted} <= {lock}


def _doubts(branch: str | None, unknown: tuple[str, ...], *, is_committed: bool) -> tuple[str, ...]:
    found = {
        "this project's journal has no run with this code and these packages": True,
        "its commit is on no branch of a remote that this clone knows": branch is None,
        "not all of it is committed": not is_committed,
        "it names packages that are neither installed here nor declared by its commit": bool(unknown),
    }
    return tuple(doubt for doubt, holds in found.items() if holds)


def _describe(
    recorded: Recorded,
    code: Code,
    environment: Mapping[str, Any],
    project: Project,
    extent: Extent | None,
    unknown: tuple[str, ...],
    doubts: tuple[str, ...],
) -> Foreign:
    author = author_of(project.root, str(code.commit))
    whose = f"by {author}" if author else "which this clone does not have"
    names = extent.names if extent else ("diff.patch",)
    n_lines = extent.n_lines if extent else code.diff.count(b"\n")
    return Foreign(
        run_name=recorded.run.name,
        why=doubts,
        commit=str(code.commit)[:12],
        author=whose,
        n_files=len({*names, *code.uncommitted}),
        n_lines=n_lines + sum(content.count(b"\n") + 1 for content in code.untracked.values()),
        n_packages=sum(bool(version) for version in environment["packages"].values()),
        unknown=unknown,
    )


def _question(foreign: Foreign) -> str:
    return f"`{printable_line(foreign.run_name)}` would run code that nobody here is known to answer for:\n{foreign}"


def _refusal(foreign: Foreign, *, was_asked: bool) -> errors.CodeForeign:
    look = "look at it, `git fetch --all` if it was pushed since; `--allow-code` runs it with your rights"
    return errors.CodeForeign(
        f"nobody here is known to answer for the code of `{foreign.run_name}`",
        where=str(foreign),
        why="\n".join(foreign.why),
        hint="nothing was run" if was_asked else look,
    )


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
