"""Where the trials of a project run: processes on this machine, or a Dask cluster."""

from __future__ import annotations

from runcard import errors
from runcard.card import Card
from runcard.catalog.models import modules_of_models
from runcard.engine.base import Engine
from runcard.project import Project
from runcard.redact import redact

_EVERY_TRAINING = ("runcard.tabular",)


def choose_engine(card: Card, project: Project, *, workers: int | None = None) -> Engine:
    """Make the engine that the settings ask for, for what the card will need; nothing is started yet.

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
    from runcard.engine.dask.cluster import DaskEngine

    return DaskEngine(settings.on, root=project.root, modules=settings.modules)
