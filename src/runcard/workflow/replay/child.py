"""Runcard as a child process in the environment of a recorded run."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from runcard import errors

_ANSWERED = (errors.EXIT_DONE, errors.EXIT_GATE)
_GOODBYE_SECONDS = 10.0


def run_child(command: Sequence[str], folder: Path, variables: Mapping[str, str]) -> bytes:
    """Return what a command prints; its progress goes to standard error as it comes.

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
    """Build the error for a replay that came to no verdict."""
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
