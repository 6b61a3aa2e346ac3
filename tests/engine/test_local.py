"""Processes on this machine."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import chores
import psutil
import pytest

from runcard.engine.base import Lost
from runcard.engine.local import LocalEngine

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalEngine]:
    folder = tmp_path_factory.mktemp("project")
    (folder / "marked.py").write_text("")
    with LocalEngine(2, root=folder, modules=["marked"]) as started:
        yield started


def test_every_task_has_its_result_whatever_order_they_come_in(engine: LocalEngine, tmp_path: Path) -> None:
    tasks = [(number, tmp_path / "meeting") for number in range(6)]
    found = list(engine.run(chores.square_after_another, tasks))
    assert sorted(found) == [(number, number * number) for number in range(6)]
    assert found != sorted(found)


def test_short_tasks_are_all_done_once(engine: LocalEngine) -> None:
    for _ in range(2):  # the second time the engine knows how short they are
        found = list(engine.run(chores.square, range(300)))
        assert sorted(found) == [(n, n * n) for n in range(300)]


def test_nothing_to_do_is_done_at_once(engine: LocalEngine) -> None:
    assert list(engine.run(chores.square, [])) == []


def test_workers_have_one_thread_ignore_ctrl_c_and_know_the_project(engine: LocalEngine) -> None:
    for _, found in engine.run(chores.circumstances, range(4)):
        assert found == {"threads": [1], "ignores_ctrl_c": True, "has_module": True}


def test_what_a_task_raises_comes_out(engine: LocalEngine) -> None:
    with pytest.raises(ValueError, match="no 7"):
        list(engine.run(chores.refuse, [7]))


def test_leaving_early_is_possible(engine: LocalEngine) -> None:
    results = engine.run(chores.square, range(50))
    next(results)
    results.close()
    assert sorted(engine.run(chores.square, range(3))) == [(0, 0), (1, 1), (2, 4)]


@pytest.mark.parametrize("n_workers", [1, 2])
def test_a_task_that_kills_its_worker_is_lost_alone(n_workers: int, tmp_path: Path) -> None:
    tasks = [1, 2, -1, 3, 4, 5, -2, 6, 7, 8]
    with LocalEngine(n_workers, root=tmp_path) as engine:
        found = list(engine.run(chores.square_or_die, tasks))
        assert len(found) == len(tasks)
        results = dict(found)
        for index, number in enumerate(tasks):
            if number > 0:
                assert results[index] == number * number
            else:
                assert isinstance(results[index], Lost)
                assert "killed (SIGKILL)" in results[index].reason
        assert sorted(engine.run(chores.square, range(3))) == [(0, 0), (1, 1), (2, 4)]


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
