"""A training process beside a Dask worker, controlled through a pipe.

Seeds, warnings and BLAS threads belong to a whole process, a trial may kill the one it runs in, and nothing else can
end a trial early: so trials never run in a cluster's own workers, but beside them.
"""

from __future__ import annotations

import json
import os
import pickle
import select
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from runcard.engine.chunks import run_chunk
from runcard.engine.dask.parcel import relocated
from runcard.engine.process import ONE_THREAD, import_early, reason_of_death, set_up_process

Reply = tuple[str, Any]
"""What a child answers: `unfit`, `done` or `raised`, and what goes with it."""


class ChildDied(Exception):
    """The process has ended; the message says how."""


class Child:
    """The worker's end of the pipe: starts the process, sends it work, ends it.

    Parameters
    ----------
    code, modules
        Where the project's code is, and what of it is imported at the start.
    """

    def __init__(self, code: Path, modules: Sequence[str]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", __name__, json.dumps([str(code), list(modules), os.getpid()])],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=code,
            env={**os.environ, **ONE_THREAD},
        )

    def ask(self, payload: bytes, places: Mapping[Path, Path]) -> Reply:
        """Have the process run a chunk, and return its answer.

        Raises
        ------
        ChildDied
        """
        pipes: Any = self._process
        try:
            _write(pipes.stdin, (payload, dict(places)))
            said: Reply = pickle.load(pipes.stdout)
        except (OSError, EOFError, ValueError, pickle.UnpicklingError):
            self._process.kill()
            code = self._process.wait()
            raise ChildDied(reason_of_death(signal.Signals(-code).name if code < 0 else "")) from None
        return said

    def end(self) -> None:
        """Kill the process, whatever it is doing."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()


def _write(pipe: Any, message: object) -> None:
    pickle.dump(message, pipe, protocol=5)
    pipe.flush()


def answer_parent() -> None:
    """Run as the child process: answer requests until the pipe is closed."""
    questions, answers = _own_pipes()
    problem = None
    root, modules, parent = json.loads(sys.argv[1])
    try:
        set_up_process(root, modules, lambda: _wait_for(parent))
    except Exception as error:
        problem = _line(error)
    import_early(unless=lambda: bool(select.select([questions], [], [], 0)[0]))
    while True:
        try:
            question = pickle.load(questions)
        except EOFError:
            return
        _write(answers, ("unfit", problem) if problem else _answer(*question))
        del question


def _wait_for(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(1)


def _own_pipes() -> tuple[IO[bytes], IO[bytes]]:
    """Reserve the pipes for requests and answers: what trials print goes to the worker's log."""
    questions, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    with Path(os.devnull).open("rb") as nothing:
        os.dup2(nothing.fileno(), 0)
    os.dup2(2, 1)
    return questions, answers


def _answer(payload: bytes, places: Mapping[Path, Path]) -> Reply:
    import cloudpickle

    try:
        function, tasks = pickle.loads(payload)
    except Exception as error:
        return "unfit", _line(error)
    try:
        seconds, results = run_chunk(function, [relocated(task, places) for task in tasks])
        return "done", (seconds, cloudpickle.dumps(results, protocol=5))
    except Exception as error:
        return "raised", cloudpickle.dumps(error, protocol=5)


def _line(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}".strip().partition("\n")[0]


if __name__ == "__main__":
    answer_parent()
