"""Processes on a Dask cluster: what travels there, what comes back, who comes and goes."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import chores
import psutil
import pytest
from projects import wait_for
from servers import DaskCluster, run_dask_scheduler, run_dask_worker

from runcard import errors
from runcard.engine.base import Lost
from runcard.engine.dask.engine import DaskEngine

pytestmark = pytest.mark.slow

NANNY = ("--nanny", "--nworkers", "1", "--nthreads", "1")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A project's root; what is in it and is no code does not travel."""
    folder = tmp_path / "project"
    for name in ("ratebook", "data", ".venv"):
        (folder / name).mkdir(parents=True)
    shutil.copy(chores.__file__, folder)
    (folder / "ratebook" / "__init__.py").touch()
    (folder / "ratebook" / "rates.py").write_text("RATE = 2\n")
    (folder / "pricing.py").write_text("from ratebook.rates import RATE\n\n\ndef rate(_):\n    return RATE\n")
    (folder / "data" / "table.csv").write_text("x\n")
    (folder / ".venv" / "other.py").touch()
    return folder


def test_folders_travel_once_to_each_worker_and_go_when_they_went_here(
    root: Path, tmp_path: Path, dask_cluster: DaskCluster
) -> None:
    table, other = tmp_path / "table", tmp_path / "other"
    for folder in (table, other):
        folder.mkdir()
        (folder / "text").write_text(folder.name)
    with DaskEngine(dask_cluster.address, root=root, modules=["chores"]) as engine:
        found = [result for _, result in engine.run(chores.read, [chores.Reading(table, other)] * 40)]
        assert {(one, two) for one, two, _ in found} == {("table", "other")}
        places = {Path(place) for _, _, place in found}
        assert len(places) == 2
        assert all(place.is_relative_to(dask_cluster.folder) for place in places)
        shutil.rmtree(table)
        assert list(engine.run(chores.square, [3])) == [(0, 9)]
        wait_for(lambda: not any(place.exists() for place in places), seconds=20)
        code = next(dask_cluster.folder.rglob("runcard-*/code"))
        sent = {path.relative_to(code).as_posix() for path in code.rglob("*") if path.suffix in (".py", ".csv")}
        assert sent == {"chores.py", "pricing.py", "ratebook/__init__.py", "ratebook/rates.py"}
    assert dask_cluster.leftovers() == []


def test_workers_that_come_later_help_and_two_threads_are_two_processes(root: Path, dask_cluster: DaskCluster) -> None:
    pids: set[object] = set()

    def tasks() -> Iterator[str]:
        while len(pids) < 4:
            yield "until all four have worked"

    with DaskEngine(dask_cluster.address, root=root, modules=["chores"]) as engine, ExitStack() as stack:
        for _, pid in engine.run(chores.process_id, tasks()):
            if not pids:
                assert engine.n_workers == 2
                stack.enter_context(run_dask_worker(dask_cluster, "--no-nanny", "--nthreads", "2"))
            pids.add(pid)
        assert engine.n_workers == 4


@pytest.fixture
def frail(tmp_path: Path) -> Iterator[DaskCluster]:
    """A cluster of one worker that is started again when it dies."""
    with run_dask_scheduler(tmp_path / "cluster") as cluster, run_dask_worker(cluster, *NANNY):
        yield cluster


def test_code_is_new_each_time_and_what_kills_every_worker_is_lost_alone(
    root: Path, frail: DaskCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(root)
    import pricing

    with DaskEngine(frail.address, root=root, modules=["pricing"]) as engine:
        assert list(engine.run(pricing.rate, [0])) == [(0, 2)]
    (root / "ratebook" / "rates.py").write_text("RATE = 33\n")
    with DaskEngine(frail.address, root=root, modules=["pricing"], patience_seconds=60) as engine:
        assert list(engine.run(pricing.rate, [0])) == [(0, 33)]
        numbers = [1, 2, -1, 3, 4, 5, 6, 7]
        found = dict(engine.run(chores.kill_the_parent, numbers))
        assert isinstance(lost := found.pop(2), Lost)
        assert lost.reason == "each of the 3 workers that it was given to died"
        assert found == {place: n * n for place, n in enumerate(numbers) if n > 0}


def test_a_cluster_without_workers_is_given_up(root: Path, tmp_path: Path) -> None:
    with run_dask_scheduler(tmp_path / "cluster") as cluster, run_dask_worker(cluster) as worker:
        with DaskEngine(cluster.address, root=root, modules=["chores"], patience_seconds=2) as engine:
            results = engine.run(chores.square, range(100_000))
            next(results)
            os.kill(worker, signal.SIGKILL)
            with pytest.raises(errors.ClusterAway) as caught:
                list(results)
        assert caught.value.why == "it has had no worker for 2 seconds"


def test_a_main_process_that_is_killed_leaves_nothing_on_the_workers(root: Path, dask_cluster: DaskCluster) -> None:
    script = f"""
from pathlib import Path
import chores
from runcard.engine.dask.engine import DaskEngine
with DaskEngine({dask_cluster.address!r}, root=Path({str(root)!r}), modules=["chores"]) as engine:
    for _, pid in engine.run(chores.process_id, map(str, range(100_000))):
        print(pid, flush=True)
"""
    command = [sys.executable, "-c", script]
    with subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        trainer = psutil.Process(int(process.stdout.readline()))
        assert dask_cluster.leftovers()
        process.kill()
    wait_for(lambda: not dask_cluster.leftovers() and not trainer.is_running(), seconds=30)


def test_code_that_does_not_import_there_says_why_and_where(root: Path, dask_cluster: DaskCluster) -> None:
    (root / "lonely.py").write_text("from pathlib import Path\n\nPath('data/table.csv').read_text()\n")
    with DaskEngine(dask_cluster.address, root=root, modules=["lonely"]) as engine:
        results = engine.run(chores.square, [1])  # the workers are set up while the caller goes on
        with pytest.raises(errors.WorkerUnfit, match="1 process of the Dask cluster cannot be used") as caught:
            next(results)
    assert "FileNotFoundError" in caught.value.where
    assert "data/table.csv" in caught.value.where
