"""What every process that trains is: one thread, deaf to Ctrl-C, gone with its parent, knowing the project."""

from __future__ import annotations

import importlib
import os
import signal
import sys
import threading
import time
import warnings
from collections.abc import Callable, Sequence

from runcard.engine.memory import give_back_large_arrays

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
_EARLY = ("sklearn.pipeline", "sklearn.compose", "sklearn.metrics", "sklearn.ensemble", "pyarrow")


def set_up_process(root: str, modules: Sequence[str], parent: int) -> None:
    """Make this process one that trains, and import the project's modules from `root`."""
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the main process's to handle
    warnings.simplefilter("ignore")  # tasks collect their own; what unpickling them says is for nobody
    os.environ.update(ONE_THREAD)
    give_back_large_arrays()
    if modules:
        sys.path.insert(0, root)
        for name in modules:
            importlib.import_module(name)


def import_early(unless: Callable[[], bool] | None = None) -> None:
    """Import what training needs, while nothing has to be done yet."""
    for name in _EARLY:
        if unless is None or not unless():
            importlib.import_module(name)


def reason_of_death(text: str) -> str:
    """Say what a signal's name means for whoever reads of a lost trial."""
    if "SIGKILL" in text:
        return "the worker was killed (SIGKILL), as the system does when memory runs out"
    if "SIGSEGV" in text:
        return "the worker crashed (SIGSEGV) in compiled code"
    return "the worker process died"


def _end_with(parent: int) -> None:
    """End this process when the one that started it is gone, killed perhaps: it would wait for tasks for ever."""
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)
