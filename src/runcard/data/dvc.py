"""Data tracked by DVC: the `.dvc` file that tracks a path, and its bytes by DVC's hash.

DVC is run as a program and never imported: it may live in an environment of its own, and whatever it needs stays there.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from runcard import errors
from runcard.bounds import read_bounded
from runcard.data.locked import DvcVersion
from runcard.redact import redact

TIMEOUT_SECONDS = 3600.0
_FOLDER = ".dir"
_SHOWN = 6


@dataclass(frozen=True, slots=True)
class Tracked:
    """A path that DVC tracks, by itself or as part of a folder."""

    path: Path
    root: Path
    """The folder with `.dvc/`."""
    file: Path
    """The `.dvc` file."""
    md5: str
    inside: str = ""
    """The path within the folder that is tracked; empty where the path itself is."""
    is_legacy: bool = False
    """Whether DVC 2 hashed it, which took line ends as one."""

    def holds(self, path: Path) -> bool:
        """Whether a file is what DVC tracks; assumed where only the folder's listing could tell."""
        if self.inside or self.is_legacy:
            return True
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False))
        return digest.hexdigest() == self.md5


def find_tracked(path: Path) -> Tracked | None:
    """Find what tracks a path: `X.dvc` beside it, or beside a folder that contains it; only below `.dvc/`."""
    path = Path(os.path.normpath(path.absolute()))
    root = next((folder for folder in path.parents if (folder / ".dvc").is_dir()), None)
    for tracked in (path, *path.parents):
        if root is None or tracked == root:
            return None
        file = tracked.with_name(f"{tracked.name}.dvc")
        if file.is_file():
            return _read(file, tracked, path, root)
    return None


def pull(tracked: Tracked) -> None:
    """Have DVC restore a missing file to its place.

    Raises
    ------
    DvcFailed, PackageMissing
    """
    _run(tracked, "pull", str(tracked.path))
    if not tracked.path.is_file():
        raise _failed(tracked, "it said that all went well, and the file is not there")


@contextmanager
def open_version(tracked: Tracked, version: DvcVersion) -> Iterator[Path]:
    """Give the bytes that DVC has under a hash, from its cache or its remote; the work tree stays as it is.

    Raises
    ------
    DvcFailed, PackageMissing
    """
    cached = _cached(tracked, version.md5)
    if cached is None and version.md5 == tracked.md5:
        _run(tracked, "fetch", str(tracked.path))
        cached = _cached(tracked, version.md5)
    if cached is not None:
        # Its name tells its format, and a cache has no names.
        with TemporaryDirectory(prefix="runcard-") as folder:
            yield Path(shutil.copyfile(cached, Path(folder, tracked.path.name)))
        return
    if not version.revision:
        raise _failed(tracked, f"it has {tracked.md5} there now, and no commit is known that had {version.md5}")
    with TemporaryDirectory(prefix="runcard-") as folder:
        target = Path(folder, tracked.path.name)
        inside = tracked.path.relative_to(tracked.root).as_posix()
        _run(tracked, "get", str(tracked.root), inside, "--rev", version.revision, "--out", str(target))
        yield target


def _read(file: Path, tracked: Path, path: Path, root: Path) -> Tracked | None:
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        found = YAML(typ="safe", pure=True).load(read_bounded(file).decode())
        (out,) = [out for out in found["outs"] if out.get("path") == tracked.name]
        md5 = str(out["md5"])
    except (OSError, YAMLError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None  # a download or a stage of another kind: nothing that could be given back
    inside = path.relative_to(tracked).as_posix() if path != tracked else ""
    return Tracked(path, root, file, md5, inside, is_legacy=out.get("hash") != "md5")


def _cached(tracked: Tracked, md5: str) -> Path | None:
    """Find a hash in DVC's cache; for the hash of a folder, the file that is meant."""
    cache = Path(_run(tracked, "cache", "dir").strip())
    places = (cache / "files" / "md5", cache)  # since DVC 3, and before
    found = next((p for p in (base / md5[:2] / md5[2:] for base in places) if p.is_file()), None)
    if found is None or not md5.endswith(_FOLDER):
        return found
    entries: list[dict[str, Any]] = json.loads(found.read_text(encoding="utf-8"))
    inside = next((entry["md5"] for entry in entries if entry["relpath"] == tracked.inside), None)
    return _cached(tracked, str(inside)) if inside else None


def _run(tracked: Tracked, *words: str) -> str:
    command = [*_program(tracked), *words]
    environment = os.environ | {"DVC_NO_ANALYTICS": "true", "PYTHONWARNINGS": "ignore"}
    try:
        done = subprocess.run(
            command,
            cwd=tracked.root,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise _failed(tracked, str(error)) from None
    if done.returncode:
        lines = [line.strip().removeprefix("ERROR: ") for line in done.stderr.splitlines()]
        said = "\n".join([line for line in lines if line and not line.startswith("<http")][:_SHOWN])
        raise _failed(tracked, f"`dvc {words[0]}` said: {said or 'nothing'}")
    return done.stdout


def _program(tracked: Tracked) -> list[str]:
    if importlib.util.find_spec("dvc") is not None:
        return [sys.executable, "-m", "dvc"]
    if found := shutil.which("dvc"):
        return [found]
    raise errors.PackageMissing(
        f"DVC is needed to get `{tracked.path.name}`",
        where=str(tracked.file),
        why="it is not installed here",
        hint="pip install 'runcard[dvc]'",
    )


def _failed(tracked: Tracked, why: str) -> errors.DvcFailed:
    return errors.DvcFailed(
        f"DVC did not give `{tracked.path.name}`",
        where=str(tracked.file),
        why=redact(why),
        hint=f"try `dvc pull {tracked.path.relative_to(tracked.root).as_posix()}` in {tracked.root}",
    )


def bring_missing_file(path: Path) -> None:
    """Have DVC restore a file to its place, if DVC tracks it and it is missing.

    Raises
    ------
    DvcFailed, PackageMissing
    """
    if not path.exists() and (tracked := find_tracked(path)):
        pull(tracked)
