"""Peak memory of all processes of a run on a table of 1,000,000 x 20: two models, 5 folds, 2 workers and 1.

Sampled every 20 ms is the peak resident memory (VmHWM) of the process and of all its children, also of those that
ended; the sum of the peaks counts shared pages once for each process that mapped them. The bound is five times the
table's own size plus 1 GB. The last line is the share of that bound that was used with two workers.
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
        peaks = {n: peak_of_run(Path(folder), n, verbose=given.verbose) for n in (1, 2)}
    for n_workers, peak in peaks.items():
        print(f"{n_workers} worker{'s' if n_workers > 1 else ' '}  {peak / 1e9:.2f} GB   bound {bound / 1e9:.2f} GB")
    print(f"table {n_bytes / 1e9:.2f} GB; a second worker costs {(peaks[2] - peaks[1]) / 1e9:.2f} GB")
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


def peak_of_run(folder: Path, n_workers: int, *, verbose: bool) -> int:
    """Run the card and add up the peaks of its processes."""
    command = [sys.executable, "-m", "runcard", "run", "card.yaml", "--fresh", "--workers", str(n_workers)]
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("MLFLOW_", "RUNCARD_"))}
    started = time.perf_counter()
    process = subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.DEVNULL)
    peaks: dict[int, int] = {}
    names: dict[int, str] = {}
    while process.poll() is None:
        for pid in [process.pid, *(child.pid for child in children_of(process.pid))]:
            names[pid] = command_of(pid)
            if pid == process.pid or names[pid] != names[process.pid]:  # else a fork that has not begun its program
                peaks[pid] = max(peaks.get(pid, 0), high_water(pid))
        time.sleep(0.02)
    if process.returncode:
        sys.exit(f"the run failed with exit code {process.returncode}")
    if verbose:
        for pid, peak in peaks.items():
            print(f"  {peak / 1e6:7.0f} MB  {names[pid]}")
        print(f"  {time.perf_counter() - started:.0f} s")
    return sum(peaks.values())


def children_of(pid: int) -> list[psutil.Process]:
    """List all living descendants."""
    try:
        return psutil.Process(pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def high_water(pid: int) -> int:
    """Read a process's peak resident memory in bytes; 0 when it has just ended."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM")), 0)


def command_of(pid: int) -> str:
    """Name a process."""
    try:
        return " ".join(Path(f"/proc/{pid}/cmdline").read_text().split("\0"))[-70:]
    except OSError:
        return ""


if __name__ == "__main__":
    main()
