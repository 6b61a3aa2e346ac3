"""The churn card on a Dask cluster of 1 and of 2 workers on this machine, against 2 local processes.

All sides are whole processes, imports and reading of the table included; the cluster is up before. Every score of every
trial must be equal to the last digit. Scaling is the wall time on 1 worker by that on 2. The last line is the ratio of
wall times, 2 Dask workers to 2 local processes.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

EXAMPLE = Path(__file__).parent.parent / "examples" / "churn"
LEFTOVERS = shutil.ignore_patterns(".runcard", "mlflow.db*", "mlartifacts")
ENVIRONMENT = {k: v for k, v in os.environ.items() if not k.startswith(("MLFLOW_", "RUNCARD_"))}
Scores = dict[str, dict[str, float]]


def main() -> None:
    """Run the sides in turn and compare."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=3)
    given = parser.parse_args()
    ratios, scalings = [], []
    for _ in range(given.repeats):
        scores, local = timed_run("--workers", "2")
        seconds = {n: timed_on_cluster(n, scores) for n in (1, 2)}
        ratios.append(seconds[2] / local)
        scalings.append(seconds[1] / seconds[2])
        print(
            f"2 local processes {local:6.1f} s   1 Dask worker {seconds[1]:6.1f} s   2 Dask workers {seconds[2]:6.1f} s"
            f"   scaling {scalings[-1]:.2f}   ratio {ratios[-1]:.2f}",
            flush=True,
        )
    print(f"scaling from 1 to 2 workers {statistics.median(scalings):.2f}")
    print(f"ratio {statistics.median(ratios):.2f}")


def timed_run(*arguments: str) -> tuple[Scores, float]:
    """Run the card in a fresh copy of the example; give the scores by trial, and the seconds."""
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder, "churn")
        shutil.copytree(EXAMPLE, project, ignore=LEFTOVERS)
        command = [sys.executable, "-m", "runcard", "run", "churn", "--json", *arguments]
        start = time.perf_counter()
        done = subprocess.run(command, cwd=project, env=ENVIRONMENT, stdout=subprocess.PIPE, check=True)
        seconds = time.perf_counter() - start
    trials = json.loads(done.stdout)["trials"]
    return {
        trial["trial_key"]: {name: value for name, value in trial.items() if name.startswith(("cv_", "test_"))}
        for trial in trials
    }, seconds


def timed_on_cluster(n_workers: int, expected: Scores) -> float:
    """Run the card on so many workers; give the seconds."""
    with cluster(n_workers) as address:
        scores, seconds = timed_run("--on", address)
    if scores != expected:
        sys.exit(f"the scores on {n_workers} Dask workers are not those of local processes")
    return seconds


@contextmanager
def cluster(n_workers: int) -> Iterator[str]:
    """Run a scheduler and workers with one thread each, with folders of their own."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{probe.getsockname()[1]}"
    host, port = address.removeprefix("tcp://").split(":")
    scheduler = ["distributed.cli.dask_scheduler", "--host", host, "--port", port, "--no-dashboard"]
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        stack.enter_context(running(scheduler, folder / "scheduler", "Scheduler at"))
        for number in range(n_workers):
            worker = ["distributed.cli.dask_worker", address, "--nthreads", "1", "--no-nanny", "--no-dashboard"]
            stack.enter_context(running(worker, folder / f"worker-{number}", "Registered to"))
        yield address


@contextmanager
def running(arguments: list[str], folder: Path, sign: str) -> Iterator[None]:
    """Run a server until its log shows a sign that it is up, and end it after use."""
    folder.mkdir()
    log = folder / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", *arguments], cwd=folder, env=ENVIRONMENT, stdout=output, stderr=output
        )
    try:
        while sign not in log.read_text(errors="replace"):
            if process.poll() is not None:
                sys.exit(log.read_text(errors="replace"))
            time.sleep(0.05)
        yield
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()


if __name__ == "__main__":
    main()
