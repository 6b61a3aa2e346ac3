"""The conditions of every step of a trial: global seeds set, warnings collected, failures put in one line."""

from __future__ import annotations

import random
import sys
import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from runcard.redact import redact


@contextmanager
def quiet(seed: int, noted: list[str] | None = None) -> Iterator[None]:
    """Set all seeds, and collect warnings in `noted` instead of printing them."""
    with seeded(seed), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield
        if noted is not None:
            noted += [f"{w.category.__name__}: {_first_line(w.message)}" for w in caught]


def last_line(error: BaseException) -> str:
    """Give the last line of a traceback: the exception's type and the first line of its message."""
    text = redact(_first_line(error))
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def trace_of(error: BaseException) -> str:
    """Give the whole traceback, with credentials removed."""
    return redact("".join(traceback.format_exception(error)))


def _first_line(message: object) -> str:
    return next(iter(str(message).strip().splitlines()), "")


_SEEDS = 2**32
"""NumPy's and scikit-learn's seeds are below this."""


def set_seeds(seed: int) -> None:
    """Seed the global generators of Python, NumPy and, if it is loaded, PyTorch; modulo 2**32."""
    import numpy as np

    seed %= _SEEDS
    random.seed(seed)
    np.random.seed(seed)
    if torch := sys.modules.get("torch"):  # the graphics cards' generators included
        torch.manual_seed(seed)


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Seed the global generators; on exit, those of Python and NumPy are restored to their former states."""
    import numpy as np

    python_state, numpy_state = random.getstate(), np.random.get_state()
    try:
        set_seeds(seed)
        yield
    finally:
        random.setstate(python_state)
        np.random.set_state(numpy_state)
