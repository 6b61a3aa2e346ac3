"""What every engine does."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import chores
import pytest
from servers import DaskCluster

from runcard.engine.base import LATER, Engine, Later, Lost
from runcard.engine.dask.engine import DaskEngine
from runcard.engine.local import LocalEngine

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", params=["local", "dask"])
def engine(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    folder = tmp_path_factory.mktemp("project")
    (folder / "marked.py").write_text("")
    shutil.copy(chores.__file__, folder)  # a worker elsewhere has only what is sent along
    if request.param == "local":
        with LocalEngine(2, root=folder, modules=["marked"]) as started:
            yield started
    else:
        cluster: DaskCluster = request.getfixturevalue("dask_cluster")
        with DaskEngine(cluster.address, root=folder, modules=["marked"]) as started:
            yield started


def test_it_runs_and_has_two_workers(engine: Engine) -> None:
    assert engine.is_running
    assert engine.n_workers == 2


def test_every_task_has_its_result_as_soon_as_it_is_there(engine: Engine, tmp_path: Path) -> None:
    arrived = tmp_path / "arrived"
    found = []
    for position, square in engine.run(chores.square_after_another, [(number, arrived) for number in range(6)]):
        found.append((position, square))
        if position == 1:
            arrived.touch()
    assert sorted(found) == [(number, number * number) for number in range(6)]
    assert found.index((0, 0)) > found.index((1, 1))


def test_short_tasks_are_all_done_once(engine: Engine) -> None:
    for _ in range(2):  # the second time the engine knows how short they are
        found = list(engine.run(chores.square, range(300)))
        assert sorted(found) == [(n, n * n) for n in range(300)]


def test_nothing_to_do_is_done_at_once(engine: Engine) -> None:
    assert list(engine.run(chores.square, [])) == []


def test_tasks_are_taken_as_late_as_keeps_the_workers_busy(engine: Engine) -> None:
    n_taken, n_done = 0, 0

    def tasks() -> Iterator[str]:
        nonlocal n_taken
        for number in range(30):
            n_taken += 1
            yield str(number)  # a kind of which nothing is known yet

    for _ in engine.run(chores.process_id, tasks()):
        n_done += 1
        assert n_taken <= n_done + 4 * engine.n_workers
    assert n_taken == n_done == 30


def test_what_is_done_with_a_result_decides_what_comes_next(engine: Engine) -> None:
    known = [2]

    def tasks() -> Iterator[int | Later]:
        while known[-1] < 1000:
            waiting = known[-1]
            yield waiting
            while known[-1] == waiting:
                yield LATER

    for _, result in engine.run(chores.square, tasks()):
        assert isinstance(result, int)
        known.append(result)
    assert known == [2, 4, 16, 256, 65536]


def test_workers_have_one_thread_ignore_ctrl_c_and_know_the_project(engine: Engine) -> None:
    for _, found in engine.run(chores.circumstances, range(4)):
        assert found == {"threads": [1], "ignores_ctrl_c": True, "has_module": True}


def test_what_a_task_raises_comes_out(engine: Engine) -> None:
    with pytest.raises(ValueError, match="no 7"):
        list(engine.run(chores.refuse, [7]))


def test_leaving_early_is_possible(engine: Engine) -> None:
    results = engine.run(chores.square, range(50))
    next(results)
    results.close()
    assert sorted(engine.run(chores.square, range(3))) == [(0, 0), (1, 1), (2, 4)]


def test_what_tasks_write_is_there_and_what_they_read_is_never_old(engine: Engine, tmp_path: Path) -> None:
    table, made = tmp_path / "table", tmp_path / "made"
    for text in ("first", "second"):
        shutil.rmtree(table, ignore_errors=True)
        shutil.rmtree(made, ignore_errors=True)
        table.mkdir()
        (table / "text").write_text(text)
        copies = [chores.Copying(table, made / str(number)) for number in range(3)]
        assert len(list(engine.run(chores.copy, copies))) == 3
        assert [(path / "deeper" / "text").read_text() for path in sorted(made.iterdir())] == [f"{text}!"] * 3
        assert (made / "0" / "nothing").read_bytes() == b""
        readings = [chores.Reading(made / str(number % 3), table) for number in range(12)]
        for _, (one, other, _) in engine.run(chores.read, readings):
            assert (one, other) == (f"{text}!", text)


def test_a_task_that_kills_its_process_is_lost_alone(engine: Engine) -> None:
    tasks = [1, 2, -1, 3, 4, 5, -2, 6, 7, 8]
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
