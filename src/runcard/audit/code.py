"""The checklist items about code."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

from runcard.audit.evidence import Evidence, Finding, failed, first_line, not_applicable, passed, several, unrecorded
from runcard.provenance.git import mending

_COMMIT = "git add --all && git commit -m 'what this run needs'"


def commit(evidence: Evidence) -> Finding:
    """Judge whether the commit is known and exists outside this one clone."""
    code = evidence.part("code")
    found = code.get("commit") or evidence.tags.get("mlflow.source.git.commit")
    if found is None and code.get("reason"):
        mend = mending(code["reason"])
        then = f"{mend} && {evidence.rerun}" if mend else f"git init && {_then_run(evidence)}"
        return failed(f"no commit: {code['reason']}", then)
    if found is None:
        return unrecorded("commit", evidence)
    shown = f"commit {found[:12]}" + "".join(f", {key} {code[key]}" for key in ("branch", "remote") if code.get(key))
    if code.get("pushed") is not False or not code.get("remote"):
        return passed(shown)
    if evidence.pushed_since:
        return passed(f"{shown}; not pushed when it was run, on a remote branch of this clone now")
    return failed(f"{shown}; on no remote branch, so that only one clone has it", "git push")


def changes(evidence: Evidence) -> Finding:
    """Judge whether uncommitted changes were kept and are unaltered."""
    code = evidence.part("code")
    if code.get("dirty") is None:
        return unrecorded("record of uncommitted changes", evidence)
    if not code["dirty"]:
        return passed("nothing was uncommitted: the commit is the whole code")
    mend = _then_run(evidence)
    if left_out := [f"{name} ({why})" for name, why in (code.get("left_out") or {}).items()]:
        return failed(f"not kept: {several(left_out)}", mend)
    if evidence.code_problem:
        return failed(f"kept, but {evidence.code_problem}", mend)
    if altered := code.get("altered"):
        return failed(f"kept without the credentials that were in {several(altered)}: it may not apply again", mend)
    n_files = len(code.get("untracked") or {})
    parts = ["the diff"] if code.get("diff") else []
    parts += [f"{n_files} uncommitted file{'s' if n_files > 1 else ''}"] if n_files else []
    return passed(f"{' and '.join(parts)} kept in provenance/, each with the digest it was recorded with")


def notebooks(evidence: Evidence) -> Finding:
    """Judge whether notebooks are committed without cell outputs."""
    part = evidence.part("notebooks")
    if not part or part.get("reason"):
        return unrecorded(f"list of notebooks{_because(part)}", evidence)
    found = part["found"]
    if not found:
        return not_applicable("git lists no notebook below the project's root")
    full = [each for each in found if each["n_outputs"] != 0]
    if not full:
        return passed(f"{len(found)} notebooks, none with output: {several([each['path'] for each in found])}")
    shown = [f"{each['path']} ({_outputs(each)})" for each in full]
    names = shlex.join(each["path"] for each in full)
    return failed(f"with output: {several(shown)}", f"jupyter nbconvert --clear-output --inplace {names}")


def manual_steps(evidence: Evidence) -> Finding:
    """Judge whether manual steps were described, or declared to be none."""
    if evidence.card is None:
        return unrecorded("card as it was run", evidence)
    steps = str(evidence.section("experiment").get("manual_steps") or "").strip()
    if steps:
        return passed(f"experiment.manual_steps in card.yaml: {first_line(steps)}")
    return failed(
        "card.yaml has no experiment.manual_steps, not even `none`",
        f"add `manual_steps:` to the card's `experiment:`, then {evidence.rerun}",
    )


def _because(part: Mapping[str, Any]) -> str:
    return f": {part['reason']}" if part.get("reason") else ""


def _outputs(notebook: Mapping[str, Any]) -> str:
    n_outputs = notebook["n_outputs"]
    if n_outputs is None:
        return str(notebook.get("reason") or "unknown")
    return f"{n_outputs} cell{'s' if n_outputs > 1 else ''}"


def _then_run(evidence: Evidence) -> str:
    return f"{_COMMIT} && {evidence.rerun}"
