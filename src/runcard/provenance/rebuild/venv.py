"""A virtual environment with exactly the Python and packages of a recorded run."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from runcard import errors
from runcard.provenance.capture.environment import normalised
from runcard.provenance.rebuild.requirements import RUNCARD, Wanted, own_distribution
from runcard.provenance.rebuild.uv import UvRefused, ask_uv

_MARK = "runcard-venv.json"
_INSTALL = ("pip", "install", "--quiet", "--no-deps", "--python")
# What is asked of a finished environment: its Python, and every distribution it can import.
_ASK = """
import importlib.metadata, json, platform, re, sys
found = {}
for package in importlib.metadata.distributions():
    if package.name:
        found.setdefault(re.sub(r"[-_.]+", "-", package.name).lower(), package.version)
print(json.dumps([platform.python_version(), found]))
"""


def make_venv(wanted: Wanted, *, shelf: Path, own: Path, top: Path, root: Path) -> Path:
    """Make the environment, or reuse the one that an earlier replay left, and return its Python.

    Parameters
    ----------
    wanted
        As `want` gives it.
    shelf
        The folder where environments are kept, one for each set of packages; it may be removed at any time.
    own
        Where an environment goes that also holds the repository's own distributions, as editable.
    top
        The top of the restored repository.
    root
        The user's own project, whose `[tool.uv]` may name an index; what a restored one says is data.

    Raises
    ------
    PythonMissing, PackageGone, VenvFailed
    """
    from filelock import FileLock

    shelf.mkdir(parents=True, exist_ok=True)
    (shelf / ".gitignore").write_text("*\n", "utf-8")
    kept = shelf / wanted.digest
    with FileLock(shelf / f"{kept.name}.lock"):
        if not _is_sound(kept, wanted):
            _fill(kept, wanted, root)
    if not wanted.own:
        return _python_of(kept)
    return _add_own(kept, wanted, own, top, root)


def _fill(folder: Path, wanted: Wanted, root: Path) -> None:
    """Make an environment in a draft folder, and move it into place when it is complete."""
    making = folder.with_name(f"{folder.name}.making")
    for stale in (making, folder):
        shutil.rmtree(stale, ignore_errors=True)
    try:
        _begin(making, wanted.python, root)
        listed = making / "requirements.txt"
        listed.write_text("".join(f"{line}\n" for line in wanted.requirements), "utf-8")
        _install_all(making, wanted, listed, root)
        if wanted.copied:
            _copy_runcard(_packages_of(making))
        _check(_python_of(making), {n: v for n, v in wanted.versions.items() if n not in wanted.own})
        mark = json.dumps({"packages": wanted.versions, "state": _state(making)}, indent=1)
        (making / _MARK).write_text(mark, "utf-8")
        making.rename(folder)
    except OSError as error:
        raise _trouble(folder, error.strerror or str(error)) from error
    finally:
        shutil.rmtree(making, ignore_errors=True)


def _install_all(folder: Path, wanted: Wanted, listed: Path, root: Path) -> None:
    """Install packages: from uv's cache, without network, if all are there; else from the index."""
    try:
        ask_uv(*_INSTALL, _python_of(folder), "--offline", "--requirements", listed, at=root)
    except UvRefused:
        _install(folder, wanted, "--requirements", listed, at=root)


def _is_sound(folder: Path, wanted: Wanted) -> bool:
    """Tell whether an environment exists and none of its files was changed since it was made."""
    try:
        mark = json.loads((folder / _MARK).read_text("utf-8"))
        return bool(mark["state"] == _state(folder)) and _ask(_python_of(folder)) is not None
    except (OSError, ValueError, KeyError):
        return False


