"""Restoring a run's code as it was, in a folder of its own.

Why: docs/adr/0019-made-again-in-a-borrowed-repository.md
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from runcard import errors
from runcard.provenance.capture.code import Code, digest_file
from runcard.provenance.capture.untracked import leads_out
from runcard.provenance.git import GitSilent, ask_git, settings_like
from runcard.provenance.rebuild.beneath import edit_beneath, folder_beneath, link_beneath, write_beneath
from runcard.provenance.rebuild.records import is_address
from runcard.redact import redact

_SUBMODULE = "160000"
_FETCH = (
    *("-c", "core.askPass=", "fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--no-recurse-submodules"),
    *("--no-auto-maintenance", "--no-prune"),
)
_FETCH_PATIENCE = 3.0
_PATIENCE = 15.0
# Whoever must be asked for a password has no part in a fetch that nobody waits for.
_ONLINE = {
    "GIT_ALLOW_PROTOCOL": "file:git:http:https:ssh",
    "SSH_ASKPASS_REQUIRE": "never",
    "GIT_SSH_COMMAND": "ssh -oBatchMode=yes -oConnectTimeout=10",
}
_QUIET_FILTERS = {"GIT_LFS_SKIP_SMUDGE": "1"}


@dataclass(frozen=True, slots=True)
class Restored:
    """A run's code, restored in a folder of its own."""

    top: Path
    """The repository's top."""
    root: Path
    """The project's root, at or below it."""
    remarks: tuple[str, ...] = ()
    """What is not as it was, a sentence each."""


def restore_code(code: Code, *, repository: Path, into: Path) -> Restored:
    """Check out a run's commit in an empty folder and apply its uncommitted changes.

    The folder becomes a repository that borrows the objects of `repository`, in which nothing is written: neither a
    worktree is entered nor a branch. So nothing is left of it when the folder is gone, however this ends.

    Parameters
    ----------
    code
        As `read_code` gives it.
    repository
        A folder in a clone; what the clone lacks is fetched from its remotes and from the recorded one, if that asks
        for no password.

    Raises
    ------
    CodeUnrecorded, CommitMissing, CodeNotRestored
    """
    require_whole(code)
    try:
        _borrow(code, repository, into)
        _check_out(code, into)
        missing = list(_fill_submodules(repository, into))
    except (GitSilent, OSError) as error:
        raise _not_restored(code, redact(str(error))) from None
    _compare(code, into)
    _write_sources(code, into)
    return Restored(into, into / code.folder, tuple([*_remarks(code), *missing]))


def require_whole(code: Code) -> None:
    """Require that a run's code is completely recorded: a commit, and the changes since.

    Raises
    ------
    CodeUnrecorded, CodeNotRestored
    """
    if code.commit is None:
        raise _unrecorded(code)
    if code.reason is not None:  # git could not tell the diff
        raise _unknown(code)


def _borrow(code: Code, repository: Path, into: Path) -> None:
    """Make a repository that borrows the clone's objects and whose branch is at the commit."""
    into.mkdir(parents=True, exist_ok=True)
    commit = str(code.commit)
    kind = "sha256" if len(commit) == 64 else "sha1"
    ask_git(into, "init", "--quiet", "--template=", f"--object-format={kind}")
    for name, value in {"core.autocrlf": "false", **code.line_endings, **_remote_setting(code)}.items():
        ask_git(into, "config", name, value)
    if objects := _objects_of(repository):
        (into / ".git" / "objects" / "info").mkdir(exist_ok=True)
        (into / ".git" / "objects" / "info" / "alternates").write_bytes(os.fsencode(objects) + b"\n")
    if not _has(into, commit):
        _fetch(code, repository, into)
    branch = f"refs/heads/{code.branch or 'detached'}"
    ask_git(into, "update-ref", branch, commit)
    ask_git(into, "symbolic-ref", "HEAD", branch)
    if code.branch is None:
        ask_git(into, "update-ref", "--no-deref", "HEAD", commit)


def _remote_setting(code: Code) -> dict[str, str]:
    return {"remote.origin.url": code.remote} if is_address(code.remote) and code.remote else {}


def _objects_of(repository: Path) -> str | None:
    try:
        found = ask_git(repository, "rev-parse", "--git-path", "objects").removesuffix(b"\n")
    except GitSilent:
        return None
    return str(Path(repository, os.fsdecode(found)).resolve())


def _has(repository: Path, commit: str) -> bool:
    try:
        ask_git(repository, "cat-file", "-e", f"{commit}^{{tree}}")
    except GitSilent:
        return False
    return True


def _fetch(code: Code, repository: Path, into: Path) -> None:
    """Fetch the commit into the new repository with the clone's settings, which may hold credentials for it."""
    said = "no remote is known"
    objects = _objects_of(repository)
    variables = _ONLINE | {name: os.environ[name] for name in ("GIT_SSH_COMMAND", "GIT_SSH") if name in os.environ}
    if objects:
        variables |= {
            "GIT_OBJECT_DIRECTORY": str(into / ".git" / "objects"),
            "GIT_ALTERNATE_OBJECT_DIRECTORIES": objects,
        }
    for address in _addresses(code, repository):
        words = (*_FETCH, "--end-of-options", address, str(code.commit))
        try:
            ask_git(repository if objects else into, *words, patience=_FETCH_PATIENCE, variables=variables)
            return
        except GitSilent as error:
            said = redact(f"{address}: {error}")
    raise commit_missing(code, f"it cannot be fetched: {said}")


