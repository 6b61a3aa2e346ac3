"""Promotions by processes that race or die; a program that prints what became of them, a JSON line each.

    python promoters.py race URI FOLDER MODEL/VERSION N     wait for N promoters that judge, then go on
    python promoters.py kills URI FOLDER MODEL              promote versions 1 and 2 in turn, killed at every step
    python promoters.py begin URI FOLDER CARD               register into a new ledger, killed at every step

A step is a commit in a SQLite file, or a server's answer to other than GET, as it begins.
"""

from __future__ import annotations

import functools
import http.client
import json
import os
import shutil
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from crashes import in_a_fork, let_go_of_databases, watch_databases

from runcard import errors
from runcard.project import find_project
from runcard.stats import bootstrap_bound
from runcard.tracking.mlflow import MlflowLedger, MlflowRegistry
from runcard.workflow.promote import duel, promote, read_history, register

LONGEST_SECONDS = 120


def race(uri: str, folder: Path, model: str, n: int) -> None:
    """Promote to production at the same time as others do: none goes on before all of them are judged."""

    def meet(line: str) -> None:
        if not line.startswith("judging"):
            return
        (folder / f"judging-{os.getpid()}").touch()
        deadline = time.monotonic() + LONGEST_SECONDS
        while len(list(folder.glob("judging-*"))) < n and time.monotonic() < deadline:
            time.sleep(0.01)

    duel.bootstrap_bound = functools.partial(bootstrap_bound, n_resamples=100)  # type: ignore[assignment]
    try:
        done = promote(model, to="production", tracking_uri=uri, project=find_project(folder), note=meet)
        say({"won": str(done.version)})
    except errors.GateError as error:
        say({"code": error.code, "why": error.why, "exit": error.exit_code})


def kills(uri: str, folder: Path, model: str) -> None:
    """Promote back and forth, each time killed one step later; whoever comes next must find all in order."""
    project = find_project(folder)
    promote(f"{model}/1", to="production", tracking_uri=uri, project=project)
    let_go_of_databases()
    step, version, is_killed = 0, 2, True
    while is_killed:
        step += 1

        def act(version: int = version) -> None:
            promote(f"{model}/{version}", to="production", tracking_uri=uri, project=project)

        def go_on(act: Callable[[], None] = act, step: int = step) -> None:
            look(uri, project, model, step)
            act()
            look(uri, project, model, step)

        is_killed = dies_at(step, act)
        assert in_a_fork(go_on) == 0
        version = 3 - version


def begin(uri: str, folder: Path, card: str) -> None:
    """Register into a database without a ledger, each time killed one step later, then by another process."""
    project = find_project(folder)
    db = Path(uri.removeprefix("sqlite:///"))
    shutil.copy(db, db.with_suffix(".kept"))

    def act() -> None:
        register(card, tracking_uri=uri, project=project)

    def go_on() -> None:
        act()
        look(uri, project, "customers", step)

    act()  # calmly, which imports everything once for all
    let_go_of_databases()
    step, is_killed = 0, True
    while is_killed:
        step += 1
        for left in db.parent.glob(f"{db.name}-*"):
            left.unlink()
        shutil.copy(db.with_suffix(".kept"), db)
        is_killed = dies_at(step, act)
        assert in_a_fork(go_on) == 0


def dies_at(step: int, act: Callable[[], None]) -> bool:
    """Do something in a fork that dies at a step; tell whether there is such a step."""
    code = in_a_fork(run_until, step, act)
    assert code in (0, -signal.SIGKILL)
    return code != 0


def run_until(step: int, act: Callable[[], None]) -> None:
    """Do something, and die at a step."""
    left = step

    def count() -> None:
        nonlocal left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    watch_databases(count)
    answer = http.client.HTTPConnection.getresponse

    def watched(self: Any, *given: Any, **more: Any) -> Any:
        if self._method != "GET":  # to what changed nothing, a kill does not matter
            count()
        return answer(self, *given, **more)

    http.client.HTTPConnection.getresponse = watched  # type: ignore[method-assign]
    act()


def look(uri: str, project: Any, model: str, step: int) -> None:
    """Say what the ledger has, and where the alias is, after finishing what was left."""
    with MlflowLedger(uri, artifact_root=project.root) as ledger:
        n_begun = sum(not entry.is_finished for entry in ledger.entries())
    history = read_history(model, tracking_uri=uri, project=project)
    with MlflowRegistry(uri) as registry:
        holder = registry.holder(model, "production")
        n_versions = len(registry.versions(model))
        names = [experiment.name for experiment in registry.client.search_experiments()]
        archived = [v.version for v in registry.versions(model) if "runcard.archived" in v.tags]
    events = [[e.promotion.kind, e.promotion.version, e.promotion.previous] for e in history.entries]
    found = {"step": step, "n_begun": n_begun, "events": events, "moved": list(history.moved)}
    say(
        {
            **found,
            "holder": holder.version if holder else None,
            "archived": archived,
            "n_versions": n_versions,
            "experiments": sorted(names),
        }
    )


def say(found: dict[str, Any]) -> None:
    print(json.dumps(found), flush=True)


if __name__ == "__main__":
    what, uri, folder, *rest = sys.argv[1:]
    if what == "race":
        race(uri, Path(folder), rest[0], int(rest[1]))
    else:
        {"kills": kills, "begin": begin}[what](uri, Path(folder), rest[0])
