"""Resolve requirements/*.in into locks with hashes, for every platform and Python that runcard supports.

Versions that are locked already stay, unless they no longer fit; remove a lock first to have the newest.
"""

from __future__ import annotations

from pathlib import Path

from set_up import find_uv, run, say

GROUPS = ("--group", "test", "--group", "lint", "--group", "docs")


def main() -> None:
    """Write the locks; `demo` comes after `dev`, whose versions it takes."""
    lock("uv")
    lock("dev", *GROUPS)
    lock("demo")


def lock(name: str, *arguments: str) -> None:
    """Resolve one of them, naming no index: where packages come from is the machine's business."""
    folder = Path("requirements")
    options = ["--universal", "--python-version", "3.11", "--generate-hashes", "--quiet"]
    # One version for all Pythons wherever there is one: a card gives the same numbers on each.
    options += ["--fork-strategy", "fewest", "--no-emit-package", "runcard"]
    options += ["--no-emit-index-url", "--no-emit-find-links", "--custom-compile-command", "make lock"]
    options += [*arguments, "--output-file", str(folder / f"{name}.txt")]
    run([find_uv(), "pip", "compile", *options, folder / f"{name}.in"])
    say(f"wrote {folder / name}.txt")


if __name__ == "__main__":
    main()
