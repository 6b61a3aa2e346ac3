"""Processes on this machine."""

from __future__ import annotations

import os
import signal
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
