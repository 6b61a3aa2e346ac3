"""Running uv to make virtual environments and install packages."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

from runcard import errors
from runcard.redact import redact

# What a user sets for a project at work would put other packages in than those that are asked for.
_NOT_PASSED_ON = (
    *("VIRTUAL_ENV", "CONDA_PREFIX", "PYTHONPATH", "PYTHONHOME", "__PYVENV_LAUNCHER__"),
    *("UV_REQUIRE_HASHES", "UV_CONSTRAINT", "UV_OVERRIDE", "UV_EXCLUDE", "UV_VENV_SEED", "UV_SYSTEM_PYTHON"),
    *("UV_PYTHON", "UV_WORKING_DIRECTORY", "UV_PROJECT", "UV_TORCH_BACKEND"),
)
_FRAME = re.compile(r"[│╰╭─▶├×]+|\x1b\[[0-9;]*m")
_NOISE = re.compile(
    r"No solution found when resolving dependencies:? (?:cause: )?| and you require [^ ]+ we can conclude .*"
)
_LONGEST_WHY = 600


class UvRefused(Exception):
    """Raised when uv fails; the message is its reason in a line or two."""


def find_uv() -> str:
    """Find uv: the one installed with runcard, else the one on PATH.

    Raises
    ------
    VenvFailed
    """
    try:
        from uv import find_uv_bin

        return str(find_uv_bin())
    except (ImportError, FileNotFoundError):
        found = shutil.which("uv")
    if found is None:
        raise errors.VenvFailed(
            "uv is not installed",
            where="the packages beside runcard, and PATH",
            why="it makes the environment in which the run is repeated",
            hint="`pip install uv`; or `runcard reproduce RUN --here`",
        )
    return found


def ask_uv(*words: str | Path, at: Path, variables: dict[str, str] | None = None) -> str:
    """Return what a uv command prints; the user's `UV_*` variables and files say which index and cache.

    Parameters
    ----------
    at
        A folder of the user's own project, whose `[tool.uv]` and `uv.toml` have a say; never a restored one.

    Raises
    ------
    VenvFailed
        There is no uv.
    UvRefused
    """
    environment = {name: value for name, value in os.environ.items() if name not in _NOT_PASSED_ON}
    done = subprocess.run(
        [find_uv(), "--no-progress", "--color=never", *map(str, words)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        env=environment | (variables or {}),
        cwd=at,
        check=False,
    )
    if done.returncode:
        raise UvRefused(_condensed(done.stderr.decode("utf-8", "replace")))
    return done.stdout.decode("utf-8", "replace")


def _condensed(said: str) -> str:
    """Join uv's framed and indented output into one paragraph, without warnings and progress."""
    blocks = re.split(r"^(?=warning: |error: |  × |hint: )", said, flags=re.MULTILINE)
    kept = [block for block in blocks if block.startswith(("error: ", "  × "))] or [said]
    text = " ".join(_FRAME.sub(" ", redact(" ".join(kept))).split()).removeprefix("error: ")
    text = _NOISE.sub("", text)
    return text if len(text) <= _LONGEST_WHY else f"{text[:_LONGEST_WHY]} ..."
