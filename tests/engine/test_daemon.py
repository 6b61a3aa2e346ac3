"""Processes that may have no children, and those that were forked from one that has some."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from projects import environment, write_project

SOURCE = """
import multiprocessing as mp
import sys

import runcard


def score(name):
    result = runcard.run(f"configs/{name}.yaml", workers=1)
    return result.n_run, result.best.mean


if __name__ == "__main__":
    print(score("first") if "before" in sys.argv else "")
    with mp.get_context("fork").Pool(1) as pool:
        print(pool.map(score, ["card"]))
"""


@pytest.mark.slow
@pytest.mark.parametrize("before", ["", "before"])
def test_a_run_within_a_pool_s_process(tmp_path: Path, before: str) -> None:
    card = {
        "data": {"dataset": "iris"},
        "models": [{"name": "logistic_regression", "params": {"C": [0.1, 1]}}],
        "evaluation": {"metrics": ["accuracy"], "cv_folds": 3},
    }
    path = write_project(tmp_path / "p", card)
    (tmp_path / "p" / "configs" / "first.yaml").write_text(path.read_text().replace("0.1", "0.2"))
    (tmp_path / "p" / "pool.py").write_text(SOURCE)
    done = subprocess.run(
        [sys.executable, "pool.py", before],
        cwd=tmp_path / "p",
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "0.9666" in done.stdout.splitlines()[-1]
