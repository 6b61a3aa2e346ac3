"""What a program has on the disk for certain: a power cut cannot be made in a test, a call of fsync can be seen."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture
def flushed(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """List the path of each file and folder that is flushed, with its size at that moment, in order."""
    seen: list[tuple[str, int]] = []
    flush = os.fsync

    def fsync(number: int) -> None:
        path = os.readlink(f"/proc/self/fd/{number}")
        seen.append((path, -1 if Path(path).is_dir() else os.fstat(number).st_size))
        flush(number)

    monkeypatch.setattr(os, "fsync", fsync)
    return seen
