"""Projects for tests: a folder with a card, data and code, run as a user runs it or from Python."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import runcard
from runcard.journal import Journal, open_journal

EXAMPLES = Path(__file__).parents[1] / "examples"
COMMAND = [sys.executable, str(Path(sysconfig.get_path("scripts")) / "runcard")]
LONGEST_SECONDS = 400
_LEFTOVERS = shutil.ignore_patterns(".runcard", "mlflow.db*", "mlartifacts", "processed", "__pycache__")


def copy_example(name: str, folder: Path) -> Path:
    """Copy an example without what running it left there."""
    return Path(shutil.copytree(EXAMPLES / name, folder / name, ignore=_LEFTOVERS))


def write_project(
    folder: Path,
    card: Mapping[str, Any] | str,
    *,
    modules: Mapping[str, str] | None = None,
    table: pd.DataFrame | None = None,
    db: Path | None = None,
) -> Path:
    """Make a project and return its card's path; `table` becomes `table.csv`, `db` is copied as MLflow's."""
    (folder / "configs").mkdir(parents=True)
    names = list(modules or {})
    (folder / "pyproject.toml").write_text(f"[tool.runcard]\nmodules = {json.dumps(names)}\n")
    for name, text in (modules or {}).items():
        (folder / f"{name}.py").write_text(text)
    if table is not None:
        table.to_csv(folder / "table.csv", index=False)
    if db is not None:
        shutil.copy(db, folder / "mlflow.db")
    path = folder / "configs" / "card.yaml"
    path.write_text(card if isinstance(card, str) else json.dumps(card, indent=2))
    return path


def environment(**given: str) -> dict[str, str]:
    """Return this process's environment without what would change a run."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("RUNCARD_", "MLFLOW_"))}
    return {**kept, "MLFLOW_DISABLE_TELEMETRY": "true", **given}


def can_confine() -> bool:
    """Tell whether this machine lets anybody make namespaces, as bubblewrap needs; containers often do not."""
    words = ["bwrap", "--unshare-all", "--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc", "true"]
    return subprocess.run(words, capture_output=True, check=False).returncode == 0


def run_cli(folder: Path, *arguments: str, **given: str) -> subprocess.CompletedProcess[str]:
    """Run `runcard` in a folder."""
    return subprocess.run(
        [*COMMAND, *arguments],
        cwd=folder,
        env=environment(**given),
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=LONGEST_SECONDS,
        check=False,
    )


def call_cli(folder: Path, *arguments: str, **given: str) -> subprocess.CompletedProcess[str]:
    """Do what `run_cli` does within this process: it need not import for seconds what this one has."""
    from click.testing import CliRunner

    from runcard.cli import main

    wanted = environment(**given)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for name in os.environ.keys() - wanted.keys():
            patch.delenv(name)
        for name, value in wanted.items():
            patch.setenv(name, value)
        answer = CliRunner().invoke(main, arguments, catch_exceptions=False)
    return subprocess.CompletedProcess(arguments, answer.exit_code, answer.stdout, answer.stderr)


def start_cli(folder: Path, *arguments: str, **given: str) -> subprocess.Popen[str]:
    """Start `runcard` as the leader of a process group, as a terminal does."""
    return subprocess.Popen(
        [*COMMAND, *arguments],
        cwd=folder,
        env=environment(**given),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )


def press_ctrl_c(process: subprocess.Popen[str]) -> None:
    """Send SIGINT to the whole group, as a terminal does."""
    os.killpg(process.pid, signal.SIGINT)


def wait_for(condition: Callable[[], Any], *, seconds: float = 120, every: float = 0.05) -> Any:
    """Wait until a condition holds, and return what it gave."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(every)
    return found


def journal_of(folder: Path) -> Journal:
    """Open a project's journal; it must be there."""
    assert (folder / ".runcard" / "journal.db").exists()
    return open_journal(folder / ".runcard")


def count_rows(folder: Path, table: str, where: str = "1") -> int:
    """Count rows of the journal, also while another process writes to it; 0 before it is there."""
    import sqlite3
    from contextlib import closing

    path = folder / ".runcard" / "journal.db"
    if not path.exists():
        return 0
    with closing(sqlite3.connect(path, timeout=30)) as connection:
        try:
            return int(connection.execute(f"SELECT count(*) FROM {table} WHERE {where}").fetchone()[0])
        except sqlite3.OperationalError:  # not made yet
            return 0


def scores_of(result: runcard.Result) -> dict[str, Any]:
    """Return all that must come out the same again: fold scores and test scores by trial."""
    return {
        s.record.trial_key: (dict(s.record.scores), dict(s.final.scores) if s.final else None)
        for s in result.comparison.standings
    }


def json_scores(answer: subprocess.CompletedProcess[str]) -> dict[str, dict[str, float]]:
    """Return the scores of `runcard run --json` by trial, to the last digit."""
    return {
        row["trial_key"]: {k: v for k, v in row.items() if k.startswith(("cv_", "test_"))}
        for row in json.loads(answer.stdout)["trials"]
    }


def make_customers(n_rows: int = 160) -> pd.DataFrame:
    """Return a table with an id, two classes, and gaps among its numbers and categories."""
    rng = np.random.default_rng(11)
    age = rng.integers(18, 80, n_rows).astype(float)
    bill = rng.normal(60, 20, n_rows).round(2)
    contract = rng.choice(["monthly", "yearly", "two years"], n_rows).astype(object)
    leaves = (bill / 40 - age / 50 + (contract == "monthly") + rng.normal(0, 0.6, n_rows)) > 1.2
    frame = pd.DataFrame({"customer": [f"c{n:04d}" for n in range(n_rows)], "age": age, "bill": bill})
    frame["contract"] = contract
    frame["city"] = rng.choice(["Ulm", "Köln", "Jena"], n_rows).astype(object)
    frame["left"] = np.where(leaves, "yes", "no")
    frame.loc[::17, "age"] = np.nan
    frame.loc[3::19, "contract"] = None
    return frame.astype({"age": "Int64"})


