"""Comparing 20,000 trials that MLflow has in SQLite: the 20 best, and the full table.

Ours is `compare_runs`, with intervals, probabilities and corrected p of every row, made into CSV. Against it stands
what people write: `mlflow.search_runs` of the experiment into pandas, and a sort. Both sides have imported what they
need, and each figure is the best of its repeats. The trials are as `runcard run` leaves them: 3 metrics on 5 folds,
6 parameters, 13 tags. The last lines are how many times faster the 20 best and the full table are; what the command
takes from its start stands before them.
"""

from __future__ import annotations

import argparse
import os
import random
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

EXPERIMENT = "many"
METRICS = ("roc_auc", "accuracy", "log_loss")
N_FOLDS = 5


def main() -> None:
    """Measure both sides."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=20_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument(
        "--loops", type=int, default=1, help="how often MLflow's own side is measured; it takes minutes"
    )
    given = parser.parse_args()
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "pyproject.toml").write_text("[tool.runcard]\n")
        uri = f"sqlite:///{root / 'mlflow.db'}"
        fill(uri, given.runs)
        compare(given, root, uri)


def compare(given: argparse.Namespace, root: Path, uri: str) -> None:
    """Time both sides on the same store and print the ratios."""
    import mlflow

    from runcard.project import Project, Settings
    from runcard.report.cells import as_csv
    from runcard.report.compared import comparison_table
    from runcard.workflow.choose.compare import compare_runs

    project = Project(root, Settings(tracking_uri=uri))
    mlflow.set_tracking_uri(uri)

    def plain() -> list[str]:
        table = mlflow.search_runs(experiment_names=[EXPERIMENT])
        trials = table[table["tags.runcard.kind"] == "trial"]
        return list(trials.sort_values("metrics.cv_roc_auc_mean", ascending=False)["run_id"])

    theirs, expected = timed(plain, given.loops)
    print(f"mlflow.search_runs and a sort: {theirs:.1f} s")
    top, found = timed(lambda: compare_runs([EXPERIMENT], project), given.repeats)
    check([row.run.run_id for row in found.rows] == expected[:20] and found.n_runs == given.runs)
    print(f"the 20 best of {given.runs:,}: {top:.2f} s")

    def everything() -> str:
        return as_csv(comparison_table(compare_runs([EXPERIMENT], project, limit=None)))

    whole, table = timed(everything, given.repeats)
    check([line.split(",")[1] for line in table.splitlines()[1:]] == expected)
    print(f"the full table with its statistics, as CSV: {whole:.1f} s, {len(table) / 1e6:.1f} MB")
    for words in (["--top", "20"], ["--all", "--format", "csv"]):
        print(f"`runcard compare {EXPERIMENT} {' '.join(words)}` from its start: {command(root, words):.1f} s")
    print(f"ratio, the 20 best: {theirs / top:.0f} (bound 20)")
    print(f"ratio, the full table: {theirs / whole:.1f} (bound 3)")


def command(root: Path, words: list[str]) -> float:
    """Time the command line."""
    begun = time.perf_counter()
    arguments = [sys.executable, "-m", "runcard", "compare", EXPERIMENT, *words]
    subprocess.run(arguments, cwd=root, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - begun


def timed(step: Callable[[], Any], repeats: int) -> tuple[float, Any]:
    """Give the fewest seconds that a step took, and what it gave."""
    seconds, result = [], None
    for _ in range(repeats):
        begun = time.perf_counter()
        result = step()
        seconds.append(time.perf_counter() - begun)
    return min(seconds), result


def check(holds: bool) -> None:
    """Give up where the two sides do not say the same."""
    if not holds:
        sys.exit("the two sides differ")


def fill(uri: str, n_runs: int) -> None:
    """Write trials into MLflow's tables; its client would take an hour."""
    from runcard.tracking.items import RunLog, Tag
    from runcard.tracking.mlflow import MlflowTracker

    tags = {"runcard.primary": "roc_auc", "runcard.greater_is_better": "true", "runcard.protocol": "p"}
    tags |= {"runcard.test_share": "0.25", "runcard.selection": '{"practical_difference": 0.001}'}
    card = RunLog("card", "card", "card", EXPERIMENT, 1, "FINISHED", 2, items=tuple(Tag(*tag) for tag in tags.items()))
    path = uri.removeprefix("sqlite:///")
    with MlflowTracker(uri, artifact_root=Path(path).parent) as tracker:
        tracker.fill_run(parent := tracker.open_run(card), card)
        experiment = int(tracker.ensure_experiment(EXPERIMENT))
    rng = random.Random(0)
    with closing(sqlite3.connect(path)) as connection, connection:
        for k in range(n_runs):
            put(connection, rng, k, experiment, parent)


