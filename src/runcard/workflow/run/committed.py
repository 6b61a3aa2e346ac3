"""The project's policy for uncommitted code: keep it silently, warn, or refuse to run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runcard import errors
from runcard.project import Project
from runcard.workflow.run.listener import Listener

if TYPE_CHECKING:
    from runcard.provenance.capture.code import Code

_MOST_NAMES = 20


def heed_uncommitted(project: Project, listener: Listener) -> None:
    """Warn of uncommitted code, or refuse to run, before anything is read or trained.

    What the run itself is about to write, such as a first `runcard.lock`, is not held against it.

    Raises
    ------
    TreeDirty
    """
    from runcard.provenance.capture.code import capture_code

    if project.settings.dirty == "capture":
        return  # what git refuses is told once the run's code was captured
    if remark := uncommitted_remark(capture_code(project.root), project):
        listener.warn(remark)


def uncommitted_remark(code: Code, project: Project) -> str:
    """Describe the uncommitted code in a sentence, if the project asks for a warning; else nothing.

    Raises
    ------
    TreeDirty
        The project runs committed code only.
    """
    is_committed = code.commit is not None and code.dirty is False
    if is_committed or project.settings.dirty == "capture":
        return ""
    if project.settings.dirty == "forbid":
        raise _forbidden(code, project)
    if code.commit is None:
        return f"no commit holds this code: {code.reason}"
    return f"not committed, so kept with the run: {_listed(code)}"


def refused_remark(reason: str | None, project: Project) -> str:
    """Say why git did not tell the commit and how to fix that; empty if it did."""
    from runcard.provenance.git import is_refused, mending

    if not reason or not is_refused(reason, project.root.resolve()):
        return ""
    mend = mending(reason) or "git fsck --full"
    return f"no commit is recorded, git says: {reason}; `{mend}` mends it"


def _forbidden(code: Code, project: Project) -> errors.TreeDirty:
    listed = _listed(code)
    files = "file is" if len(code.uncommitted) == 1 else "files are"
    return errors.TreeDirty(
        f"{len(code.uncommitted)} {files} not committed" if code.commit else "no commit holds this code",
        where=str(code.top_above(project.root)),
        why=f'`dirty = "forbid"` is set, so only committed code is run: {listed or code.reason}',
        hint=_what_now(code),
    )


def _what_now(code: Code) -> str:
    from runcard.provenance.git import mending

    keep = "`RUNCARD_DIRTY=capture` keeps them with this one run"
    mend = mending(code.reason or "")
    return f"`{mend}`" if mend else f"commit them, or have git ignore what is no code; {keep}"


def _listed(code: Code) -> str:
    shown = ", ".join(code.uncommitted[:_MOST_NAMES]).encode("utf-8", "backslashreplace").decode()
    n_more = len(code.uncommitted) - _MOST_NAMES
    return f"{shown} and {n_more} more" if n_more > 0 else shown
