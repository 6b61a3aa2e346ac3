"""A card on a Dask cluster: the same numbers, whatever happens to workers, scheduler and main process."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import time
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import psutil
import pytest
from projects import (
    call_cli,
    count_rows,
    customers_card,
    journal_of,
    make_customers,
    moody_project,
    press_ctrl_c,
    scores_of,
    wait_for,
    write_project,
)
from servers import DaskCluster, free_port, run_dask_scheduler, run_dask_worker, run_silent_server

import runcard
from runcard import errors

pytestmark = [pytest.mark.slow, pytest.mark.long]

SHIFTS = [round(0.1 * n, 1) for n in range(6)]
SLOW = [{"name": "moody", "params": {"shift": SHIFTS, "seconds": 0.3}}]


def trainers(cluster: DaskCluster) -> list[psutil.Process]:
    """Find the processes that train for a cluster: they work in its folder."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if Path(process.cwd()).is_relative_to(cluster.folder) and "runcard.engine.dask.child" in process.cmdline():
                found.append(process)
    return found


def is_clean(cluster: DaskCluster) -> bool:
    return not trainers(cluster) and not cluster.leftovers()


def records_of(process: subprocess.Popen[str], folder: Path, *, at_least: int) -> int:
    """Wait until a run that is under way has so many records."""
    wait_for(lambda: count_rows(folder, "records") >= at_least or process.poll() is not None)
    assert process.poll() is None, process.communicate()
    return count_rows(folder, "records")


def scores_in_journal(folder: Path) -> dict[str, Any]:
    """Return fold scores and test scores by trial, the latest of each."""
    with closing(sqlite3.connect(folder / ".runcard" / "journal.db")) as connection:
        keys = [key for (key,) in connection.execute("SELECT DISTINCT trial_key FROM records WHERE status = 'done'")]
    with journal_of(folder) as journal:
        records, finals = journal.records(keys), journal.finals(keys)
    return {key: (dict(records[key].scores), dict(finals[key].scores) if key in finals else None) for key in keys}


def test_a_card_gives_what_it_gives_on_this_machine(
    tmp_path: Path,
    empty_mlflow_db: Path,
    customers_run: tuple[Path, runcard.Result],
    dask_cluster: DaskCluster,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    card = write_project(tmp_path / "project", customers_card(), table=make_customers(), db=empty_mlflow_db)
    monkeypatch.setenv("RUNCARD_ON", dask_cluster.address)
    result = runcard.run(card)
    assert result.n_run == 4
    assert scores_of(result) == scores_of(customers_run[1])
    assert sum(final is not None for _, final in scores_of(result).values()) == 2
    assert is_clean(dask_cluster)
    with pytest.raises(errors.UsageError, match="`--workers 2` has no meaning on a Dask cluster"):
        runcard.run(card, workers=2)


def test_scheduler_and_worker_go_and_a_model_is_deadly_and_the_scores_are_those_of_this_machine(
    start_cli: Any, tmp_path: Path, empty_mlflow_db: Path, dask_cluster: DaskCluster
) -> None:
    folder = tmp_path / "project"
    moody_project(folder, [*SLOW, {"name": "moody", "params": {"mood": "deadly"}}], db=empty_mlflow_db)
    with run_dask_scheduler(tmp_path / "cluster") as frail, run_dask_worker(frail):
        process = start_cli(folder, "run", "card", "--on", frail.address)
        records_of(process, folder, at_least=2)
        os.kill(frail.scheduler, signal.SIGKILL)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 1, said
    assert "error[RC405]: the Dask cluster is gone" in said
    assert "run the card again" in said
    assert "Traceback" not in said
    assert "distributed" not in said
    n_done = count_rows(folder, "records", "status = 'done'")
    assert 2 <= n_done < len(SHIFTS)

    with run_dask_worker(dask_cluster) as doomed:
        process = start_cli(folder, "run", "card", "--on", dask_cluster.address)
        records_of(process, folder, at_least=n_done + 1)
        assert [child for child in trainers(dask_cluster) if child.ppid() == doomed]
        os.kill(doomed, signal.SIGKILL)
        _, said = process.communicate(timeout=120)
    assert process.returncode == 0, said
    assert f"Resuming: {n_done} done" in said
    (lost,) = [line for line in said.splitlines() if line.startswith("failed: ")]
    assert "'mood': 'deadly'" in lost
    assert "the worker was killed (SIGKILL)" in lost
    assert count_rows(folder, "records", "status = 'done'") == len(SHIFTS)
    assert is_clean(dask_cluster)
    there = scores_in_journal(folder)
    assert call_cli(folder, "run", "card", "--fresh", "--workers", "2", HURRY="yes").returncode == 0
    assert scores_in_journal(folder) == there


def test_ctrl_c_leaves_nothing_running(
    start_cli: Any, tmp_path: Path, empty_mlflow_db: Path, dask_cluster: DaskCluster
) -> None:
    folder = tmp_path / "project"
    moody_project(folder, SLOW, db=empty_mlflow_db)
    process = start_cli(folder, "run", "card", "--on", dask_cluster.address)
    records_of(process, folder, at_least=1)
    press_ctrl_c(process)
    _, said = process.communicate(timeout=60)
    assert is_clean(dask_cluster)
    assert process.returncode == 130, said
    assert f"error[RC601]: interrupted: {count_rows(folder, 'records')} of 6 trials are done and kept" in said
    assert "Traceback" not in said


def test_an_address_that_does_not_answer_is_said_soon(tmp_path: Path, empty_mlflow_db: Path) -> None:
    folder = tmp_path / "project"
    moody_project(folder, SLOW, db=empty_mlflow_db)
    with run_silent_server() as silent:
        for address in (f"tcp://ada:s3cret@127.0.0.1:{free_port()}", f"tcp://127.0.0.1:{silent}", "nowhere://x"):
            start = time.monotonic()
            with pytest.raises(errors.ClusterAway) as caught:
                runcard.run(folder / "configs" / "card.yaml", on=address)
            assert time.monotonic() - start < 15
            assert "does not answer" in caught.value.what
            assert "s3cret" not in str(caught.value)
