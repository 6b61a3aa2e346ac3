"""Reproduction: a run is found, run again and judged, and the result is kept."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from runcard import errors
from runcard.project import Project, find_project
from runcard.replay import Replay
from runcard.tracking.backends import open_reader
from runcard.workflow.refs import find_trial
from runcard.workflow.replay.handing import handed, leave, take_over
from runcard.workflow.replay.here import replay_here
from runcard.workflow.replay.isolated import replay_isolated
from runcard.workflow.replay.log import keep, telling
from runcard.workflow.replay.options import Options
from runcard.workflow.replay.recorded import Recorded, read_recorded


def reproduce(
    name: str,
    *,
    isolated: bool = True,
    repeat: int = 1,
    workers: int | None = None,
    allow_code: bool = False,
    sandbox: bool = False,
    ask: Callable[[str], bool] | None = None,
    tracking_uri: str | None = None,
    project: Project | None = None,
    note: Callable[[str], None] = lambda line: None,
) -> Replay:
    """Run a recorded run again, and judge whether its results are equal.

    Parameters
    ----------
    name
        A run, or a registered version for the run that it came from. A card's run stands for its chosen trial, a
        card or an experiment for its latest card's run.
    isolated
        In a tree and an environment made as they were, instead of this environment and work tree.
    repeat
        How many times to run it: two replays that differ tell that it is not deterministic.
    workers
        How many processes train; default: the setting, else one for each core.
    allow_code
        Isolated: whether code and packages of the run may run that nobody is known to answer for.
    sandbox
        Isolated: run it without network, home and anything to write to but its own folder.
    ask
        Asked whether they may, told what they are; default: nobody is, and they may not.

    Raises
    ------
    NotReplayable, RunUnknown, ModelVersionUnknown
        It cannot be run again, and why.
    TrackingAway
        MLflow does not answer.
    ReplayError
        Isolated: its code or environment cannot be made again, or may not be run.
    """
    project = (project or find_project()).with_settings(tracking_uri=tracking_uri, workers=workers)
    if sandbox and not isolated:
        raise _no_sandbox()
    if (place := handed()) is not None:
        return _replay_handed(place, project, Options(repeat, workers, note))
    recorded = find_recorded(name, project)
    options = Options(repeat, workers, note, allow_code, sandbox, ask)
    if isolated and not recorded.altered:
        return replay_isolated(recorded, project, options)
    with telling(project) as teller:
        done = replay_here(recorded, project, options)
        return keep(done, recorded, project, teller)


def find_recorded(name: str, project: Project) -> Recorded:
    """Resolve a name, and read everything needed to run its run again."""
    with open_reader(project) as reader:
        return read_recorded(find_trial(name, reader, project), reader, project)


def _replay_handed(place: Path, project: Project, options: Options) -> Replay:
    """Replay a run that another process handed over, and leave the result for it."""
    recorded = take_over(place)
    left = replay_here(recorded, project, options)
    leave(left, place)
    return left.replay


def _no_sandbox() -> errors.UsageError:
    return errors.UsageError(
        "`--sandbox` has no meaning with `--here`",
        where="command line",
        why="there this project's own code is run, in this environment and work tree",
        hint="leave one of them out",
    )
