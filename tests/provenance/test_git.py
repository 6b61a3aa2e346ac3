"""Git that keeps a commit to itself: said with its reason and the command that mends it, by run and audit alike."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from runcard.project import find_project
from runcard.provenance.capture.code import capture_code
from runcard.provenance.git import is_refused, mending
from runcard.workflow.run.committed import refused_remark


def git(folder: Path, *words: str) -> None:
    subprocess.run(["git", *words], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "it's a repository"
    folder.mkdir()
    git(folder, "init", "-q")
    (folder / "pyproject.toml").write_text("[tool.runcard]\n")
    git(folder, "add", "-A")
    git(folder, "-c", "user.name=a", "-c", "user.email=a@b.c", "commit", "-qm", "one")
    return folder


def test_a_repository_of_somebody_else_is_said_to_be_one(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(repository.parent))
    monkeypatch.setenv("GIT_CONFIG_COUNT", "0")
    for path in [repository, *repository.rglob("*")]:
        os.chown(path, 4242, 4242)
    code = capture_code(repository)
    assert code.commit is None
    mend = mending(code.reason or "")
    assert mend is not None
    assert mend.startswith("git config --global --add safe.directory ")
    remark = refused_remark(code.reason, find_project(repository))
    assert "dubious ownership" in remark
    assert mend in remark
    git(repository, "config", "--global", "--add", "safe.directory", str(repository))
    assert capture_code(repository).commit is not None


def test_a_repository_that_is_damaged_is_said_to_be_there(repository: Path) -> None:
    (repository / ".git" / "HEAD").unlink()
    code = capture_code(repository)
    assert is_refused(code.reason, repository)
    assert "no commit is recorded" in refused_remark(code.reason, find_project(repository))


def test_a_folder_without_git_is_no_cause_for_a_word(tmp_path: Path, repository: Path) -> None:
    (tmp_path / "plain").mkdir()
    assert not is_refused(capture_code(tmp_path / "plain").reason, tmp_path / "plain")
    assert not is_refused("no commit yet", repository)
    assert is_refused("git is not installed", repository)
    assert not is_refused("git is not installed", tmp_path / "plain")
    assert mending("not a git repository (or any of the parent directories): .git") is None


def test_a_bare_repository_has_its_remedy(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q", "--bare", "bare")
    code = capture_code(tmp_path / "bare")
    assert mending(code.reason or "") == "git worktree add ../work-tree"
