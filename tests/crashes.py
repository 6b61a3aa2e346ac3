"""A command killed at its n-th step that lasts, for every n, and given again; a program that prints what it found.

    python crashes.py FOLDER EMPTY_MLFLOW_DB run|sync|reproduce

Every run is a fork of one process that has imported everything, so hundreds of them take half a minute. A step is
a commit in the journal or in MLflow's database, a file renamed or removed, the first one written in a folder, a task
of finalists, or, of a replay, any task that trains; at the n-th of them the process kills itself with SIGKILL. What it
prints is one JSON line a run: the calm one first.
"""

from __future__ import annotations

import functools
import gc
import importlib.metadata
import json
import os
import shutil
import signal
import sqlite3
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from contents import contents_of
from engines import HereEngine
from projects import held, moody_project

import runcard
from runcard.journal import Journal, check_files, open_journal
from runcard.project import Project, find_project
from runcard.tabular.finalists import _refit_or_draw
from runcard.tracking import delivery
from runcard.tracking.mlflow import MlflowTracker
from runcard.workflow.replay import here, now, reproduce
from runcard.workflow.run import execute
from runcard.workflow.run.circumstances import Circumstances, capture_circumstances
from runcard.workflow.run.sync import sync

MODELS = [{"name": "moody", "params": {"shift": [0.0, 0.2]}}]
SURROUNDINGS: dict[tuple[int, Path | None], Circumstances] = {}
"""By what they depend on in here."""


def main(folder: Path, db: Path, what: str) -> None:
    """Do it calmly, then with a kill at every step."""
    # The same for every run, and half of the time of each.
    importlib.metadata.packages_distributions = functools.cache(importlib.metadata.packages_distributions)
    importlib.metadata.version = functools.cache(importlib.metadata.version)
    execute.capture_circumstances = now.capture_circumstances = capture_once  # type: ignore[assignment]
    execute.choose_engine = HereEngine()  # type: ignore[assignment,misc]
    project = folder / "project"
    {"run": kill_runs, "sync": kill_syncs, "reproduce": kill_replays}[what](project, db)


def capture_once(project: Project, *, seed: int, card: Path | None = None) -> Circumstances:
    """Capture what surrounds a run, which the calm one has done for all others."""
    if (seed, card) not in SURROUNDINGS:
        SURROUNDINGS[seed, card] = capture_circumstances(project, seed=seed, card=card)
    return SURROUNDINGS[seed, card]


def kill_runs(project: Path, db: Path) -> None:
    """Kill `runcard run` at every step of a card: its trials, its finalists, and their way into MLflow."""
    card = moody_project(project, MODELS, db=db)
    engine = Watched(only=_refit_or_draw)
    execute.choose_engine = engine  # type: ignore[assignment,misc]
    runcard.run(card)
    say({"calm": state_of(project)})

    def begin() -> None:
        shutil.rmtree(project)
        moody_project(project, MODELS, db=db)

    at_every_step(project, begin, lambda: runcard.run(card), lambda step: go_on(step, project, card), engine)


def kill_syncs(project: Path, db: Path) -> None:
    """Kill `runcard sync` at every step, with a whole card to deliver."""
    card = moody_project(project, MODELS, db=db)
    delivery.PATIENCE_SECONDS = 0.1
    with held(project / "mlflow.db"):
        runcard.run(card)
    begin = remembered(project)
    assert sync(find_project(card)).delivered > 0
    say({"calm": state_of(project)})

    def go_on_delivering(step: int) -> None:
        left = sync(find_project(card)).left
        say({"step": step, "left": left, "state": state_of(project)})

    at_every_step(project, begin, lambda: sync(find_project(card)), go_on_delivering)


def kill_replays(project: Path, db: Path) -> None:
    """Kill `runcard reproduce --here` at every step: while it reads, trains, judges and tells MLflow."""
    card = moody_project(project, MODELS, db=db)
    run_id = runcard.run(card).run_id
    assert run_id is not None
    begin = remembered(project)
    before = state_of(project)
    engine = Watched()
    here.choose_engine = engine  # type: ignore[assignment]

    def replay() -> Any:
        return reproduce(run_id, isolated=False, workers=1, project=find_project(card))

    def again(step: int) -> None:
        state = state_of(project)
        say({"step": step, "before": before, "state": state, "words": replay().words, "replays": replays_of(project)})

    say({"calm": replay().words})
    at_every_step(project, begin, replay, again, engine)


class Watched(HereEngine):
    """Counts tasks before and after they are done: those of one function, or all, none of which it remembers."""

    count: Callable[[], None] = staticmethod(lambda: None)

    def __init__(self, only: Callable[[Any], Any] | None = None) -> None:
        super().__init__()
        self._only = only

    def run(self, function: Callable[[Any], Any], tasks: Iterable[Any]) -> Iterator[tuple[int, Any]]:
        """Call a function on every task."""
        if self._only is None:
            self._known.clear()
        for number, found in super().run(function, tasks):
            if self._only in (None, function):
                self.count()
            yield number, found
            if self._only in (None, function):
                self.count()


def remembered(project: Path) -> Callable[[], None]:
    """Keep a copy of a project as it is, and return what puts it back."""
    kept = project.with_name("kept")
    let_go_of_databases()
    shutil.copytree(project, kept, symlinks=True)

    def put_back() -> None:
        shutil.rmtree(project)
        shutil.copytree(kept, project, symlinks=True)

    return put_back


