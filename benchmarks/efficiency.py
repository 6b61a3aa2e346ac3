"""How much of the workers' time goes into training and scoring, on the churn card with full tracking.

The last line is the CPU seconds of all fits and scores, finalists' included, by workers x wall seconds, for
a whole process with two workers: imports, reading, preparing and the last delivery are what is lost.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

EXAMPLE = Path(__file__).parents[1] / "examples" / "churn"
N_WORKERS = 2


def main() -> None:
    """Run the card some times."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=3)
    shares = [measure() for _ in range(parser.parse_args().repeats)]
    print(f"efficiency {statistics.median(shares):.2f} (bound 0.85)")


def measure() -> float:
    """Run the card in a fresh copy of the example; give the share of the workers' time that was put to use."""
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder, "churn")
        shutil.copytree(EXAMPLE, project, ignore=shutil.ignore_patterns(".runcard", "mlflow.db", "mlartifacts"))
        begun, start = time.time(), time.perf_counter()
        command = [sys.executable, "-m", "runcard", "run", "churn", "--workers", str(N_WORKERS), "--json"]
        subprocess.run(command, cwd=project, stdout=subprocess.DEVNULL, check=True)
        wall = time.perf_counter() - start
        with closing(sqlite3.connect(project / ".runcard" / "journal.db")) as journal:
            records, finals = (
                [json.loads(body) for (body,) in journal.execute(f"SELECT body FROM {table}")]
                for table in ("records", "finals")
            )
    cpu = sum(found["cpu_seconds"] for found in (*records, *finals))
    first = min(record["started"] for record in records) - begun
    last = max(record["ended"] for record in records) - begun
    share = cpu / (N_WORKERS * wall)
    print(
        f"{cpu:.1f} CPU seconds in {wall:.1f} s: {share:.2f}; trials ran from {first:.1f} s to {last:.1f} s, "
        f"there {sum(record['cpu_seconds'] for record in records) / (N_WORKERS * (last - first)):.2f}",
        flush=True,
    )
    return share


if __name__ == "__main__":
    main()
