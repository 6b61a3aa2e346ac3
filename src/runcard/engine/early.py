"""What training imports, imported while nothing has to be done yet."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from contextlib import suppress

_ALWAYS = ("sklearn.pipeline", "sklearn.compose", "sklearn.impute", "sklearn.metrics", "sklearn.ensemble", "pyarrow")
_AT_THE_END = ("matplotlib.backends.backend_agg", "matplotlib.figure")
"""What the figures of finalists are drawn with."""


def import_early(more: Sequence[str] = (), *, unless: Callable[[], bool] = lambda: False) -> None:
    """Import what all training needs, and more packages that this training does.

    One that does not import is left to whoever needs it, who can say what for.
    """
    for name in (*_ALWAYS, *more, *_AT_THE_END):
        if not unless():
            with suppress(Exception):
                importlib.import_module(name)
