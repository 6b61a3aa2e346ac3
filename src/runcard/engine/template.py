"""The template: a clean process with everything imported, from which workers are forked.

A worker that starts from nothing imports for seconds, each for itself; one that is forked from this process would copy
the locks that other threads hold. The template belongs to this process, is started once, and ends with it.

Why: docs/adr/0016-workers-come-from-a-template.md
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from multiprocessing import current_process, forkserver
from multiprocessing.context import ForkServerContext, ForkServerProcess
from types import ModuleType
from typing import Any

from runcard.engine.process import import_early

_PACKAGES = "RUNCARD_TEMPLATE_IMPORTS"
"""The environment variable that tells the template what to import when it starts."""


class Worker(ForkServerProcess):
    """A process forked from the template.

    multiprocessing lets no daemon, such as a process of its pools, have children, which might outlive it. Workers end
    with the process that they work for in any case, so they may be started from a daemon too.
    """

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.daemon = False

    def start(self) -> None:
        """Fork the process from the template."""
        settings = current_process()._config  # type: ignore[attr-defined]
        before = settings.get("daemon")
        settings["daemon"] = False
        try:
            super().start()
        finally:
            settings["daemon"] = before

    @staticmethod
    def _Popen(process_obj: Any) -> Any:
        with _hidden_script():
            return ForkServerProcess._Popen(process_obj)


class WorkerContext(ForkServerContext):
    """A multiprocessing context whose processes are forked from the template."""

    Process = Worker


def start_template(packages: Sequence[str], environment: Mapping[str, str]) -> WorkerContext:
    """Start the template unless it is running, without waiting until it has imported everything."""
    context = WorkerContext()
    _forget_another_s()
    context.set_forkserver_preload([__name__])
    with _changed_environment({**environment, _PACKAGES: " ".join(packages)}):
        forkserver.ensure_running()
    return context


def _forget_another_s() -> None:
    """Forget a template inherited by a fork: it forks workers only for the process that started it."""
    server: Any = forkserver._forkserver
    if server._forkserver_pid is None:
        return
    try:
        os.waitid(os.P_PID, server._forkserver_pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        server.__init__()


@contextmanager
def _hidden_script() -> Iterator[None]:
    """Hide `__main__`, so that workers do not run it again."""
    script = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = script


@contextmanager
def _changed_environment(changes: Mapping[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in changes}
    os.environ.update(changes)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


if _PACKAGES in os.environ:  # this is the template
    gc.disable()
    import_early(os.environ.pop(_PACKAGES).split())
    gc.freeze()  # what is imported stays: workers need not look through it, which would copy all its memory
    gc.enable()
