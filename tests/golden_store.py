"""A project as today's runcard leaves it, kept as a file for later ones to read: journal, lock, MLflow's database."""

from __future__ import annotations

import getpass
import importlib.metadata
import json
import platform
import shutil
import socket
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
from golden_cards import STORY
from goldens import GOLDEN, fixed_versions
from projects import call_cli, commit, make_customers, write_project

KEPT = GOLDEN / "store.tar.xz"
MADE_IN = Path("/tmp/runcard-store/project")
"""Its path is in MLflow's database, as that of any project is."""
MAKING = (
    ("run", "card", "--workers", "1"),
    ("register", "card"),
    ("promote", "leavers/1", "--to", "staging"),
    ("promote", "leavers/1", "--to", "production", "--reason", "the first"),
    ("reproduce", "leavers/1", "--here", "--workers", "1"),
    ("run", "other", "--workers", "1"),
    ("register", "other"),
    ("promote", "leavers/2", "--to", "production"),
)
_LEFT_OUT = (".git/", ".runcard/locks/", ".runcard/scratch/")


def write_story(folder: Path) -> None:
    """Make a repository with two cards of one experiment."""
    write_project(folder, STORY, table=make_customers())
    other = STORY | {"models": [{"name": "decision_tree", "params": {"max_depth": 1}}]}
    (folder / "configs" / "other.yaml").write_text(json.dumps(other, indent=2))
    commit(folder)
    for name, value in (("user.name", "Ada"), ("user.email", "ada@example.org")):
        subprocess.run(["git", "config", name, value], cwd=folder, check=True)


def write_store() -> None:
    """Make the project and keep all of it but the repository; nothing in it names the machine or its user."""
    shutil.rmtree(MADE_IN.parent, ignore_errors=True)
    write_story(MADE_IN)
    with pytest.MonkeyPatch.context() as patch, fixed_versions():
        patch.setattr(socket, "gethostname", lambda: "laptop")
        patch.setattr(getpass, "getuser", lambda: "ada")
        patch.setattr(platform, "platform", lambda: "Linux")
        patch.setattr(sys, "argv", ["runcard", "run", "card"])
        hide_where_runcard_is(patch)
        for words in MAKING:
            said = call_cli(MADE_IN, *words)
            assert said.returncode == 0, said.stderr
    files = [path for path in MADE_IN.rglob("*") if path.is_file()]
    with tarfile.open(KEPT, "w:xz", preset=9) as kept:
        for path in sorted(files, key=lambda path: (path.suffix, path.name)):  # equal files beside each other
            name = path.relative_to(MADE_IN).as_posix()
            if not name.startswith(_LEFT_OUT):
                kept.add(path, name, filter=_nobodys)


def hide_where_runcard_is(patch: pytest.MonkeyPatch) -> None:
    """Let no distribution tell the folder that it was installed from."""
    import mlflow  # noqa: F401  (it brings a kind of its own)

    for kind in {type(found) for found in importlib.metadata.distributions()}:
        read = kind.read_text
        patch.setattr(
            kind, "read_text", lambda self, name, read=read: None if name == "direct_url.json" else read(self, name)
        )


def read_store(folder: Path) -> Path:
    """Put the project into a folder, as somebody who copied it does."""
    with tarfile.open(KEPT) as kept:
        kept.extractall(folder, filter="data")
    return folder


def _nobodys(file: tarfile.TarInfo) -> tarfile.TarInfo:
    file.uid = file.gid = 0
    file.uname = file.gname = ""
    return file
