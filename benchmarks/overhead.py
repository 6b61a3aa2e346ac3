"""What tracking costs a trial: 200 trials of logistic regression on iris, beyond their own fitting and scoring.

Against it stands the plain MLflow loop that people write: `start_run`, `log_params`, `log_metrics` and
`mlflow.sklearn.log_model` with its defaults and trusted types. One-time start-up is printed apart on both
sides. The last line is how many times cheaper a tracked trial is with runcard.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

N_TRIALS = 200
N_WORKERS = 2


def main() -> None:
    """Measure both sides."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--loops", type=int, default=4, help="runs of the plain loop; each takes seconds")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--side", choices=["loop"], help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.side:
        print(json.dumps(plain_loop(given.loops)))
        return
    ours = runcard_milliseconds(given.repeats)
    done = subprocess.run(
        [sys.executable, __file__, "--side", "loop", "--loops", str(given.loops)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        check=True,
    )
    theirs = json.loads(done.stdout.splitlines()[-1])
    print(f"plain loop: start-up {theirs['startup']:.1f} s, then {theirs['per_run_ms']:.0f} ms a run beyond its fit")
    print(f"runcard: {ours:.1f} ms a trial beyond its fit and score (bound 30)")
    print(f"ratio {theirs['per_run_ms'] / ours:.0f}")


def runcard_milliseconds(repeats: int) -> float:
    """Run cards of 50 and of 250 trials; the difference holds no start-up, no finalist and no last delivery."""
    found = []
    for _ in range(repeats):
        few, many = run_card(50), run_card(50 + N_TRIALS)
        wall = many["wall"] - few["wall"]
        own = (many["own"] - few["own"]) / N_WORKERS
        found.append(1e3 * (wall - own) / N_TRIALS)
        print(
            f"runcard: start-up, finalist and last delivery {few['wall'] - 50 * wall / N_TRIALS:.1f} s; "
            f"{N_TRIALS} more trials {wall:.1f} s, of which fit and score {own:.1f} s; {found[-1]:.1f} ms a trial"
        )
    return statistics.median(found)


def run_card(n_trials: int) -> dict[str, float]:
    """Run and track so many trials; give the wall seconds and those of fitting and scoring alone."""
    import runcard

    card: dict[str, Any] = {
        "experiment": {"name": "overhead"},
        "data": {"dataset": "iris"},
        "models": [{"name": "logistic_regression", "params": {"C": [0.01 * (i + 1) for i in range(n_trials)]}}],
        "evaluation": {"metrics": ["accuracy", "f1_macro", "log_loss"], "cv_folds": 5},
    }
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        Path("pyproject.toml").write_text("[tool.runcard]\n")
        start = time.perf_counter()
        result = runcard.run(card, workers=N_WORKERS)
        wall = time.perf_counter() - start
        os.chdir("/")
    records = [standing.record for standing in result.comparison.standings]
    if result.n_left or len(records) != n_trials or len(result.runs) != n_trials:
        sys.exit("not every trial was tracked")
    return {"wall": wall, "own": sum(sum(r.fit_seconds) + sum(r.score_seconds) for r in records)}


def plain_loop(n_runs: int) -> dict[str, float]:
    """Track a few fits as MLflow's tutorials do; give the start-up seconds and the milliseconds a run."""
    start = time.perf_counter()
    import mlflow
    from sklearn.datasets import load_iris
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import cross_validate
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    X, y = load_iris(return_X_y=True)
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        mlflow.set_tracking_uri(f"sqlite:///{folder}/mlflow.db")
        mlflow.set_experiment("loop")
        startup = time.perf_counter() - start
        overheads = []
        for i in range(n_runs + 1):
            model = make_pipeline(StandardScaler(), LogisticRegression(C=0.01 * (i + 1)))
            scores = cross_validate(model, X, y, cv=5, scoring=["accuracy", "f1_macro", "neg_log_loss"])
            model.fit(X, y)
            begun = time.perf_counter()
            with mlflow.start_run():
                mlflow.log_params({"C": 0.01 * (i + 1)})
                mlflow.log_metrics({k: float(v.mean()) for k, v in scores.items()})
                mlflow.sklearn.log_model(model, name="model", skops_trusted_types=trusted_types(model))
            overheads.append(time.perf_counter() - begun)
        os.chdir("/")
    return {"startup": startup + overheads[0], "per_run_ms": 1e3 * sum(overheads[1:]) / n_runs}


def trusted_types(model: Any) -> list[str]:
    """List the types that skops wants to be told to trust."""
    import skops.io

    return list(skops.io.get_untrusted_types(data=skops.io.dumps(model)))


if __name__ == "__main__":
    main()