def _state(folder: Path) -> str:
    """Hash names, sizes and times of all files except those that Python compiles by itself."""
    digest = hashlib.sha256()
    for path, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if name != "__pycache__")
        for name in sorted(set(files) - {_MARK}):
            about = os.lstat(os.path.join(path, name))
            place = os.path.relpath(os.path.join(path, name), folder)
            digest.update(f"{place}\0{about.st_size}\0{about.st_mtime_ns}\n".encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


def _add_own(kept: Path, wanted: Wanted, folder: Path, top: Path, root: Path) -> Path:
    """Make an environment on top of the kept one, with the repository's distributions installed in addition."""
    _begin(folder, wanted.python, root)
    line = f"import site; site.addsitedir({str(_packages_of(kept))!r})\n"
    (_packages_of(folder) / "_runcard_kept.pth").write_text(line, "utf-8")
    for name, about in sorted(wanted.own.items()):
        path = top / about["folder"] / about.get("subdirectory", "")
        editable = about.get("dir_info", {}).get("editable")
        # A version that is counted from tags has none here.
        key = f"SETUPTOOLS_SCM_PRETEND_VERSION_FOR_{name.replace('-', '_').upper()}"
        words = ["--editable", path] if editable else [path]
        _install(folder, wanted, *words, at=root, variables={key: wanted.versions[name]})
    _check(_python_of(folder), wanted.versions)
    return _python_of(folder)


def _begin(folder: Path, python: str, root: Path) -> None:
    """Make an empty environment with the exact Python: the running one, another on this machine, or one from uv."""
    implementation, _, version = python.partition("@")
    running = (sys.implementation.name, platform.python_version()) == (implementation, version)
    asked = getattr(sys, "_base_executable", sys.executable) if running else python
    try:
        ask_uv("venv", "--quiet", "--no-project", "--python", asked, folder, at=root)
    except UvRefused as refused:
        raise errors.PythonMissing(
            f"Python {version} ({implementation}) is not to be had",
            where="the run's artifacts, provenance/environment.json",
            why=str(refused),
            hint=f"`uv python install {python}`, or put it on PATH; or `runcard reproduce RUN --here`",
        ) from None


def _install(
    folder: Path, wanted: Wanted, *words: str | Path, at: Path, variables: dict[str, str] | None = None
) -> None:
    try:
        ask_uv(*_INSTALL, _python_of(folder), *words, at=at, variables=variables)
    except UvRefused as refused:
        raise _gone(str(refused), wanted) from None


def _check(python: Path, expected: Mapping[str, str]) -> None:
    """Refuse an environment that does not have exactly these versions."""
    found = _ask(python)
    if found is None:
        raise _trouble(python.parents[2], "its Python does not start")
    unlike = sorted(name for name in {*found, *expected} if found.get(name) != expected.get(name))
    if not unlike:
        return
    name = unlike[0]
    raise errors.PackageGone(
        f"`{name}` is {found.get(name, 'not')} in the new environment, where {expected.get(name, 'none')} was",
        where="the run's artifacts, provenance/environment.json",
        why="the packages must be those of the run",
        hint="`runcard reproduce RUN --here` runs it with the present packages",
    )


def _ask(python: Path) -> dict[str, str] | None:
    """Return the versions of all importable distributions of an environment; None if its Python does not start."""
    try:
        done = subprocess.run([python, "-I", "-c", _ASK], capture_output=True, check=True, timeout=60)
    except (OSError, subprocess.SubprocessError):
        return None
    found: dict[str, str] = json.loads(done.stdout)[1]
    return found


def _copy_runcard(packages: Path) -> None:
    """Copy the running runcard; a link to it would change with it."""
    shutil.copytree(Path(__file__).parents[2], packages / RUNCARD, ignore=shutil.ignore_patterns("__pycache__"))
    about = own_distribution()
    if about is not None:
        folder = packages / f"{normalised(RUNCARD)}-{about.version}.dist-info"
        folder.mkdir()
        for name in ("METADATA", "WHEEL", "entry_points.txt"):
            if text := about.read_text(name):
                (folder / name).write_text(text, "utf-8")


def _python_of(folder: Path) -> Path:
    return folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def _packages_of(folder: Path) -> Path:
    return next(folder.glob("Lib/site-packages" if os.name == "nt" else "lib/python*/site-packages"))


def _gone(said: str, wanted: Wanted) -> errors.RuncardError:
    """Tell whether a package is unavailable, as opposed to a network or disk failure."""
    if any(word in said.lower() for word in ("no space left", "permission denied", "disk quota")):
        return _trouble(None, said)
    named = [line for line in wanted.requirements if line.replace("==", " ").split()[0] in said.lower()]
    exact = [line for line in named if line in said.replace("=v", "==")]
    names = ", ".join(f"`{line}`" for line in (exact or named)[:3])
    return errors.PackageGone(
        f"{names or 'a package of the run'} cannot be installed",
        where="the run's artifacts, provenance/requirements.txt",
        why=said,
        hint="set `UV_INDEX` or `UV_FIND_LINKS` to a place that has it; or `runcard reproduce RUN --here`",
    )


def _trouble(folder: Path | None, said: str) -> errors.VenvFailed:
    return errors.VenvFailed(
        "the environment of the run cannot be made",
        where=str(folder or ".runcard/venvs"),
        why=said,
        hint="mend that and try again; or `runcard reproduce RUN --here`",
    )
