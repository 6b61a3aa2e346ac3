"""Fixtures of the end-to-end tests."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import projects
import pytest

StartCli = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start_cli() -> Iterator[StartCli]:
    """Return a function that starts `runcard`; whatever is left of it is killed at the end."""
    started: list[subprocess.Popen[str]] = []

    def start(folder: Path, *arguments: str, **given: str) -> subprocess.Popen[str]:
        started.append(projects.start_cli(folder, *arguments, **given))
        return started[-1]

    yield start
    for process in started:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        with suppress(ValueError):  # its output was read to the end
            process.communicate()