def put(connection: sqlite3.Connection, rng: random.Random, k: int, experiment: int, parent: str) -> None:
    """Write one trial as `runcard run` would leave it."""
    from runcard.tracking.items import MetricValue, Param, RunLog, Tag
    from runcard.tracking.seal import seal_items

    run_id, key = f"{rng.getrandbits(128):032x}", f"{rng.getrandbits(256):064x}"
    connection.execute(
        "INSERT INTO runs (run_uuid, name, source_type, user_id, status, start_time, end_time, lifecycle_stage,"
        " artifact_uri, experiment_id) VALUES (?, ?, 'LOCAL', 'me', 'FINISHED', ?, ?, 'active', 'a', ?)",
        (run_id, f"forest-{key[:8]}", k, k + 1, experiment),
    )
    params = {"model": "forest", "max_depth": k % 20, "C": rng.random(), "eta": rng.random(), "n": k, "seed": 7}
    connection.executemany("INSERT INTO params VALUES (?, ?, ?)", [(n, str(v), run_id) for n, v in params.items()])
    tags = {"kind": "trial", "protocol": "p", "trial_key": key, "index": k, "record": key[:32], "model": "forest"}
    named = {f"runcard.{name}": value for name, value in tags.items()} | {"mlflow.parentRunId": parent}
    named |= {f"mlflow.{name}": "x" * 40 for name in ("user", "source.name", "source.type", "source.git.commit")}
    named["mlflow.runName"] = f"forest-{key[:8]}"
    connection.executemany("INSERT INTO tags VALUES (?, ?, ?)", [(n, str(v), run_id) for n, v in named.items()])
    points, latest = [], {"fit_seconds": 0.1, "cpu_seconds": 0.5, "predict_ms_p95": 1.0, "model_mb": 0.2}
    centre = rng.gauss(0.8, 0.02)
    for metric in METRICS:
        folds = [centre + rng.gauss(0, 0.01) for _ in range(N_FOLDS)]
        points += [(f"cv_{metric}", score, fold) for fold, score in enumerate(folds)]
        latest |= {f"cv_{metric}_mean": sum(folds) / N_FOLDS, f"cv_{metric}_std": 0.01}
    points += [(name, value, 0) for name, value in latest.items()]
    items = [Param(name, str(value)) for name, value in params.items()]
    items += [Tag(f"runcard.{name}", str(value)) for name, value in tags.items()]
    items += [MetricValue(name, value, step, 1) for name, value, step in points]
    log = RunLog(key[:32], "trial", "", EXPERIMENT, k, "FINISHED", k + 1, parent, tuple(items))
    seals = [(tag.name, tag.value, run_id) for tag in seal_items(log)]
    connection.executemany("INSERT INTO tags VALUES (?, ?, ?)", seals)
    columns = "(key, value, timestamp, run_uuid, step, is_nan) VALUES (?, ?, 1, ?, ?, 0)"
    connection.executemany(f"INSERT INTO metrics {columns}", [(n, v, run_id, step) for n, v, step in points])
    last = {name: (value, step) for name, value, step in points}
    rows = [(name, value, run_id, step) for name, (value, step) in last.items()]
    connection.executemany(f"INSERT INTO latest_metrics {columns}", rows)


if __name__ == "__main__":
    main()
