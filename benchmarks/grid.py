"""The churn card with full tracking, against scikit-learn's GridSearchCV on the same grid without any tracking.

Both sides are whole processes, imports and reading of the table included, with two workers. Every mean score
must be equal to 1e-12. The last line is the ratio of wall times, runcard's to GridSearchCV's.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).parent
EXAMPLE = HERE.parent / "examples" / "churn"
SCORERS = ("accuracy", "precision", "recall", "f1", "roc_auc")
N_WORKERS = 2


def main() -> None:
    """Run both sides in turn and compare."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--repeats", type=int, default=3)
    arguments.add_argument("--side", choices=["sklearn"], help=argparse.SUPPRESS)
    given = arguments.parse_args()
    if given.side:
        print(json.dumps(search()))
        return
    ratios = []
    for _ in range(given.repeats):
        ours, our_seconds = timed_runcard()
        theirs, their_seconds = timed_sklearn()
        check_equal(ours, theirs)
        ratios.append(our_seconds / their_seconds)
        print(
            f"runcard {our_seconds:6.1f} s   GridSearchCV {their_seconds:6.1f} s   ratio {ratios[-1]:.2f}",
            flush=True,
        )
    print(f"ratio {statistics.median(ratios):.2f}")


def timed_runcard() -> tuple[dict[str, dict[str, float]], float]:
    """Run the card in a fresh copy of the example; give its mean scores and the seconds."""
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder, "churn")
        shutil.copytree(EXAMPLE, project, ignore=shutil.ignore_patterns(".runcard", "mlflow.db", "mlartifacts"))
        command = [sys.executable, "-m", "runcard", "run", "churn", "--workers", str(N_WORKERS), "--json"]
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("MLFLOW_", "RUNCARD_"))}
        start = time.perf_counter()
        done = subprocess.run(command, cwd=project, env=environment, stdout=subprocess.PIPE, check=True)
        seconds = time.perf_counter() - start
    means = {}
    for trial in json.loads(done.stdout)["trials"]:
        params = {name.removeprefix("param_"): value for name, value in trial.items() if name.startswith("param_")}
        means[name_of(trial["model"], params)] = {name: trial[f"cv_{name}_mean"] for name in SCORERS}
    return means, seconds


def timed_sklearn() -> tuple[dict[str, dict[str, float]], float]:
    """Run the search in a process of its own; give its mean scores and the seconds."""
    start = time.perf_counter()
    done = subprocess.run([sys.executable, __file__, "--side", "sklearn"], stdout=subprocess.PIPE, check=True)
    return json.loads(done.stdout), time.perf_counter() - start


def search() -> dict[str, dict[str, float]]:
    """Search the same grid the way the scikit-learn documentation does it."""
    import pandas as pd
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GridSearchCV, StratifiedKFold, train_test_split
    from sklearn.pipeline import Pipeline
    from xgboost import XGBClassifier

    from runcard.card import load_card
    from runcard.catalog.features import default_transformer

    card = load_card(EXAMPLE / "configs" / "churn.yaml")
    frame = pd.read_csv(EXAMPLE / "data" / "raw" / "customers.csv", na_values=["NA"])
    features = card.features
    target = (frame[features.target] == features.positive).astype(int)
    train, _ = train_test_split(frame.index, test_size=0.2, random_state=42, stratify=target)
    train = sorted(train)
    estimators = {
        "logistic_regression": LogisticRegression(random_state=42),
        "random_forest": RandomForestClassifier(random_state=42),
        "xgboost": XGBClassifier(random_state=42),
    }
    grid = [
        {
            "model": [estimators[m.name]],
            **{f"model__{k}": v if isinstance(v, list) else [v] for k, v in m.params.items()},
        }
        for m in card.models
    ]
    pipeline = Pipeline([("features", default_transformer(features.numerical, features.categorical)), ("model", None)])
    found = GridSearchCV(
        pipeline,
        grid,
        scoring=list(SCORERS),
        cv=StratifiedKFold(5, shuffle=True, random_state=42),
        n_jobs=N_WORKERS,
        refit=False,
    ).fit(frame.loc[train], target.loc[train])
    names = {id(estimator): name for name, estimator in estimators.items()}
    kinds = {type(estimators[name]): name for name in names.values()}
    means = {}
    for place, params in enumerate(found.cv_results_["params"]):
        plain = {key.removeprefix("model__"): value for key, value in params.items() if key != "model"}
        scores = {name: float(found.cv_results_[f"mean_test_{name}"][place]) for name in SCORERS}
        means[name_of(kinds[type(params["model"])], plain)] = scores
    return means


def name_of(model: str, params: dict[str, object]) -> str:
    """Name a trial alike on both sides."""
    shown = {
        name: value
        for name, value in params.items()
        if value is not None and not (isinstance(value, float) and math.isnan(value))
    }
    return f"{model} {json.dumps(shown, sort_keys=True)}"


def check_equal(ours: dict[str, dict[str, float]], theirs: dict[str, dict[str, float]]) -> None:
    """Require the same trials and the same means."""
    if ours.keys() != theirs.keys():
        sys.exit(f"other trials: {sorted(ours.keys() ^ theirs.keys())[:5]}")
    largest = max(abs(ours[key][name] - theirs[key][name]) for key in ours for name in SCORERS)
    print(f"{len(ours)} trials, largest difference of a mean score {largest:.1e}")
    if largest > 1e-12:
        sys.exit("the scores differ")


if __name__ == "__main__":
    main()
