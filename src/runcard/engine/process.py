"""The set-up of every training process: one thread, SIGINT ignored, ended with its parent, project importable."""

from __future__ import annotations

import ctypes
import importlib
import io
import os
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Sequence
from contextlib import suppress

ONE_THREAD = dict.fromkeys(
    (
        "OMP_NUM_THREADS",
        "OPENBLAS_NUM_THREADS",
        "MKL_NUM_THREADS",
        "VECLIB_MAXIMUM_THREADS",
        "NUMEXPR_NUM_THREADS",
    ),
    "1",
)


def set_up_process(root: str, modules: Sequence[str], wait_for_parent: Callable[[], object]) -> None:
    """Turn this process into a training process, and import the project's modules from `root`.

    Parameters
    ----------
    wait_for_parent
        Returns when the process that this one works for is gone, killed perhaps: nobody would end this one.
    """
    threading.Thread(target=_end_after, args=(wait_for_parent,), daemon=True).start()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the main process's to handle
    warnings.simplefilter("ignore")  # tasks collect their own; what unpickling them says is for nobody
    os.environ.update(ONE_THREAD)
    give_back_large_arrays()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # what an estimator prints is no reason to fail
            stream.reconfigure(errors="backslashreplace")
    if modules:
        sys.path.insert(0, root)
        for name in modules:
            importlib.import_module(name)


def reason_of_death(text: str) -> str:
    """Explain a signal's name to whoever reads of a lost trial."""
    if "SIGKILL" in text:
        return "the worker was killed (SIGKILL), as the system does when memory runs out"
    if "SIGSEGV" in text:
        return "the worker crashed (SIGSEGV) in compiled code"
    return "the worker process died"


def _end_after(wait: Callable[[], object]) -> None:
    wait()
    os._exit(1)


_ALWAYS = ("sklearn.pipeline", "sklearn.compose", "sklearn.impute", "sklearn.metrics", "sklearn.ensemble", "pyarrow")
_AT_THE_END = ("matplotlib.backends.backend_agg", "matplotlib.figure")
"""What the figures of finalists are drawn with."""


def import_early(more: Sequence[str] = (), *, unless: Callable[[], bool] = lambda: False) -> None:
    """Import what all training needs, and further packages that this training needs.

    One that does not import is left to whoever needs it, who can say what for.
    """
    for name in (*_ALWAYS, *more, *_AT_THE_END):
        if not unless():
            with suppress(Exception):
                importlib.import_module(name)


_M_MMAP_THRESHOLD = -3  # malloc.h
_ONE_MEGABYTE = 1 << 20


def give_back_large_arrays() -> None:
    """Have glibc map each array of a megabyte or more separately, so that freed ones go back to the system.

    Otherwise glibc raises that threshold to the size of the largest array freed so far, and keeps smaller freed ones.
    """
    with suppress(OSError, AttributeError):  # another allocator
        ctypes.CDLL("libc.so.6").mallopt(_M_MMAP_THRESHOLD, _ONE_MEGABYTE)