def _addresses(code: Code, repository: Path) -> Iterator[str]:
    """Give the addresses of the clone's remotes, which may include credentials, and the recorded one."""
    own = [url for _, url in settings_like(repository, r"^remote\..*\.url$")]
    yield from own
    if code.remote and code.remote not in own and is_address(code.remote):
        yield code.remote


def _check_out(code: Code, into: Path) -> None:
    ask_git(into, "read-tree", "HEAD")
    if code.diff:
        # In the index, where line endings are git's own, not in files that have the user's.
        ask_git(into, "apply", "--cached", "--binary", "--whitespace=nowarn", "-", feed=code.diff, patience=_PATIENCE)
    ask_git(into, "checkout-index", "--all", "--force", "--index", variables=_QUIET_FILTERS, patience=_PATIENCE)


def _fill_submodules(repository: Path, into: Path) -> Iterator[str]:
    """Check out the recorded commit of each submodule that the clone has; name the others."""
    for line in ask_git(into, "ls-files", "--stage", "-z").split(b"\0"):
        about, _, path = line.partition(b"\t")
        if not about.startswith(_SUBMODULE.encode()):
            continue
        name, commit = os.fsdecode(path), about.split()[1].decode()
        own = _top_of(repository) / name
        if not (own / ".git").exists() or not _has(own, commit):
            yield f"the submodule {name} is empty: this clone does not have its commit {commit[:12]}"
            continue
        part, folder = Code(commit=commit), folder_beneath(into, name)
        _borrow(part, own, folder)
        _check_out(part, folder)
        yield from _fill_submodules(own, folder)


def _top_of(repository: Path) -> Path:
    return Path(os.fsdecode(ask_git(repository, "rev-parse", "--show-toplevel").removesuffix(b"\n")))


def _compare(code: Code, into: Path) -> None:
    """Compare the restored files with the recorded digests; only line endings are corrected."""
    for name, recorded in code.changed.items():
        path = into / name
        if name in code.left_out:
            continue
        if recorded is None:
            unlike = os.path.lexists(path)
        elif "sha256" not in recorded:
            unlike = False
        else:
            unlike = not _is_like(into, name, recorded)
        if unlike:
            raise _not_restored(code, f"{name} does not come out with the content that was recorded")


def _is_like(into: Path, name: str, recorded: Mapping[str, str]) -> bool:
    path = into / name
    if digest_file(path) == recorded["sha256"]:
        return True
    if path.is_symlink() or not path.is_file():
        return False
    # A file may have had other line endings than git's settings give it.
    try:
        with edit_beneath(into, name) as file:
            content = file.read().replace(b"\r\n", b"\n")
            for other in (content, content.replace(b"\n", b"\r\n")):
                if hashlib.sha256(other).hexdigest() == recorded["sha256"]:
                    file.seek(0)
                    file.write(other)
                    file.truncate()
                    return True
    except OSError:  # a link or a folder is on the way
        return False
    return False


def _write_sources(code: Code, into: Path) -> None:
    for name, content in code.untracked.items():
        mode = code.modes.get(name)
        try:
            if mode != "120000":
                write_beneath(into, name, content, mode=0o755 if mode == "100755" else 0o644)
            elif leads_out(name, content):
                raise _not_restored(code, f"the link {name} leads out of the repository")
            else:
                link_beneath(into, name, content)
        except OSError as error:
            raise _not_restored(code, f"{name} cannot be written where it was: {error.strerror or error}") from error


def _remarks(code: Code) -> Iterator[str]:
    for name, why in code.left_out.items():
        yield f"{name} was not kept with the run ({why})"
    if code.remote and not is_address(code.remote):
        yield f"its remote {code.remote[:80]!r} is no address of a known form, and was not asked"
    if code.altered:
        yield f"{errors.listing(code.altered)} lack the credentials they had"


def _unrecorded(code: Code) -> errors.CodeUnrecorded:
    return errors.CodeUnrecorded(
        "the code of this run is in no git commit",
        where="the run's artifacts, provenance/code.json",
        why=code.reason or "no commit was recorded",
        hint="with that code at hand: `runcard reproduce RUN --here`; commit before the next run",
    )


def _unknown(code: Code) -> errors.CodeNotRestored:
    return errors.CodeNotRestored(
        f"what was changed since commit {str(code.commit)[:12]} is not known",
        where="the run's artifacts, provenance/code.json",
        why=code.reason or "",
        hint="with that code at hand: `runcard reproduce RUN --here`",
    )


def commit_missing(code: Code, why: str) -> errors.CommitMissing:
    """Make the error for a commit that the clone lacks, saying why it was not fetched."""
    pushed = {
        True: "it was on a remote branch",
        False: "it was on no remote branch",
        None: "nobody knows whether pushed",
    }
    whose = f" of {code.remote}" if code.remote else ""
    hint = (
        "run `git fetch --all` here and try again"
        if code.pushed
        else "ask whoever made the run to push the commit, run `git fetch --all` here and try again"
    )
    return errors.CommitMissing(
        f"the commit {code.commit} is not in this clone",
        where=f"branch {code.branch or '(none)'}{whose}",
        why=f"{pushed[code.pushed]} when the run was made, and {why}",
        hint=hint,
    )


def _not_restored(code: Code, said: str) -> errors.CodeNotRestored:
    why = f"{said}; credentials were taken out of {errors.listing(code.altered)}" if code.altered else said
    return errors.CodeNotRestored(
        f"the code of this run cannot be put back on commit {str(code.commit)[:12]}",
        where="the run's artifacts, provenance/diff.patch" if code.diff else f"commit {code.commit}",
        why=why,
        hint="with that code at hand: `runcard reproduce RUN --here`",
    )
