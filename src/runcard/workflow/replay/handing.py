"""Exchange of a recorded run and a replay's result, as plain files, with a process that cannot reach MLflow.

What comes back was written by code of the run: it is checked into its form before it is used.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from runcard import errors
from runcard.provenance.rebuild.beneath import read_beneath
from runcard.provenance.rebuild.records import is_below
from runcard.replay import Account, Outcome, Replay, read_replay, replay_json
from runcard.tracking.items import RunRow
from runcard.workflow.replay.again import read_predictions
from runcard.workflow.replay.log import Left
from runcard.workflow.replay.recorded import Recorded

HANDED_VARIABLE = "RUNCARD_REPLAY_HANDED"
"""Set, for a process without MLflow, to the folder that the run was handed over in."""
_RECORDED, _TABLE = "recorded.json", "recorded.parquet"
_LEFT, _PREDICTIONS = "left.json", "left.parquet"
_MOST_BYTES = 1 << 30


def handed() -> Path | None:
    """Give the folder that the run was handed over in; None where it is read from MLflow."""
    place = os.environ.get(HANDED_VARIABLE)
    return Path(place) if place else None


def hand_over(recorded: Recorded, folder: Path) -> None:
    """Write everything of a recorded run that judging it takes to files."""
    account = recorded.account
    outcome = {name: getattr(account.outcome, name) for name in ("folds", "test", "outputs", "test_outputs")}
    parts = {name: getattr(account, name) for name in Account.__dataclass_fields__ if name != "outcome"}
    plain = {name: getattr(recorded, name) for name in Recorded.__dataclass_fields__}
    plain |= {"run": asdict(recorded.run), "card_run": asdict(recorded.card_run), "provenance": {}}
    plain |= {"account": {**parts, "outcome": outcome}}
    if account.outcome.predictions is not None:
        account.outcome.predictions.to_parquet(folder / _TABLE)
    (folder / _RECORDED).write_text(json.dumps(plain, default=dict), "utf-8")


def take_over(folder: Path) -> Recorded:
    """Read a run from the files of `hand_over`."""
    found = json.loads((folder / _RECORDED).read_text("utf-8"))
    account, table = found["account"], folder / _TABLE
    outcome = Outcome(
        **{**account["outcome"], "folds": {name: tuple(each) for name, each in account["outcome"]["folds"].items()}},
        predictions=read_predictions(table.read_bytes()) if table.is_file() else None,
    )
    rows = {name: RunRow(**found[name]) for name in ("run", "card_run")}
    outcome = replace(outcome, outputs=tuple(outcome.outputs))
    return Recorded(**{**found, **rows, "account": Account(**{**account, "outcome": outcome}), "altered": ()})


def leave(left: Left, folder: Path) -> None:
    """Write the result of a replay to files."""
    if left.predictions:
        (folder / _PREDICTIONS).write_bytes(left.predictions)
    parts = {name: getattr(left, name) for name in ("files", "tags", "folds", "test")}
    text = json.dumps({**parts, "replay": replay_json(left.replay), "has_predictions": bool(left.predictions)})
    (folder / _LEFT).write_text(text, "utf-8")


def pick_up(folder: Path, recorded: Recorded) -> Left:
    """Read the result of a replay, which code of the run may have forged.

    Raises
    ------
    ReplayUnanswered
        It is not what runcard writes.
    """
    try:
        found = json.loads(read_beneath(folder, _LEFT, most_bytes=_MOST_BYTES))
        predictions = read_beneath(folder, _PREDICTIONS, most_bytes=_MOST_BYTES) if found["has_predictions"] else b""
        return Left(
            replay=_of(recorded, read_replay(found["replay"])),
            files={str(name): str(text) for name, text in found["files"].items() if _is_file(name)},
            tags={str(name): str(text) for name, text in found["tags"].items() if _is_tag(name)},
            folds={str(name): tuple(map(float, scores)) for name, scores in found["folds"].items()},
            test={str(name): float(score) for name, score in found["test"].items()},
            predictions=predictions,
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise unanswered(f"what it left is no verdict: {type(error).__name__}") from error


def _of(recorded: Recorded, replay: Replay) -> Replay:
    """Keep what the replay refers to as known here, whatever the result says."""
    account = recorded.account
    return replace(
        replay,
        run_id=recorded.run.run_id,
        run_name=recorded.run.name,
        card_run_id=recorded.card_run.run_id,
        experiment=recorded.experiment,
        model=account.model,
        params=account.params,
        trial_key=account.trial_key,
        chosen_as=recorded.chosen_as,
    )


def _is_file(name: Any) -> bool:
    return is_below(name) and str(name).startswith("provenance/")


def _is_tag(name: Any) -> bool:
    return isinstance(name, str) and name.startswith(("mlflow.source.", "mlflow.user"))


_ANSWERED = (errors.EXIT_DONE, errors.EXIT_GATE)
_GOODBYE_SECONDS = 10.0


def run_child(command: Sequence[str], folder: Path, variables: Mapping[str, str]) -> bytes:
    """Run a command, forwarding its progress to standard error, and return its output.

    Ctrl-C is passed on, once; what does not end by itself within ten seconds is killed with all it started.

    Raises
    ------
    ReplayUnanswered
        It printed nothing, or ended otherwise than with a verdict.
    """
    try:
        # In a session of its own, so that Ctrl-C reaches it once and its workers end with it.
        process = subprocess.Popen(command, cwd=folder, env=variables, stdout=subprocess.PIPE, start_new_session=True)
    except OSError as error:
        raise unanswered(f"{command[0]}: {error.strerror}") from error
    try:
        said, _ = process.communicate()
    except BaseException:
        _end(process)
        raise
    if process.returncode == errors.EXIT_INTERRUPTED:
        raise KeyboardInterrupt
    if process.returncode not in _ANSWERED or not said.strip():
        raise unanswered(_ended_with(process.returncode))
    return said


def unanswered(why: str) -> errors.ReplayUnanswered:
    """Make the error for a replay without a verdict."""
    return errors.ReplayUnanswered(
        "the replay in the rebuilt environment came to no verdict",
        where="`python -m runcard reproduce RUN --here`, in that environment",
        why=why,
        hint="mend what it says above; or `runcard reproduce RUN --here`, in the present environment",
    )


def _ended_with(code: int) -> str:
    if code < 0:
        with contextlib.suppress(ValueError):
            return f"it was ended by {signal.Signals(-code).name}"
    return f"it ended with exit code {code}; what it said is above"


def _end(process: subprocess.Popen[bytes]) -> None:
    for number in (signal.SIGINT, signal.SIGKILL):
        with contextlib.suppress(OSError):
            if number == signal.SIGINT:
                process.send_signal(number)
            else:
                os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired, KeyboardInterrupt):
            process.wait(_GOODBYE_SECONDS)
    if process.stdout:
        process.stdout.close()
