"""How fast the command line answers, against `mlflow --version`; whole processes in turn, medians.

The last line is the smaller of the two ratios, each divided by its bound: 30 for `--help`, 12 for a bad card.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

BAD_CARD = """\
experiment: {nam: x}
data: {raw_path: data.csv, train_test_split: 2}
features: {target: y, numerical: [a, a]}
models:
  - name: randon_forest
  - name: random_forest
    params: {n_estimatrs: [1, 2]}
evaluation: {metrics: [auc_roc]}
"""


def main() -> None:
    """Time the three commands in turn."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=5)
    repeats = parser.parse_args().repeats
    folder = Path(sys.executable).parent
    with tempfile.TemporaryDirectory() as place:
        Path(place, "bad.yaml").write_text(BAD_CARD)
        commands = {
            "mlflow --version": [str(folder / "mlflow"), "--version"],
            "runcard --help": [str(folder / "runcard"), "--help"],
            "runcard check bad.yaml": [str(folder / "runcard"), "check", "bad.yaml"],
        }
        for command in commands.values():  # the first of each compiles and fills caches
            seconds_of(command, place)
        found = {name: [seconds_of(command, place) for _ in range(repeats)] for name, command in commands.items()}
    medians = {name: statistics.median(seconds) for name, seconds in found.items()}
    mlflow = medians["mlflow --version"]
    for name, seconds in medians.items():
        print(f"{name:<24} {seconds:6.3f} s   {mlflow / seconds:5.1f} times as fast as mlflow --version")
    margins = [mlflow / medians["runcard --help"] / 30, mlflow / medians["runcard check bad.yaml"] / 12]
    print(f"ratio {min(margins):.2f} (1 or more: both bounds are kept)")


def seconds_of(command: list[str], folder: str) -> float:
    """Time one process."""
    start = time.perf_counter()
    subprocess.run(
        command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=os.environ, check=False
    )
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
