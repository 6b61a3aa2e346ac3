"""Choice of the engine that runs a project's trials, and its scratch folder."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from runcard import errors
from runcard.card import Card
from runcard.catalog.models import modules_of_models
from runcard.engine.base import Engine
from runcard.project import Project
from runcard.redact import redact

_EVERY_TRAINING = ("runcard.tabular",)


def choose_engine(card: Card, project: Project, *, workers: int | None = None) -> Engine:
    """Make the engine that the settings ask for, with what the card needs, without starting it.

    Raises
    ------
    UsageError
        A number of local workers was asked for, and a cluster.
    """
    settings = project.settings
    if not settings.on:
        from runcard.engine.local import LocalEngine

        packages = [*_EVERY_TRAINING, *modules_of_models(model.name for model in card.models)]
        return LocalEngine(settings.workers, root=project.root, modules=settings.modules, packages=packages)
    if workers is not None:
        raise errors.UsageError(
            f"`--workers {workers}` has no meaning on a Dask cluster",
            where=redact(settings.on),
            why="a cluster has as many workers as were started there",
            hint="leave `--workers` out, or run on this machine with `--on ''`",
        )
    from runcard.engine.dask.engine import DaskEngine

    return DaskEngine(settings.on, root=project.root, modules=settings.modules)


@contextmanager
def scratch(home: Path) -> Iterator[Path]:
    """Give a temporary folder for this process, and remove those of processes that have ended."""
    place = home / "scratch"
    place.mkdir(parents=True, exist_ok=True)
    for left in place.iterdir():
        pid = left.name.partition("-")[0]
        if pid.isdigit() and not _is_alive(int(pid)):
            shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(dir=place, prefix=f"{os.getpid()}-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
