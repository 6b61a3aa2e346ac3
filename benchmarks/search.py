"""60 Bayesian trials of lightgbm on the churn data, tracked, against Optuna's own `study.optimize` without tracking.

Both sides are whole processes with two workers, on the same folds and spaces. Optuna scores each trial with
scikit-learn's `cross_val_score`, with `n_jobs=2` for the study. The first ratio is of wall times without early
stopping: what the two searches come upon costs more here and less there, so it is given for all seeds together, too.
The second, the last line, is of the seconds until a score within 0.001 of Optuna's best is reached, with early stopping
on our side: a median over several seeds, since luck has a part in it.
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
from typing import Any

HERE = Path(__file__).parent
EXAMPLE = HERE.parent / "examples" / "churn"
N_TRIALS = 60
N_WORKERS = 2
LAG = 3
"""One more than Optuna has under way: with two jobs it asks for a trial when all but one before it are known."""
NEAR = 0.001
SPACE = {
    "n_estimators": {"min": 50, "max": 500},
    "num_leaves": {"min": 4, "max": 96},
    "min_child_samples": {"min": 5, "max": 100},
    "learning_rate": {"distribution": "log_uniform_values", "min": 0.01, "max": 0.3},
    "reg_lambda": {"distribution": "log_uniform_values", "min": 0.001, "max": 10.0},
}
EARLY = {"trials": 2 * N_TRIALS, "early_terminate": {"type": "hyperband", "min_iter": 100, "eta": 3, "strict": True}}
"""Trials that are stopped cost a fraction. Judged where models begin to overfit: `strict` does not forgive it."""
Course = list[tuple[float, float]]
"""Seconds since the process was started and the score of each trial, as they end."""


def main() -> None:
    """Measure both sides for several seeds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--side", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.side is not None:
        print(json.dumps(optimize(given.side)))
        return
    seconds: list[tuple[float, float]] = []
    reaches: list[float] = []
    for seed in range(given.repeats):
        course, their_seconds = timed_optuna(seed)
        _, our_seconds = timed_runcard(seed)
        banded, banded_seconds = timed_runcard(seed, **EARLY)
        goal = max(score for _, score in course) - NEAR
        seconds.append((our_seconds, their_seconds))
        reached = [until(goal, found) for found in (banded, course)]
        reaches.append(reached[0] / reached[1])
        print(
            f"seed {seed}: Optuna {their_seconds:.1f} s, best {goal + NEAR:.5f}; runcard {our_seconds:.1f} s, ratio "
            f"{our_seconds / their_seconds:.2f}; stopping early {banded_seconds:.1f} s; "
            f"within {NEAR} after {reached[0]:.1f} s and {reached[1]:.1f} s, ratio {reaches[-1]:.2f}",
            flush=True,
        )
    median = statistics.median(ours / theirs for ours, theirs in seconds)
    total = sum(ours for ours, _ in seconds) / sum(theirs for _, theirs in seconds)
    print(f"ratio of wall times {median:.2f}, of all seeds together {total:.2f} (bound 1.0)")
    print(f"ratio of seconds to near the best {statistics.median(reaches):.2f} (bound 0.5)")


def until(goal: float, course: Course) -> float:
    """Give the seconds until a score is reached; infinite if it never is."""
    return min((seconds for seconds, score in course if score >= goal), default=float("inf"))


def timed_runcard(seed: int, **search: Any) -> tuple[Course, float]:
    """Run the card in a fresh copy of the example."""
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder, "churn")
        shutil.copytree(EXAMPLE, project, ignore=shutil.ignore_patterns(".runcard", "mlflow.db", "mlartifacts"))
        (project / "configs" / "search.yaml").write_text(json.dumps(card(seed, **search)))
        begun, start = time.time(), time.perf_counter()
        command = [sys.executable, "-m", "runcard", "run", "search", "--workers", str(N_WORKERS), "--json"]
        subprocess.run(command, cwd=project, stdout=subprocess.DEVNULL, check=True)
        seconds = time.perf_counter() - start
        with closing(sqlite3.connect(project / ".runcard" / "journal.db")) as journal:
            bodies = [json.loads(body) for (body,) in journal.execute("SELECT body FROM records ORDER BY ended")]
    done = [(body["ended"] - begun, body["scores"]["roc_auc"]) for body in bodies if body["status"] == "done"]
    return [(seconds, statistics.fmean(scores)) for seconds, scores in done], seconds


def card(seed: int, **search: Any) -> dict[str, Any]:
    """Give the card; the seed of data and folds is that of the search too."""
    features = {
        "numerical": ["tenure", "monthly_charges", "total_charges"],
        "categorical": ["contract", "internet_service", "payment_method", "paperless_billing", "online_security"],
    }
    return {
        "data": {"raw_path": "data/raw/customers.csv", "na_values": ["NA"], "random_state": seed},
        "features": {**features, "target": "churn", "positive": "Yes"},
        "models": [{"name": "lightgbm", "params": SPACE}],
        "search": {"method": "bayes", "trials": N_TRIALS, "lag": LAG, **search},
        "evaluation": {"metrics": ["roc_auc"], "cv_folds": 5},
    }


def timed_optuna(seed: int) -> tuple[Course, float]:
    """Run the study in a process of its own."""
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, __file__, "--side", str(seed)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True
    )
    return [tuple(point) for point in json.loads(done.stdout)], time.perf_counter() - start


def optimize(seed: int) -> Course:
    """Search as Optuna's and scikit-learn's documentation do it."""
    import optuna
    import pandas as pd
    import psutil
    from lightgbm import LGBMClassifier
    from sklearn.model_selection import StratifiedKFold, cross_val_score, train_test_split
    from sklearn.pipeline import Pipeline

    from runcard.catalog.features import default_transformer

    begun = psutil.Process().create_time()
    wanted = card(seed)["features"]
    frame = pd.read_csv(EXAMPLE / "data" / "raw" / "customers.csv", na_values=["NA"])
    target = (frame[wanted["target"]] == wanted["positive"]).astype(int)
    train, _ = train_test_split(frame.index, test_size=0.2, random_state=seed, stratify=target)
    rows, labels = frame.loc[sorted(train)], target.loc[sorted(train)]
    folds = StratifiedKFold(5, shuffle=True, random_state=seed)

    def objective(trial: optuna.Trial) -> float:
        model = LGBMClassifier(
            n_estimators=trial.suggest_int("n_estimators", 50, 500),
            num_leaves=trial.suggest_int("num_leaves", 4, 96),
            min_child_samples=trial.suggest_int("min_child_samples", 5, 100),
            learning_rate=trial.suggest_float("learning_rate", 0.01, 0.3, log=True),
            reg_lambda=trial.suggest_float("reg_lambda", 0.001, 10.0, log=True),
            random_state=seed,
            n_jobs=1,
            verbose=-1,
        )
        transformer = default_transformer(wanted["numerical"], wanted["categorical"])
        pipeline = Pipeline([("features", transformer), ("model", model)])
        return float(cross_val_score(pipeline, rows, labels, scoring="roc_auc", cv=folds).mean())

    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=seed))
    study.optimize(objective, n_trials=N_TRIALS, n_jobs=N_WORKERS)
    ended = [(trial.datetime_complete, trial.value) for trial in study.trials]
    return sorted((when.timestamp() - begun, value) for when, value in ended if when and value is not None)


if __name__ == "__main__":
    main()
