"""A repository of somebody else is read and restored, and nothing in it, or in git's settings, is run by that."""

from __future__ import annotations

import hashlib
import os
import subprocess
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import pytest
from projects import environment

from runcard import errors
from runcard.project import Project
from runcard.provenance.capture.code import capture_code
from runcard.provenance.capture.patch import extent_of
from runcard.provenance.git import ask_git, author_of, is_pushed, remote_branch_of
from runcard.provenance.rebuild.code import restore_code
from runcard.replay import Account
from runcard.workflow.replay.diff import commits_apart

pytestmark = pytest.mark.slow

IDENTITY = ("-c", "user.name=M", "-c", "user.email=m@example.org", "-c", "commit.gpgsign=false")


def git(folder: Path, *words: str, feed: bytes = b"") -> str:
    allowed = ("-c", "protocol.file.allow=always", "-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null")
    command = ["git", *IDENTITY, *allowed, *words]
    done = subprocess.run(command, cwd=folder, env=environment(), input=feed, capture_output=True, check=True)
    return done.stdout.decode().strip()


@pytest.fixture
def canary(tmp_path: Path) -> Path:
    return tmp_path / "it-ran"


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """Two commits whose attributes name drivers and filters, and files that are not committed."""
    folder = tmp_path / "clone"
    folder.mkdir()
    git(folder, "init", "-q", "-b", "main")
    (folder / ".gitattributes").write_text("*.py diff=evil\n*.dat filter=evil diff=evil\n")
    for number in (1, 2):
        (folder / "model.py").write_text(f"x = {number}\n")
        (folder / "table.dat").write_text(f"{number}\n")
        git(folder, "add", ".")
        git(folder, "commit", "-qm", str(number))
    (folder / "model.py").write_text("x = 3\n")
    return folder


def use_all(clone: Path, into: Path) -> None:
    """Do all that runcard asks of git with a clone and with a recorded run."""
    code = capture_code(clone)
    assert code.diff, code.reason
    author_of(clone, str(code.commit))
    remote_branch_of(clone, str(code.commit))
    is_pushed(clone)
    assert extent_of(code.diff, clone).names == ("model.py",)
    first = ask_git(clone, "rev-parse", "HEAD~1").decode().strip()
    sides = [Account("a", code={"commit": first}), Account("b", code={"commit": code.commit})]
    (found,) = commits_apart(sides[0], sides[1], Project(clone))
    assert any("x = 2" in line for line in found.lines)
    restored = restore_code(code, repository=clone, into=into)
    assert (restored.root / "model.py").read_text() == "x = 3\n"
    assert capture_code(restored.root).diff


@pytest.mark.parametrize(
    "names",
    [
        *("core.fsmonitor", "diff.external", "diff.evil.command", "diff.evil.textconv", "core.pager", "pager.diff"),
        *("filter.evil.smudge", "core.editor", "core.askPass", "core.sshCommand"),
        *("core.gitProxy", "uploadpack.packObjectsHook", "interactive.diffFilter", "credential.helper"),
        *("core.alternateRefsCommand", "remote.origin.uploadpack", "alias.diff", "alias.status", "gpg.program"),
    ],
)
def test_no_setting_of_a_clone_is_run(clone: Path, tmp_path: Path, canary: Path, names: str) -> None:
    """All but filters that clean what is looked at: the user set them for the clone, and they say what a file holds."""
    trap = tmp_path / "trap"
    trap.write_text(f"#!/bin/sh\ntouch {canary}\ncat\n")
    trap.chmod(0o755)
    git(clone, "config", names, str(trap))
    git(clone, "config", "log.showSignature", "true")
    use_all(clone, tmp_path / "tree")
    assert not canary.exists()


def test_no_hook_is_run(clone: Path, tmp_path: Path, canary: Path) -> None:
    for folder in (clone / ".git" / "hooks", clone / "own-hooks", tmp_path / "template" / "hooks"):
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("post-checkout", "post-index-change", "reference-transaction", "fsmonitor-watchman", "pre-commit"):
            (folder / name).write_text(f"#!/bin/sh\ntouch {canary}\n")
            (folder / name).chmod(0o755)
    git(clone, "config", "init.templateDir", str(tmp_path / "template"))
    git(clone, "config", "core.hooksPath", "own-hooks")
    use_all(clone, tmp_path / "tree")
    assert not canary.exists()


