"""Processes on this machine."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import chores
import psutil
import pytest

from runcard.engine.base import Lost
from runcard.engine.local import LocalEngine

pytestmark = pytest.mark.slow


def test_a_task_that_kills_the_only_worker_is_lost_alone(tmp_path: Path) -> None:
    with LocalEngine(1, root=tmp_path) as engine:
        found = dict(engine.run(chores.square_or_die, [1, 2, -1, 3, 4]))
        assert isinstance(found.pop(2), Lost)
        assert found == {0: 1, 1: 4, 3: 9, 4: 16}


def test_a_worker_killed_while_idle_costs_nothing(tmp_path: Path) -> None:
    with LocalEngine(2, root=tmp_path) as engine:
        for pid in {pid for _, pid in engine.run(chores.process_id, range(4))}:
            os.kill(pid, signal.SIGKILL)
        assert sorted(engine.run(chores.square, range(20))) == [(n, n * n) for n in range(20)]


def test_leaving_ends_the_workers(tmp_path: Path) -> None:
    with LocalEngine(2, root=tmp_path) as engine:
        workers = [psutil.Process(pid) for pid in {p for _, p in engine.run(chores.process_id, range(6))}]
        assert engine.is_running
    _, alive = psutil.wait_procs(workers, timeout=10)
    assert not alive


def test_leaving_waits_for_the_pool_s_threads(tmp_path: Path) -> None:
    """One that still lets go of a semaphore when the process ends would leave that to a tracker, which says so."""
    before = set(threading.enumerate())
    for _ in range(5):
        with LocalEngine(2, root=tmp_path) as engine:
            assert sorted(result for _, result in engine.run(abs, range(-6, 0))) == list(range(1, 7))
        assert set(threading.enumerate()) <= before


def test_a_script_is_not_run_again_in_the_workers(tmp_path: Path) -> None:
    script = tmp_path / "unguarded.py"
    script.write_text(
        "from pathlib import Path\nfrom runcard.engine.local import LocalEngine\n"
        "print('at work')\n\ndef double(number):\n    return 2 * number\n\n"
        "with LocalEngine(2, root=Path()) as engine:\n    print(sorted(engine.run(double, [1, 2, 3])))\n"
    )
    said = subprocess.run([sys.executable, script], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert said.stdout.splitlines() == ["at work", "[(0, 2), (1, 4), (2, 6)]"]
    assert said.stderr == ""


def test_workers_know_the_environment_of_now(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for value in ("before", "after"):
        monkeypatch.setenv("RATE_OF_TEST", value)
        with LocalEngine(1, root=tmp_path) as engine:
            assert list(engine.run(os.getenv, ["RATE_OF_TEST"])) == [(0, value)]


def test_workers_end_with_a_process_that_is_killed(tmp_path: Path) -> None:
    script = (
        "from pathlib import Path\nimport chores\nfrom runcard.engine.local import LocalEngine\n"
        "with LocalEngine(2, root=Path()) as engine:\n"
        "    for _, pid in engine.run(chores.process_id, range(100_000)):\n        print(pid, flush=True)\n"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(
        [sys.executable, "-c", script], cwd=tmp_path, stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stdout is not None
        pids = {int(process.stdout.readline()) for _ in range(20)}
        workers = [psutil.Process(pid) for pid in pids]
        template = workers[0].parent()
        process.kill()
    _, alive = psutil.wait_procs([*workers, template], timeout=10)
    assert len(workers) == 2
    assert not alive
