"""Fill `.venv` with exactly what a lock names and put runcard in it, editable.

Make runs this with the machine's own Python before anything is installed, so only the standard
library is used.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
VENV = ROOT / ".venv"
TOOLS = ROOT / ".tools"
VERSION = f"{sys.version_info.major}.{sys.version_info.minor}"


def main() -> None:
    """Set up for `demo` or `dev`, the two locks, and leave the stamp that make looks at."""
    name = sys.argv[1]
    began = time.monotonic()
    remove_stamps()
    uv = find_uv()
    make_venv(uv)
    install(uv, ROOT / "requirements" / f"{name}.txt")
    (VENV / f".{name}").touch()
    seconds = time.monotonic() - began
    say(f"set up in {seconds:.0f} s: {megabytes(VENV):.0f} MB in .venv, Python {VERSION}")


def remove_stamps() -> None:
    """Forget earlier set-ups first: one that stops half-way must not pass for done."""
    for name in ("demo", "dev"):
        (VENV / f".{name}").unlink(missing_ok=True)


def find_uv() -> str:
    """Return the uv on PATH, or the one in `.tools`, which is brought there first if need be."""
    if found := shutil.which("uv"):
        return found
    uv = TOOLS / "bin" / "uv"
    if not uv.exists():
        bring_uv()
    return str(uv)


def bring_uv() -> None:
    """Install the locked uv into a virtual environment of its own."""
    say("bringing uv into .tools")
    made = subprocess.run([sys.executable, "-m", "venv", "--clear", str(TOOLS)], check=False)
    if made.returncode != 0:
        sys.exit("`python3 -m venv` failed; on Debian and Ubuntu: apt-get install python3-venv")
    lock = ROOT / "requirements" / "uv.txt"
    run(
        [
            TOOLS / "bin" / "pip",
            "install",
            "-q",
            "--disable-pip-version-check",
            "--require-hashes",
            "-r",
            lock,
        ]
    )


def make_venv(uv: str) -> None:
    """Make `.venv`, unless there is one that works and has the asked Python."""
    ask = "import sys; print('%d.%d' % sys.version_info[:2])"
    python = VENV / "bin" / "python"
    if python.exists():  # not so when the Python it points at was removed
        answer = subprocess.run([python, "-c", ask], check=False, capture_output=True, text=True)
        if answer.stdout.strip() == VERSION:
            return
    shutil.rmtree(VENV, ignore_errors=True)
    run([uv, "venv", "-q", "--no-python-downloads", "--python", sys.executable, VENV])


def install(uv: str, lock: Path) -> None:
    """Bring `.venv` to the lock, then add runcard itself, built by the locked hatchling."""
    python = VENV / "bin" / "python"
    # Bytecode now, once: where PYTHONDONTWRITEBYTECODE is set, every process would compile what it imports anew.
    run([uv, "pip", "sync", "--compile-bytecode", "--python", python, "--require-hashes", lock])
    options = ["-q", "--no-deps", "--no-build-isolation"]
    run([uv, "pip", "install", "--python", python, *options, "--editable", ROOT])
    run([python, "-m", "compileall", "-q", ROOT / "src"])


def run(command: Sequence[str | Path]) -> None:
    """Run a command, and end with its exit code when it fails: it has said why itself."""
    done = subprocess.run([str(word) for word in command], cwd=ROOT, check=False)
    if done.returncode != 0:
        sys.exit(done.returncode)


def say(text: str) -> None:
    """Tell how far things are, in order with what the tools say."""
    sys.stderr.write(text + "\n")


def megabytes(folder: Path) -> float:
    """Return what the files of a folder hold, in MB (10^6 bytes)."""
    return sum(path.lstat().st_size for path in folder.rglob("*") if not path.is_dir()) / 1e6


if __name__ == "__main__":
    main()
