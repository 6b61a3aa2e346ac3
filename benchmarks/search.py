"""60 Bayesian trials of lightgbm on the churn data, tracked, against Optuna's own `study.optimize` without tracking.

Both sides are whole processes with two workers, on the same folds and spaces. Optuna scores each trial with
scikit-learn's `cross_val_score`, with `n_jobs=2` for the study.

The first ratio is of wall times without early stopping: a median over several seeds, and all seeds together, since what
the two searches come upon costs more here and less there. The second has no such luck in it: runcard runs the very
trials that Optuna came upon, and must give each the very score. The last is of the seconds until a score within
0.001 of Optuna's best is reached, with early stopping on our side, by those in which Optuna's search comes as near, has
its best, and ends: medians.
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
Found = tuple[float, float, dict[str, Any]]
"""The same, and the trial's hyperparameters."""


def main() -> None:
    """Measure both sides for several seeds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--side", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.side is not None:
        print(json.dumps(optimize(given.side)))
        return
    walls: list[tuple[float, float, float]] = []
    reaches: list[tuple[float, float, float]] = []
    for seed in range(given.repeats):
        theirs, their_seconds = timed_optuna(seed)
        course = [(seconds, score) for seconds, score, _ in theirs]
        _, seconds = timed_runcard(card(seed))
        same, same_seconds = timed_runcard(card_of(seed, [params for _, _, params in theirs]))
        off = max(abs(one - other) for one, other in zip(scores_of(same), scores_of(course), strict=True))
        banded, banded_seconds = timed_runcard(card(seed, **EARLY))
        best = max(score for _, score in course)
        near, their_near, their_best = until(best - NEAR, banded), until(best - NEAR, course), until(best, course)
        walls.append((seconds, same_seconds, their_seconds))
        reaches.append((near / their_near, near / their_best, near / their_seconds))
        print(
            f"seed {seed}: Optuna {their_seconds:.1f} s, best {best:.5f}; runcard {seconds:.1f} s, ratio "
            f"{seconds / their_seconds:.2f}; Optuna's trials {same_seconds:.1f} s, ratio "
            f"{same_seconds / their_seconds:.2f}, scores differ by {off:.0e}; stopping early {banded_seconds:.1f} s; "
            f"within {NEAR} after {near:.1f} s and {their_near:.1f} s, ratio {reaches[-1][0]:.2f}, best after "
            f"{their_best:.1f} s",
            flush=True,
        )
    searched, repeated, theirs_all = (sum(column) for column in zip(*walls, strict=True))
    median = statistics.median(ours / theirs for ours, _, theirs in walls)
    print(f"ratio of wall times {median:.2f}, of all seeds together {searched / theirs_all:.2f} (bound 1.0)")
    print(f"ratio of wall times for the same trials, of all seeds together {repeated / theirs_all:.2f}")
    to_near, to_best, to_end = (statistics.median(column) for column in zip(*reaches, strict=True))
    print(
        f"ratio of seconds to near the best {to_near:.2f} (bound 0.5); by Optuna's seconds to its best {to_best:.2f}, "
        f"to its end {to_end:.2f}"
    )


def scores_of(course: Course) -> list[float]:
    """Give the scores alone, in order."""
    return sorted(score for _, score in course)


def until(goal: float, course: Course) -> float:
    """Give the seconds until a score is reached; infinite if it never is."""
    return min((seconds for seconds, score in course if score >= goal), default=float("inf"))


def timed_runcard(wanted: dict[str, Any]) -> tuple[Course, float]:
    """Run a card in a fresh copy of the example."""
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder, "churn")
        shutil.copytree(EXAMPLE, project, ignore=shutil.ignore_patterns(".runcard", "mlflow.db", "mlartifacts"))
        (project / "configs" / "search.yaml").write_text(json.dumps(wanted))
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


def card_of(seed: int, trials: list[dict[str, Any]]) -> dict[str, Any]:
    """Give a card with just these trials."""
    wanted = card(seed)
    del wanted["search"]
    return {**wanted, "models": [{"name": "lightgbm", "params": params} for params in trials]}


def timed_optuna(seed: int) -> tuple[list[Found], float]:
    """Run the study in a process of its own."""
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, __file__, "--side", str(seed)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True
    )
    return [tuple(found) for found in json.loads(done.stdout)], time.perf_counter() - start


def optimize(seed: int) -> list[Found]:
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
    return sorted(
        (trial.datetime_complete.timestamp() - begun, trial.value, trial.params)
        for trial in study.trials
        if trial.datetime_complete and trial.value is not None
    )


if __name__ == "__main__":
    main()
