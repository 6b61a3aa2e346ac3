"""What running a trial again costs: `runcard reproduce RUN --here` of the churn card's winner, as whole processes.

Against it stands a fresh run of a card with that one trial: the same data, folds and test rows. Both in turn, medians.
With `--isolated` the seconds of a replay in a tree and an environment of its own are printed too, the second of two:
the packages are cached then. The last line is the ratio of the first two, bound 1.15.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

EXAMPLE = Path(__file__).parents[1] / "examples" / "churn"
N_WORKERS = 2
LEFTOVERS = shutil.ignore_patterns(".runcard", "mlflow.db*", "mlartifacts", "processed", "__pycache__")


def main() -> None:
    """Run the card, then its winner in both ways in turn."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--isolated", action="store_true", help="also time a replay in an environment of its own")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        project = Path(shutil.copytree(EXAMPLE, Path(folder, "churn"), ignore=LEFTOVERS))
        commit(project)
        found = json.loads(runcard(project, "run", "churn", "--json").stdout)
        winner = write_single(project, found)
        print(f"the winner: {winner['model']} {winner['params']}")
        fresh, again = [], []
        for _ in range(given.repeats):
            fresh.append(seconds_of(project, "run", "single", "--fresh"))
            again.append(seconds_of(project, "reproduce", winner["run_id"], "--here", "--require", "identical"))
        print(f"fresh run of the single trial: {statistics.median(fresh):.2f} s of {shown(fresh)}")
        print(f"reproduce --here:              {statistics.median(again):.2f} s of {shown(again)}")
        if given.isolated:
            times = [seconds_of(project, "reproduce", winner["run_id"]) for _ in range(2)]
            print(f"reproduce --isolated: {times[0]:.1f} s, then {times[1]:.1f} s with what it keeps")
    print(f"ratio {statistics.median(again) / statistics.median(fresh):.2f} (bound 1.15)")


def write_single(project: Path, found: dict[str, Any]) -> dict[str, Any]:
    """Write the card `single`, which has nothing but the winner."""
    key = found["decision"]["winner"]["id"]
    trial: dict[str, Any] = next(trial for trial in found["trials"] if trial["trial_key"] == key)
    params = {name.removeprefix("param_"): value for name, value in trial.items() if name.startswith("param_")}
    yaml = YAML(typ="safe")
    card = yaml.load((project / "configs" / "churn.yaml").read_text())
    card["experiment"] = {"name": "single"}
    card["models"] = [{"name": trial["model"], "params": {name: {"value": value} for name, value in params.items()}}]
    (project / "configs" / "single.yaml").write_text(json.dumps(card, indent=2))
    return {"model": trial["model"], "params": params, "run_id": trial["run_id"]}


def commit(project: Path) -> None:
    """Make the project a repository, as a replay in a tree of its own needs one."""
    (project / ".gitignore").write_text(".runcard/\nmlflow.db*\nmlartifacts/\ndata/processed/\n")
    identity = ["-c", "user.name=benchmark", "-c", "user.email=benchmark@localhost"]
    for words in (["init", "-q"], ["add", "-A"], [*identity, "commit", "-qm", "churn"]):
        subprocess.run(["git", *words], cwd=project, check=True)


def runcard(project: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run the command line in the project."""
    command = [sys.executable, "-m", "runcard", *words, "--workers", str(N_WORKERS)]
    return subprocess.run(
        command, cwd=project, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True
    )


def seconds_of(project: Path, *words: str) -> float:
    """Time one process; the memory of the file system is settled first."""
    start = time.perf_counter()
    runcard(project, *words)
    return time.perf_counter() - start


def shown(seconds: list[float]) -> str:
    """List times."""
    return ", ".join(f"{each:.2f}" for each in sorted(seconds))


if __name__ == "__main__":
    main()
