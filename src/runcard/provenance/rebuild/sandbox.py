"""A sandbox for foreign code (bubblewrap, on Linux): no network, no home, one writable folder."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path

from runcard import errors

PROGRAM = "bwrap"
_CONFINED = (
    *("--unshare-all", "--die-with-parent", "--new-session", "--cap-drop", "ALL"),
    *("--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc"),
)
_HIDDEN = ("/home", "/root", "/run", "/tmp", "/var/tmp", "/mnt", "/media")
_OWN_MEMORY = "/dev/shm"
"""Goes with the sandbox. Sockets are made there, whose names may have a hundred characters."""
_PASSED_ON = ("PATH", "LANG", "LANGUAGE", "TZ", "TERM", "COLUMNS", "LD_LIBRARY_PATH")
_TIMEOUT_SECONDS = 20.0


def require_sandbox() -> None:
    """Require that this machine can confine a process.

    Raises
    ------
    SandboxMissing
    """
    program = shutil.which(PROGRAM)
    if program is None:
        raise _missing("bubblewrap is not installed", "it is what makes the sandbox", "`apt-get install bubblewrap`")
    try:
        done = subprocess.run(
            [program, *_CONFINED, "--", "/bin/true"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_TIMEOUT_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise _missing("bubblewrap does not work here", str(error), "mend its installation") from None
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip() or f"it ended with {done.returncode}"
        raise _missing("bubblewrap does not work here", said, "allow user namespaces, which containers often forbid")


def confine(command: Sequence[str], *, folder: Path, at: Path, readable: Iterable[Path]) -> list[str]:
    """Give the command that runs another command in the sandbox.

    Parameters
    ----------
    folder
        All that it may write to, but for memory of its own.
    at
        Where it runs, in that folder.
    readable
        What it may read although a home or a temporary folder holds it; of all else that these hold it sees nothing.
    """
    places = [place for place in dict.fromkeys([*map(Path, _HIDDEN), Path.home()]) if place != Path("/")]
    hidden = sorted(place for place in places if place.is_dir() and not place.is_symlink())
    words: list[str | Path] = [PROGRAM, *_CONFINED]
    for place in hidden:
        words += ["--tmpfs", place]
    for place in dict.fromkeys(readable):
        if any(above in place.parents for above in hidden):
            words += ["--ro-bind", place, place]
    words += ["--bind", folder, folder]
    for place in hidden:
        words += ["--remount-ro", place]
    words += ["--chdir", at, "--", *command]
    return [str(word) for word in words]


def plain_variables(folder: Path) -> dict[str, str]:
    """Give the present environment variables that a sandbox may see: none that could hold a secret."""
    kept = {name: value for name, value in os.environ.items() if name in _PASSED_ON or name.startswith("LC_")}
    return {**kept, "HOME": str(folder / "home"), "TMPDIR": _OWN_MEMORY}


def bases_of(python: Path) -> list[Path]:
    """Give the folders that a virtual environment's Python needs: the environment and its base installation."""
    about = python.parents[1] / "pyvenv.cfg"
    found = dict(line.split(" = ", 1) for line in about.read_text("utf-8").splitlines() if " = " in line)
    return [python.parents[1], Path(found["home"]).parent, python.resolve().parents[1]]


def borrowed_by(repository: Path) -> list[Path]:
    """Give the object folders that a restored repository and its submodules borrow."""
    todo = [path.parents[1] for path in repository.rglob(".git/objects/info/alternates")]
    found: dict[Path, None] = {}
    while todo:
        about = todo.pop() / "info" / "alternates"
        for line in about.read_bytes().splitlines() if about.is_file() else []:
            place = Path(os.fsdecode(line))
            if place.is_dir() and place not in found:
                found[place] = None
                todo.append(place)
    return list(found)


def _missing(what: str, why: str, hint: str) -> errors.SandboxMissing:
    return errors.SandboxMissing(
        what,
        where=f"`{PROGRAM}`, on PATH",
        why=why,
        hint=f"{hint}; without `--sandbox` the code of the run has your rights",
    )
