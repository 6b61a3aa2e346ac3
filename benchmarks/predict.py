"""`runcard predict` on 1,000,000 rows of churn data, against `mlflow.pyfunc` on the frame in one go.

Both are whole processes, from the start of Python to the written CSV: they find the model by its alias in the
registry, fetch and load it, read the same CSV and write a row for each of its rows. runcard also checks digest and
types, keeps the ids, counts unknown categories and writes probabilities; the other side calls `predict` once and
writes the labels. Peak memory is that of a process and its children at one time (runcard fetches the model in a child),
sampled every 50 ms, of shared pages each one's part. The two take turns; wall seconds are medians.
The bounds: wall at most 1.2 of the other's, memory at most a quarter. The last line is the share of wall seconds.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pandas as pd
import psutil

CHURN = Path(__file__).parents[1] / "examples" / "churn"
MODELS = {
    "logistic_regression": {"max_iter": 1000},
    "hist_gradient_boosting": {"max_iter": 100},
}


def main() -> None:
    """Measure each model."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--models", nargs="+", choices=MODELS, default=list(MODELS))
    parser.add_argument("--side", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.side:
        predict_in_one_go(given.side)
        return
    with tempfile.TemporaryDirectory() as folder:
        write_project(Path(folder), given.models, given.rows)
        ratios = [measure(Path(folder), model, given.repeats) for model in given.models]
    print(f"ratio {max(ratios):.2f}")


def write_project(folder: Path, models: list[str], n_rows: int) -> None:
    """Train and register the models, and write the rows to predict: the churn data, drawn with replacement."""
    from mlflow import MlflowClient

    import runcard

    (folder / "pyproject.toml").write_text("[tool.runcard]\n")
    shutil.copytree(CHURN / "data", folder / "data")
    columns = runcard.load_card(CHURN / "configs" / "churn.yaml").features
    card: dict[str, Any] = {
        "experiment": {"name": "churn"},
        "data": {"raw_path": "data/raw/customers.csv", "na_values": ["NA"]},
        "features": {
            "numerical": list(columns.numerical or ()),
            "categorical": list(columns.categorical or ()),
            "target": "churn",
            "positive": "Yes",
        },
        "models": [{"name": model, "params": MODELS[model]} for model in models],
        "evaluation": {"metrics": ["roc_auc"], "cv_folds": 2},
    }
    (folder / "card.yaml").write_text(json.dumps(card))
    result = runcard.run(folder / "card.yaml")
    client = MlflowClient(result.tracking_uri, registry_uri=result.tracking_uri)
    for standing in result.comparison.standings:
        run = client.get_run(result.runs[standing.record.trial_key])
        logged = client.get_logged_model(run.outputs.model_outputs[0].model_id)
        name = standing.record.model
        client.create_registered_model(name)
        made = client.create_model_version(name, logged.artifact_location, run.info.run_id, model_id=logged.model_id)
        client.set_registered_model_alias(name, "production", made.version)
    table = pd.read_csv(folder / "data" / "raw" / "customers.csv").drop(columns="churn")
    rows = table.sample(n_rows, replace=True, random_state=0)
    rows.insert(0, "customer", range(n_rows))
    rows.to_csv(folder / "rows.csv", index=False, na_rep="NA")


def measure(folder: Path, model: str, repeats: int) -> float:
    """Run both sides in turn; give ours as a share of theirs, in wall seconds."""
    ours = [sys.executable, "-m", "runcard", "predict", f"{model}@production", "rows.csv", "-o", "ours.csv"]
    theirs = [sys.executable, os.path.abspath(__file__), "--side", model]
    walls: dict[str, list[float]] = {"runcard": [], "pyfunc": []}
    peaks: dict[str, list[float]] = {"runcard": [], "pyfunc": []}
    for _ in range(repeats):
        for name, command in (("runcard", ours), ("pyfunc", theirs)):
            wall, peak = run(command, folder)
            walls[name].append(wall)
            peaks[name].append(peak)
            print(f"  {model}, {name}: {wall:.1f} s, {peak / 1e6:,.0f} MB", flush=True)
    compare_labels(folder)
    wall = {name: statistics.median(found) for name, found in walls.items()}
    peak = {name: statistics.median(found) for name, found in peaks.items()}
    memory = peak["runcard"] / peak["pyfunc"]
    share = wall["runcard"] / wall["pyfunc"]
    for name in ("runcard", "pyfunc"):
        print(f"{model}, {name}: {wall[name]:.1f} s, {peak[name] / 1e6:,.0f} MB")
    print(f"{model}: wall {share:.2f} (bound 1.2), memory {memory:.2f} (bound 0.25)")
    return share


def run(command: list[str], folder: Path) -> tuple[float, float]:
    """Run a process; give its wall seconds and peak resident bytes."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("MLFLOW_", "RUNCARD_"))}
    start, peak = time.perf_counter(), 0
    process = subprocess.Popen(command, cwd=folder, env=environment, stderr=subprocess.DEVNULL)
    family = psutil.Process(process.pid)
    while process.poll() is None:
        peak = max(peak, resident(family))
        time.sleep(0.05)
    if process.returncode:
        sys.exit(f"{command} failed with exit code {process.returncode}")
    return time.perf_counter() - start, peak


def resident(process: psutil.Process) -> int:
    """Add up the resident bytes of a process and its descendants, as they are now."""
    found = 0
    with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
        for member in [process, *process.children(recursive=True)]:
            with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
                found += member.memory_full_info().pss
    return found


def compare_labels(folder: Path) -> None:
    """Make sure that both sides did the same work."""
    ours = pd.read_csv(folder / "ours.csv", usecols=["prediction"])
    theirs = pd.read_csv(folder / "theirs.csv")
    if not ours["prediction"].equals(theirs["prediction"]):
        sys.exit("the predictions differ")


def predict_in_one_go(model: str) -> None:
    """Do it as one would with MLflow alone."""
    import mlflow

    mlflow.set_tracking_uri("sqlite:///mlflow.db")
    loaded = mlflow.pyfunc.load_model(f"models:/{model}@production")
    rows = pd.read_csv("rows.csv")
    pd.DataFrame({"prediction": loaded.predict(rows)}).to_csv("theirs.csv", index=False)


if __name__ == "__main__":
    main()