def customers_card(**changes: Any) -> dict[str, Any]:
    """Return a card for `make_customers`, with some sections replaced."""
    card: dict[str, Any] = {
        "experiment": {"name": "customers", "description": "Who leaves?", "tags": {"team": "blue"}},
        "data": {"raw_path": "table.csv", "id": "customer", "train_test_split": 0.25},
        "features": {
            "numerical": ["age", "bill"],
            "categorical": ["contract", "city"],
            "target": "left",
            "positive": "yes",
        },
        "models": [
            {"name": "logistic_regression", "params": {"C": [0.1, 1.0]}},
            {"name": "random_forest", "params": {"n_estimators": [5, 10], "max_depth": 4}},
        ],
        "evaluation": {"metrics": ["roc_auc", "accuracy", "log_loss"], "cv_folds": 3},
    }
    return {**card, **changes}


MOODY = '''
"""A model that does on request what models should not."""

import os
import signal
import time

import numpy as np
import runcard
from sklearn.base import BaseEstimator, ClassifierMixin


class MoodyClassifier(ClassifierMixin, BaseEstimator):
    """Tells classes apart by one column's threshold."""

    def __init__(self, shift=0.0, seconds=0.0, mood="good"):
        self.shift = shift
        self.seconds = seconds
        self.mood = mood

    def fit(self, X, y):
        time.sleep(0 if "HURRY" in os.environ else self.seconds)
        if self.mood == "deadly":
            os.kill(os.getpid(), signal.SIGKILL)
        if self.mood == "mute":
            raise ValueError("no mood for this\\nand a second line")
        self.classes_ = np.unique(y)
        self.threshold_ = float(np.mean(X[:, 0])) + self.shift
        return self

    def predict(self, X):
        if self.mood == "shy" and len(X) > 5:
            raise RuntimeError("too many rows")
        if self.mood == "choosy" and X[:, 0].max() > 5:
            raise RuntimeError("a row that I do not like")
        above = (X[:, 0] > self.threshold_).astype(int)
        return self.classes_[above * (self.mood != "dull")]


@runcard.model(task="classification")
def moody(shift: float = 0.0, seconds: float = 0.0, mood: str = "good") -> MoodyClassifier:
    return MoodyClassifier(shift, seconds, mood)


@runcard.metric(greater_is_better=True)
def variety(y_true, y_pred):
    """How different predictions are; undefined when they are all equal."""
    return float(np.std(y_pred)) if len(np.unique(y_pred)) > 1 else float("nan")
'''


def moody_project(folder: Path, models: list[dict[str, Any]], *, db: Path | None = None, **card: Any) -> Path:
    """Make a project whose models misbehave; one training row has a value that the choosy one dislikes."""
    rng = np.random.default_rng(5)
    n_rows = 120
    frame = pd.DataFrame({"x": rng.normal(size=n_rows).round(6), "y": rng.integers(0, 2, n_rows)})
    frame["x"] += frame["y"]
    frame["part"] = np.where(np.arange(n_rows) < 90, "train", "test")
    frame.loc[45, "x"] = 9.0
    full = {
        "experiment": {"name": "moods"},
        "data": {"raw_path": "table.csv", "test_where": {"part": ["test"]}},
        "features": {"numerical": ["x"], "target": "y"},
        "models": models,
        "evaluation": {"metrics": ["accuracy"], "cv_folds": 3},
        **card,
    }
    return write_project(folder, full, modules={"moods": MOODY}, table=frame, db=db)


@contextlib.contextmanager
def held(path: Path) -> Iterator[None]:
    """Have another process hold a database, as `BEGIN EXCLUSIVE` does."""
    code = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], timeout=30, isolation_level=None)
connection.execute("BEGIN EXCLUSIVE")
print("held", flush=True)
sys.stdin.read()
"""
    command = [sys.executable, "-c", code, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "held\n"
        yield
        process.stdin.close()


def commit(folder: Path) -> None:
    """Make a folder a git repository with one commit and a remote that has a password."""
    author = ["-c", "user.name=Ada", "-c", "user.email=ada@example.org"]
    remote = "https://ada:s3cret@git.example.org/churn.git"
    (folder / ".gitignore").write_text("mlflow.db*\nmlartifacts/\n")
    for words in (
        ["init", "-q", "-b", "main"],
        ["add", "."],
        [*author, "commit", "-q", "-m", "first"],
        ["remote", "add", "origin", remote],
    ):
        subprocess.run(["git", *words], cwd=folder, check=True, env=environment())


@pytest.fixture(scope="session")
def customers_run(tmp_path_factory: pytest.TempPathFactory, empty_mlflow_db: Path) -> tuple[Path, runcard.Result]:
    """Run the customers' card once for all tests that only look at what a run leaves; they change nothing."""
    folder = tmp_path_factory.mktemp("customers") / "project"
    path = write_project(folder, customers_card(), table=make_customers(), db=empty_mlflow_db)
    commit(folder)
    (folder / "notes.py").write_text("# not committed yet\n")
    return folder, runcard.run(path, workers=2)
