"""Running a recorded run again in a rebuilt work tree and environment."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from runcard import errors
from runcard.data.store import open_data_store
from runcard.project import Project
from runcard.provenance.bundle import read_code
from runcard.provenance.capture.environment import VARIABLES
from runcard.provenance.rebuild.beneath import copy_beneath
from runcard.provenance.rebuild.code import Restored, require_whole, restore_code
from runcard.provenance.rebuild.records import is_below
from runcard.provenance.rebuild.requirements import want
from runcard.provenance.rebuild.sandbox import bases_of, borrowed_by, confine, plain_variables, require_sandbox
from runcard.provenance.rebuild.venv import make_venv
from runcard.replay import Replay, read_replay
from runcard.workflow.replay.author import why_trusted
from runcard.workflow.replay.handing import HANDED_VARIABLE, hand_over, pick_up, run_child, unanswered
from runcard.workflow.replay.log import REPLAYS, Left, keep, telling
from runcard.workflow.replay.options import MODE_VARIABLE, TRUSTED_VARIABLE, Options
from runcard.workflow.replay.recorded import Recorded

VENVS = "venvs"
# They say which modules are found, or belong to the environment that is left.
_NOT_PASSED_ON = (
    *("PYTHONPATH", "PYTHONHOME", "PYTHONSAFEPATH", "VIRTUAL_ENV", "CONDA_PREFIX", "__PYVENV_LAUNCHER__"),
    "PYTHONDONTWRITEBYTECODE",  # the environment is ours, and what it imports would be compiled each time
)


def replay_isolated(recorded: Recorded, project: Project, options: Options) -> Replay:
    """Rebuild a run's code and environment in a separate folder, and run `reproduce --here` there.

    The work tree, the index and the branches of the clone stay as they are, whatever happens; the folder is removed at
    the end. The environment stays below `.runcard/venvs` for the next replay of a run with the same packages.

    Raises
    ------
    SandboxMissing
        This machine has none, and it was asked for.
    CodeForeign
        Nobody is known to answer for the code.
    CodeUnrecorded, CommitMissing, CodeNotRestored
        The code is not to be had.
    PythonMissing, PackageGone, RuncardDiffers, VenvFailed
        The environment is not to be had.
    ReplayUnanswered
        What ran there ended without a verdict.
    """
    account = recorded.account
    if options.sandbox:
        require_sandbox()
    code = read_code(account.code, recorded.provenance)
    wanted = want(account.environment)
    require_whole(code)
    trusted = why_trusted(recorded, code, account.environment, project, options)
    # Outside of the project, whose settings must not be found from there.
    with tempfile.TemporaryDirectory(prefix="runcard-replay-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        options.note(f"Restoring the code of {recorded.run.name} at {str(code.commit)[:12]}")
        restored = restore_code(code, repository=project.root, into=folder / "tree")
        remarks = (*restored.remarks, *ignored_variables(account.environment))
        for remark in remarks:
            options.note(f"{remark[0].upper()}{remark[1:]}")
        options.note(f"Making its environment: Python {account.environment['python']}, {len(wanted.versions)} packages")
        shelf = project.home / VENVS
        python = make_venv(wanted, shelf=shelf, own=folder / "venv", top=restored.top, root=project.root)
        _bring_data(account.plan, project, restored)
        about: dict[str, Any] = {"mode": "isolated", "trusted": trusted, "sandboxed": options.sandbox}
        if options.sandbox:
            left = _run_confined(python, recorded, project, options, restored, folder)
            replay = replace(left.replay, **about, notes=(*left.replay.notes, *remarks))
            with telling(project) as teller:
                return keep(replace(left, replay=replay), recorded, project, teller)
        variables = replay_variables(recorded, project) | {TRUSTED_VARIABLE: trusted}
        said = run_child(_command(python, recorded, options), restored.root, variables)
        replay = _taken_over(said, restored, project)
        return replace(replay, **about, notes=(*replay.notes, *remarks))


def _run_confined(
    python: Path, recorded: Recorded, project: Project, options: Options, restored: Restored, folder: Path
) -> Left:
    """Hand the run to a process that can reach neither MLflow nor a store, and read its result."""
    place, data = folder / "handed", folder / "data"
    for made in (place, data, folder / "home"):
        made.mkdir()
    hand_over(recorded, place)
    open_data_store(project).copy_to(recorded.fingerprint, data)
    own = {"MLFLOW_TRACKING_URI": f"sqlite:///{folder / 'none.db'}", "RUNCARD_DATA_STORE": str(data)}
    changed = {name: value for name, value in _told(recorded).items() if name in VARIABLES}
    variables = {**plain_variables(folder), **changed, **own, "RUNCARD_DIRTY": "capture"}
    variables |= {MODE_VARIABLE: "isolated", HANDED_VARIABLE: str(place)}
    readable = [*bases_of(python), project.home / VENVS, *borrowed_by(restored.top)]
    command = _command(python, recorded, options)
    run_child(confine(command, folder=folder, at=restored.root, readable=readable), restored.root, variables)
    return pick_up(place, recorded)


def _bring_data(plan: Mapping[str, object], project: Project, restored: Restored) -> None:
    """Copy a table that is in no commit; its fingerprint shows whether it is the recorded one."""
    data = plan.get("data")
    source = data.get("source") if isinstance(data, Mapping) else None
    if not is_below(source) or not isinstance(source, str) or "://" in source:
        return
    here, there = project.root / source, restored.root / source
    if here.is_file() and not os.path.lexists(there):
        copy_beneath(here, restored.root, source)


def _command(python: Path, recorded: Recorded, options: Options) -> list[str]:
    command = [str(python), "-P", "-m", "runcard", "reproduce", recorded.run.run_id, "--here", "--json"]
    command += ["--repeat", str(options.repeat)]
    return command + (["--workers", str(options.workers)] if options.workers else [])


def replay_variables(recorded: Recorded, project: Project) -> dict[str, str]:
    """Give the present environment variables, with those that affect numbers set as recorded."""
    dropped = {*_NOT_PASSED_ON, *VARIABLES}
    told = _told(recorded)
    present = {name: value for name, value in os.environ.items() if name not in dropped}
    return {
        **present,
        **{name: value for name, value in told.items() if name in VARIABLES},
        "MLFLOW_TRACKING_URI": project.tracking_uri,
        "RUNCARD_DATA_STORE": project.data_store,
        "RUNCARD_DIRTY": "capture",  # what was not committed then is not committed now
        MODE_VARIABLE: "isolated",
    }


def _told(recorded: Recorded) -> Mapping[str, str]:
    found: Mapping[str, str] = recorded.account.environment.get("variables") or {}
    return found


def ignored_variables(environment: Mapping[str, Any]) -> list[str]:
    """Name the recorded variables that are not set, since they could make a program do anything."""
    names = [name for name in environment.get("variables") or {} if name not in VARIABLES]
    return [f"recorded variables are ignored that change no number: {errors.listing(names)}"] if names else []


def _taken_over(said: bytes, restored: Restored, project: Project) -> Replay:
    """Read the result of the replay, and keep here what it could not write to MLflow."""
    try:
        replay = read_replay(said.decode())
    except (ValueError, KeyError, TypeError) as error:
        raise unanswered(f"what it said is no verdict: {type(error).__name__}") from error
    left = restored.root / project.home.name / REPLAYS
    if replay.kept is not None and left.is_dir():
        shutil.copytree(left, project.home / REPLAYS, symlinks=True, dirs_exist_ok=True)
    return replay
