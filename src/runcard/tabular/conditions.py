"""What every step of a trial runs under: seeds set, warnings collected, failures told in one line."""

from __future__ import annotations

import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from runcard.redact import redact
from runcard.tabular.seeds import seeded


@contextmanager
def quiet(seed: int, noted: list[str] | None = None) -> Iterator[None]:
    """Seed everything, and collect warnings in `noted` instead of printing them."""
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
    """Give the whole traceback, without credentials."""
    return redact("".join(traceback.format_exception(error)))


def _first_line(message: object) -> str:
    return next(iter(str(message).strip().splitlines()), "")
