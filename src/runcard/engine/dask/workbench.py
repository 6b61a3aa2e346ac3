"""What runcard sets up on a Dask worker: training processes, copies of folders, the project's code.

All of it belongs to objects that the cluster keeps only as long as the main process refers to them. When that ends, or
is killed, the cluster deletes them, and their processes and files are removed with them.
"""

from __future__ import annotations

import shutil
import tempfile
import threading
import weakref
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, Literal

from runcard.engine.dask.child import Child, ChildDied
from runcard.engine.dask.parcel import PackedFolder, pack

_OPEN: weakref.WeakValueDictionary[str, Workbench] = weakref.WeakValueDictionary()


@dataclass(frozen=True, slots=True)
class Setup:
    """What a workbench is made from: the project's code and modules, and the number of processes."""

    key: str
    code: Mapping[str, bytes]
    modules: tuple[str, ...]
    n_processes: int


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """The outcome of a chunk; `gone` when the workbench was closed or no longer exists."""

    kind: Literal["done", "raised", "died", "unfit", "gone"]
    seconds: float = 0.0
    pickled: bytes = b""
    text: str = ""
    written: tuple[PackedFolder, ...] = ()


class Gone:
    """Placeholder for a workbench or a copy in another process."""


class Workbench:
    """The processes and the folder that runcard has on a worker."""

    def __init__(self, setup: Setup, place: Path) -> None:
        self.folder = Path(tempfile.mkdtemp(dir=place, prefix="runcard-"))
        self._code, self._modules = self.folder / "code", setup.modules
        self._code.mkdir()
        for name, content in setup.code.items():
            path = self._code / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        self._children: set[Child] = set()
        self._idle: SimpleQueue[Child] = SimpleQueue()
        self._closed = threading.Event()
        self._end = weakref.finalize(self, _clear, self._children, self.folder)
        for _ in range(setup.n_processes):
            self._start()
        _OPEN[setup.key] = self

    def __reduce__(self) -> tuple[object, ...]:
        """Pickle as `Gone`: it cannot move to another worker, or to disk when memory is short."""
        return Gone, ()

    def new_folder(self) -> Path:
        """Make an empty folder for a copy, or for the output of a task."""
        return Path(tempfile.mkdtemp(dir=self.folder))

    def work(self, payload: bytes, copies: Mapping[Path, Path], writes: Sequence[Path]) -> Answer:
        """Have a process run a chunk, and pack the folders that its tasks write."""
        made = {path: self.new_folder() for path in writes}
        try:
            answer = self._ask(payload, {**copies, **made})
            if answer.kind != "done" or not made:
                return answer
            written = tuple(pack(made[path]) for path in writes)
            return Answer("done", answer.seconds, answer.pickled, written=written)
        finally:
            for folder in made.values():
                shutil.rmtree(folder, ignore_errors=True)

    def close(self) -> None:
        """End the processes at once, and remove the files."""
        self._closed.set()
        self._end()

    def _ask(self, payload: bytes, places: Mapping[Path, Path]) -> Answer:
        child = self._take()
        if child is None:
            return Answer("gone")
        try:
            kind, content = child.ask(payload, places)
        except ChildDied as death:
            self._children.discard(child)
            if self._closed.is_set():
                return Answer("gone")
            self._start()
            return Answer("died", text=str(death))
        self._idle.put(child)
        if kind == "unfit":
            return Answer("unfit", text=content)
        return Answer("done", content[0], content[1]) if kind == "done" else Answer("raised", pickled=content)

    def _take(self) -> Child | None:
        while not self._closed.is_set():
            with suppress(Empty):
                return self._idle.get(timeout=1)
        return None

    def _start(self) -> None:
        child = Child(self._code, self._modules)
        self._children.add(child)
        self._idle.put(child)


class Copy:
    """A copy on a worker of a folder of the main process; its files are removed with it."""

    def __init__(self, parcel: PackedFolder, folder: Path) -> None:
        self.folder = folder
        weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        parcel.unpack(folder)

    def __reduce__(self) -> tuple[object, ...]:
        """Pickle as `Gone`, as the workbench does."""
        return Gone, ()


def close_workbench(key: str) -> None:
    """Close a workbench if it exists in this process."""
    if (bench := _OPEN.get(key)) is not None:
        bench.close()


def run_on(bench: Any, payload: bytes, paths: Sequence[Path], copies: Sequence[Any], writes: Sequence[Path]) -> Answer:
    """Run a chunk on a workbench that has copies of the folders it reads."""
    if not isinstance(bench, Workbench) or not all(isinstance(copy, Copy) for copy in copies):
        return Answer("gone")
    places = {path: copy.folder for path, copy in zip(paths, copies, strict=True)}
    return bench.work(payload, places, writes)


def _clear(children: set[Child], folder: Path) -> None:
    for child in list(children):
        child.end()
    shutil.rmtree(folder, ignore_errors=True)
