"""Peak memory of all processes of a run on a table of 1,000,000 x 20: two models, 5 folds, 2 workers and 1.

Sampled every 50 ms is the memory of the process and of all its children together, in proportional set size: a page
that several processes share, as forked workers do with what they were forked from, counts once. Said beside it is the
sum of each process's own peak (VmHWM), in which such a page counts as often as there are processes. The bound is five
times the table's own size plus 1 GB. The last lines are the shares of that bound with two workers, by the one
measure and by the other.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import psutil

CARD = """
experiment: {name: memory}
data: {raw_path: table.parquet}
features: {target: y}
models:
  - name: logistic_regression
    params: {max_iter: 20}
  - name: hist_gradient_boosting
    params: {max_iter: 10}
evaluation: {metrics: [accuracy], cv_folds: 5}
"""


def main() -> None:
    """Run the card with two workers and with one."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--verbose", action="store_true")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        n_bytes = write_table(Path(folder), given.rows)
        bound = 5 * n_bytes + 1e9
        found = {n: peak_of_run(Path(folder), n, verbose=given.verbose) for n in (1, 2)}
    peaks = {n: together for n, (together, _) in found.items()}
    for n_workers, (together, apart) in found.items():
        said = f"{together / 1e9:.2f} GB together, {apart / 1e9:.2f} GB each by itself, bound {bound / 1e9:.2f} GB"
        print(f"{n_workers} worker{'s' if n_workers > 1 else ' '}  {said}")
    print(f"table {n_bytes / 1e9:.2f} GB; a second worker costs {(peaks[2] - peaks[1]) / 1e9:.2f} GB")
    print(f"ratio of the sum of each process's own peak {found[2][1] / bound:.2f}")
    print(f"ratio {peaks[2] / bound:.2f}")


def write_table(folder: Path, n_rows: int) -> int:
    """Write 20 columns of floats and a target that depends on them; give the table's bytes."""
    rng = np.random.default_rng(0)
    matrix = rng.normal(size=(n_rows, 20))
    frame = pd.DataFrame(matrix, columns=[f"x{i}" for i in range(20)])
    frame["y"] = np.where(matrix[:, 0] + rng.normal(size=n_rows) > 0, "yes", "no")
    frame.to_parquet(folder / "table.parquet", index=False)
    (folder / "card.yaml").write_text(CARD)
    return matrix.nbytes


def peak_of_run(folder: Path, n_workers: int, *, verbose: bool) -> tuple[int, int]:
    """Run the card; give the peak of all its processes together, and the sum of the peak of each."""
    command = [sys.executable, "-m", "runcard", "run", "card.yaml", "--fresh", "--workers", str(n_workers)]
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("MLFLOW_", "RUNCARD_"))}
    started = time.perf_counter()
    process = subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.DEVNULL)
    peaks: dict[int, int] = {}
    names: dict[int, str] = {}
    together = 0
    while process.poll() is None:
        now = 0
        for pid in [process.pid, *(child.pid for child in children_of(process.pid))]:
            names[pid] = command_of(pid)
            if pid == process.pid or names[pid] != names[process.pid]:  # else a fork that has not begun its program
                peaks[pid] = max(peaks.get(pid, 0), high_water(pid))
            now += proportional(pid)
        together = max(together, now)
        time.sleep(0.05)
    if process.returncode:
        sys.exit(f"the run failed with exit code {process.returncode}")
    if verbose:
        for pid, peak in peaks.items():
            print(f"  {peak / 1e6:7.0f} MB  {names[pid]}")
        print(f"  {time.perf_counter() - started:.0f} s")
    return together, sum(peaks.values())


def children_of(pid: int) -> list[psutil.Process]:
    """List all living descendants."""
    try:
        return psutil.Process(pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def high_water(pid: int) -> int:
    """Read a process's peak resident memory in bytes; 0 when it has just ended."""
    return kilobytes(pid, "status", "VmHWM:") * 1024


def proportional(pid: int) -> int:
    """Read a process's memory in bytes, shared pages divided by those who share them; 0 when it has just ended."""
    return kilobytes(pid, "smaps_rollup", "Pss:") * 1024


def kilobytes(pid: int, file: str, label: str) -> int:
    """Read a line of what the kernel says of a process."""
    try:
        lines = Path(f"/proc/{pid}/{file}").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith(label)), 0)


def command_of(pid: int) -> str:
    """Name a process."""
    try:
        return " ".join(Path(f"/proc/{pid}/cmdline").read_text().split("\0"))[-70:]
    except OSError:
        return ""


if __name__ == "__main__":
    main()