def test_no_program_that_the_environment_names_is_run(
    clone: Path, tmp_path: Path, canary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("EXTERNAL_DIFF", "PAGER", "EDITOR", "ASKPASS", "SSH", "PROXY_COMMAND", "SEQUENCE_EDITOR"):
        monkeypatch.setenv(f"GIT_{name}", f"touch {canary}")
    use_all(clone, tmp_path / "tree")
    assert not canary.exists()


def object_of(folder: Path, kind: str, content: bytes) -> str:
    return git(folder, "hash-object", "-t", kind, "-w", "--literally", "--stdin", feed=content)


def entry(mode: str, name: str, digest: str) -> bytes:
    return f"{mode} {name}\0".encode() + bytes.fromhex(digest)


@pytest.mark.parametrize("kind", [".git", ".GIT", "..", ".git-link", "link-and-folder", "link-and-submodule"])
def test_a_tree_that_leads_out_is_not_written(clone: Path, tmp_path: Path, kind: str) -> None:
    """Trees that git itself would never make, but whoever sends objects can."""
    outside = tmp_path / "outside"
    outside.mkdir()
    blob = object_of(clone, "blob", b"#!/bin/sh\ntouch it-ran\n")
    link = object_of(clone, "blob", os.fsencode(outside))
    below = object_of(clone, "tree", entry("100755", "config", blob))
    head = git(clone, "rev-parse", "HEAD")
    trees = {
        ".git": entry("40000", ".git", below),
        ".GIT": entry("40000", ".GIT", below),
        "..": entry("40000", "..", below),
        ".git-link": entry("120000", ".git", link),
        "link-and-folder": entry("120000", "a", link) + entry("40000", "a", below),
        "link-and-submodule": entry("120000", "a", link)
        + entry("40000", "a", object_of(clone, "tree", entry("160000", "sub", head))),
    }
    commit = git(clone, "commit-tree", object_of(clone, "tree", trees[kind]), "-m", "evil")
    if kind == "link-and-submodule":
        (clone / "a").mkdir()
        git(clone, "clone", "-q", ".", "a/sub")
    code = replace(capture_code(clone), commit=commit, diff=b"", changed={}, untracked={}, branch=None)
    with nullcontext() if kind.startswith("link-and") else pytest.raises(errors.CodeNotRestored):
        restore_code(code, repository=clone, into=tmp_path / "tree")
    assert list(outside.iterdir()) == []
    assert b"touch" not in (tmp_path / "tree" / ".git" / "config").read_bytes()


PATCHES = {
    "git's own folder": b"diff --git a/.git/hooks/x b/.git/hooks/x\nnew file mode 100755\n"
    b"--- /dev/null\n+++ b/.git/hooks/x\n@@ -0,0 +1 @@\n+evil\n",
    "above": b"diff --git a/../x b/../x\nnew file mode 100644\n--- /dev/null\n+++ b/../x\n@@ -0,0 +1 @@\n+evil\n",
    "absolute": b"--- /dev/null\n+++ /%s/x\n@@ -0,0 +1 @@\n+evil\n",
    "through its own link": b"diff --git a/out b/out\nnew file mode 120000\n--- /dev/null\n+++ b/out\n@@ -0,0 +1 @@\n"
    b"+%s\n\\ No newline at end of file\n"
    b"diff --git a/out/x b/out/x\nnew file mode 100644\n--- /dev/null\n+++ b/out/x\n@@ -0,0 +1 @@\n+evil\n",
}


@pytest.mark.parametrize("kind", PATCHES)
def test_a_diff_that_leads_out_is_not_applied(clone: Path, tmp_path: Path, kind: str) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    git(clone, "checkout", "-q", "model.py")
    patch = PATCHES[kind].replace(b"%s", os.fsencode(outside))
    code = replace(capture_code(clone), diff=patch)
    with pytest.raises(errors.CodeNotRestored):
        restore_code(code, repository=clone, into=tmp_path / "deep" / "tree")
    assert list(outside.iterdir()) == []
    assert not list(tmp_path.rglob("x"))


def test_no_submodule_is_fetched_from_where_the_tree_says(clone: Path, tmp_path: Path, canary: Path) -> None:
    (clone / ".gitmodules").write_text(f'[submodule "s"]\n\tpath = s\n\turl = ext::sh -c touch% {canary}\n')
    digest = hashlib.sha1(b"").hexdigest()
    git(clone, "add", ".gitmodules")
    git(clone, "update-index", "--add", "--cacheinfo", f"160000,{digest},s")
    git(clone, "commit", "-qm", "a submodule")
    (clone / "s").mkdir()
    restored = restore_code(capture_code(clone), repository=clone, into=tmp_path / "tree")
    assert any("the submodule s is empty" in remark for remark in restored.remarks)
    assert not canary.exists()


def test_settings_of_a_restored_tree_count_for_nothing(clone: Path, tmp_path: Path, canary: Path) -> None:
    """A folder in it that looks like a repository is none: neither as a source nor when it is looked at."""
    bare = clone / "data"
    git(clone, "init", "-q", "--bare", "data")
    git(bare, "config", "core.fsmonitor", f"touch {canary}")
    git(bare, "config", "core.worktree", "..")
    git(bare, "config", "core.bare", "false")
    git(bare, "config", "filter.evil.clean", f"touch {canary}")
    git(clone, "add", "-f", "data")
    git(clone, "commit", "-qm", "a repository in the tree")
    restored = restore_code(capture_code(clone), repository=clone, into=tmp_path / "tree")
    capture_code(restored.root / "data")
    assert not canary.exists()