def at_every_step(
    project: Path,
    begin: Callable[[], None],
    action: Callable[[], Any],
    go_on: Callable[[int], None],
    engine: Watched | None = None,
) -> None:
    """Do something in a fork until its n-th step, for every n, and go on in another."""
    let_go_of_databases()
    n = 0
    is_killed = True
    while is_killed:
        n += 1
        begin()
        is_killed = in_a_fork(until, n, project, action, engine) == -signal.SIGKILL
        assert in_a_fork(go_on, n) == 0, f"it cannot go on after step {n}"


def let_go_of_databases() -> None:
    """Close what forks would share, and let the garbage collector leave alone what they do share."""
    from mlflow.store.model_registry.sqlalchemy_store import SqlAlchemyStore as RegistryStore
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore as TrackingStore

    for engine in (*TrackingStore._engine_map.values(), *RegistryStore._engine_map.values()):
        engine.dispose()
    gc.collect()
    gc.freeze()


def in_a_fork(action: Callable[..., None], *given: Any) -> int:
    """Do something in a fork and return how that ended, as `subprocess` does."""
    sys.stdout.flush()
    pid = os.fork()
    if pid == 0:
        try:
            action(*given)
            sys.stdout.flush()
        except BaseException:
            sys.excepthook(*sys.exc_info())
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def until(step: int, project: Path, action: Callable[[], Any], engine: Watched | None) -> None:
    """Do something, and die at a step."""
    left = step

    def count() -> None:
        nonlocal left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    watch_databases(count)
    watch_files(project, count)
    if engine is not None:
        engine.count = count  # type: ignore[method-assign]
    action()


def watch_databases(count: Callable[[], None]) -> None:
    """Count every commit of every SQLite connection, the journal's and MLflow's, as it begins."""
    connect = sqlite3.connect

    def watched(*given: Any, **more: Any) -> sqlite3.Connection:
        connection = connect(*given, **more)
        connection.set_trace_callback(lambda text: count() if text.startswith("COMMIT") else None)
        return connection

    sqlite3.connect = sqlite3.dbapi2.connect = watched  # type: ignore[assignment]


def watch_files(project: Path, count: Callable[[], None]) -> None:
    """Count renamed and removed files, and the first written one of each folder, but for what is scratch."""
    seen: set[Path] = set()

    def hear(event: str, given: tuple[Any, ...]) -> None:
        if event not in ("open", "os.rename", "os.remove") or isinstance(given[0], int):
            return
        path = Path(os.fsdecode(given[0]))
        if not path.is_relative_to(project) or "scratch" in path.parts:
            return
        if event == "open":
            if not given[2] & (os.O_WRONLY | os.O_RDWR) or path.parent in seen:
                return
            seen.add(path.parent)
        count()

    sys.addaudithook(hear)


def go_on(step: int, project: Path, card: Path) -> None:
    """Look at what a kill left, go on with the card, look again, and see that nothing more is to be done."""
    found = look(project)
    result = runcard.run(card)
    again = runcard.run(card)
    say({"step": step, "found": found, "n_left": result.n_left, "n_again": again.n_run, "state": state_of(project)})


def look(project: Path) -> dict[str, Any]:
    """Assert that what is in the journal is whole, and return how much it is."""
    home = project / ".runcard"
    if not (home / "journal.db").exists():
        return {}
    with open_journal(home) as journal:
        assert rows(journal, "PRAGMA integrity_check") == [("ok",)]
        counts = {name: len(ids(journal, name)) for name in ("executions", "records", "finals")}
        for owner in [*ids(journal, "executions"), *ids(journal, "finals")]:
            check_files(home, owner, journal.manifest(owner))
        told = {subject for (subject,) in rows(journal, "SELECT subject FROM parcels")}
        assert told == {*ids(journal, "executions"), *ids(journal, "records"), *ids(journal, "finals")}
    return counts


def ids(journal: Journal, table: str) -> list[str]:
    column = "execution_id" if table == "executions" else "record_id"
    return [found for (found,) in rows(journal, f"SELECT {column} FROM {table}")]


def rows(journal: Journal, query: str) -> list[Any]:
    return journal._run(query).fetchall()


def state_of(project: Path) -> dict[str, Any]:
    """Return all that must be the same after an interruption, in the journal and in MLflow, but for replays."""
    with open_journal(project / ".runcard") as journal:
        bodies = [json.loads(body) for (body,) in rows(journal, "SELECT body FROM records")]
        finals = [json.loads(body) for (body,) in rows(journal, "SELECT body FROM finals")]
        statuses = [status for (status,) in rows(journal, "SELECT status FROM executions")]
        waiting = rows(journal, "SELECT count(*) FROM parcels WHERE delivered = 0")
    return {
        "records": sorted((body["trial_key"], body["scores"]) for body in bodies),
        "finals": sorted((body["trial_key"], body["scores"]) for body in finals),
        "executions": statuses,
        "waiting": waiting[0][0],
        "mlflow": contents_of(f"sqlite:///{project / 'mlflow.db'}", "moods", but="replay"),
    }


def replays_of(project: Path) -> list[str]:
    """List the replays that MLflow has, by their status."""
    with MlflowTracker(f"sqlite:///{project / 'mlflow.db'}", artifact_root=project) as tracker:
        return [row.status for row in tracker.read_runs("moods", kind="replay")]


def say(found: dict[str, Any]) -> None:
    print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])
