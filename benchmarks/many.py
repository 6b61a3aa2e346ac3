"""5,000 tiny trials: what the last costs and the first, what each leaves behind, and how fast a resume is.

The first line of figures is the ratio of the time of the last hundred trials to that of an early hundred; the last
line is the time that it takes to say that all is done, by 3 x `runcard --help` + importing MLflow.
"""

from __future__ import annotations

import argparse
import json
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import psutil

PART = 100


def main() -> None:
    """Run the card, then run it again."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=5000)
    n_trials = parser.parse_args().trials
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder)
        (project / "configs").mkdir()
        (project / "pyproject.toml").write_text("[tool.runcard]\n")
        (project / "configs" / "many.yaml").write_text(json.dumps(card(n_trials)))
        run(project, n_trials)
        resume(project)


def card(n_trials: int) -> dict[str, Any]:
    """Give a random search of so many trials."""
    smoothing = {"distribution": "log_uniform_values", "min": 1e-9, "max": 0.1}
    return {
        "data": {"dataset": "iris"},
        "models": [{"name": "gaussian_nb", "params": {"var_smoothing": smoothing}}],
        "search": {"method": "random", "trials": n_trials},
        "evaluation": {"metrics": ["accuracy"], "cv_folds": 2},
    }


def run(project: Path, n_trials: int) -> None:
    """Run it all, watching the main process's memory and the journal."""
    command = [sys.executable, "-m", "runcard", "run", "many", "--workers", "2", "--json"]
    process = subprocess.Popen(command, cwd=project, stdout=subprocess.DEVNULL)
    seen: list[tuple[int, int]] = []  # trials, resident bytes
    while process.poll() is None:
        time.sleep(0.2)
        if (n := count(project)) >= PART:
            seen.append((n, psutil.Process(process.pid).memory_info().rss if process.poll() is None else 0))
    if process.returncode:
        sys.exit("the run failed")
    with closing(sqlite3.connect(project / ".runcard" / "journal.db")) as journal:
        ended = [when for (when,) in journal.execute("SELECT ended FROM records ORDER BY ended")]
    early, late = ended[2 * PART] - ended[PART], ended[-1] - ended[-1 - PART]
    blocks = [ended[n + PART] - ended[n] for n in range(PART, len(ended) - PART, PART)]
    first, last = statistics.median(blocks[:5]), statistics.median(blocks[-5:])
    print(f"{n_trials} trials in {ended[-1] - ended[0]:.1f} s; a hundred: early {early:.2f} s, late {late:.2f} s")
    print(f"ratio {last / first:.2f} (medians of five hundreds each; bound 1.2)")
    n_bytes = (project / ".runcard" / "journal.db").stat().st_size
    running = [(n, rss) for n, rss in seen if rss and n_trials // 2 <= n < n_trials]  # MLflow is imported by then
    grown = (running[-1][1] - running[0][1]) / (running[-1][0] - running[0][0])
    print(f"journal {n_bytes / n_trials:.0f} bytes a trial, memory {grown:.0f} bytes a trial", flush=True)


def count(project: Path) -> int:
    """Count the records; 0 before there is a journal."""
    path = project / ".runcard" / "journal.db"
    if not path.exists():
        return 0
    with closing(sqlite3.connect(path, timeout=30)) as journal:
        try:
            return int(journal.execute("SELECT count(*) FROM records").fetchone()[0])
        except sqlite3.OperationalError:
            return 0


def resume(project: Path) -> None:
    """Time saying that there is nothing to do."""
    again = timed(project, "-m", "runcard", "run", "many")
    bound = 3 * timed(project, "-m", "runcard", "--help") + timed(project, "-c", "import mlflow")
    print(f"resume {again:.2f} s against {bound:.2f} s")
    print(f"ratio {again / bound:.2f} (bound 1)")


def timed(project: Path, *arguments: str) -> float:
    """Give the median seconds of a command."""
    found = []
    for _ in range(5):
        start = time.perf_counter()
        subprocess.run([sys.executable, *arguments], cwd=project, capture_output=True, check=True)
        found.append(time.perf_counter() - start)
    return statistics.median(found)


if __name__ == "__main__":
    main()
