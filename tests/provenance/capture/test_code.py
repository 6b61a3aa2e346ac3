import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace

import pytest

from runcard.provenance.bundle import files_of
from runcard.provenance.capture.code import capture_code, mlflow_tags
from runcard.provenance.capture.untracked import LARGEST_TEXT_BYTES

BINARY = bytes(range(256)) * 40


def git(folder, *words):
    identity = ["-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]
    environment = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")}
    done = subprocess.run(["git", *identity, *words], cwd=folder, capture_output=True, check=True, env=environment)
    return done.stdout.decode()


@pytest.fixture
def repository(tmp_path):
    """A repository with one commit: a module, a file in Latin-1, a binary one, one to rename."""
    folder = tmp_path / "repository"
    folder.mkdir()
    git(folder, "init", "--initial-branch", "trunk")
    (folder / "model.py").write_text("".join(f"line_{n} = {n}\n" for n in range(30)))
    (folder / "latin.py").write_bytes("# Grüße\n".encode("latin-1"))
    (folder / "table.bin").write_bytes(BINARY)
    (folder / "old name.py").write_text("x = 1\n" * 30)
    git(folder, "add", ".")
    git(folder, "commit", "-m", "first")
    return folder


def assert_rebuilds(code, original, tmp_path):
    """The diff, applied to a fresh clone at the commit, gives the same tracked files."""
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "-q", str(original), str(clone))
    git(clone, "checkout", "-q", code.commit)
    (tmp_path / "patch").write_bytes(code.diff)
    git(clone, "apply", "--binary", "--index", str(tmp_path / "patch"))
    names = git(clone, "ls-files", "-z").split("\0")[:-1]
    assert {n: (clone / n).read_bytes() for n in names} == {n: (original / n).read_bytes() for n in names}
    return names


def test_clean_repository(repository):
    code = capture_code(repository)
    assert code.commit == git(repository, "rev-parse", "HEAD").strip()
    assert (code.branch, code.dirty, code.diff, code.untracked, code.left_out) == (
        "trunk",
        False,
        b"",
        {},
        {},
    )
    assert (code.remote, code.redacted, code.reason) == (None, False, None)


def change_everything(folder):
    (folder / "model.py").write_text((folder / "model.py").read_text().replace("line_7 = 7", "line_7 = 'é'"))
    (folder / "latin.py").write_bytes("# Grüße, Öl\n".encode("latin-1"))
    (folder / "table.bin").write_bytes(BINARY[::-1])
    git(folder, "mv", "old name.py", "new näme.py")
    (folder / "staged.py").write_text("y = 2\n")
    git(folder, "add", "staged.py")
    os.chmod(folder / "model.py", 0o755)


def test_the_diff_applies_again(repository, tmp_path):
    change_everything(repository)
    code = capture_code(repository)
    assert code.dirty
    assert b"rename from" in code.diff
    assert b"GIT binary patch" in code.diff
    assert "new näme.py" in assert_rebuilds(code, repository, tmp_path)
    assert files_of(code) == {"diff.patch": code.diff}


def test_no_setting_of_the_user_changes_the_diff(repository, tmp_path, monkeypatch):
    change_everything(repository)
    plain = capture_code(repository)
    trap = tmp_path / "trap.sh"
    trap.write_text(f"#!/bin/sh\ntouch '{tmp_path}/called'\necho trapped\n")
    trap.chmod(0o755)
    (repository / ".git" / "info" / "attributes").write_text("*.py diff=own\n")
    for name, value in {
        "core.pager": str(trap),
        "core.fsmonitor": str(trap),
        "diff.external": str(trap),
        "diff.own.command": str(trap),
        "diff.own.textconv": str(trap),
        "diff.noprefix": "true",
        "diff.mnemonicPrefix": "true",
        "diff.context": "0",
        "diff.renames": "false",
        "color.ui": "always",
        "status.showUntrackedFiles": "no",
        "core.quotePath": "true",
    }.items():
        git(repository, "config", name, value)
    monkeypatch.setenv("GIT_EXTERNAL_DIFF", str(trap))
    monkeypatch.setenv("GIT_PAGER", str(trap))
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))  # as within a git hook
    monkeypatch.setenv("LANGUAGE", "de")
    (tmp_path / "called").unlink(missing_ok=True)
    assert capture_code(repository) == plain
    assert not (tmp_path / "called").exists()


def test_untracked_sources_are_kept_and_the_rest_is_not(repository):
    (repository / "deep").mkdir()
    (repository / "deep" / "features.py").write_bytes(b"z = 3\r\n\xe9")
    (repository / "data.csv").write_text("a,b\n1,2\n")
    (repository / "huge.json").write_text("1" * (LARGEST_TEXT_BYTES + 1))
    (repository / "binary.txt").write_bytes(b"\0\1")
    (repository / "link.py").symlink_to("/etc/hostname")
    for name in (".runcard/journal.db", ".runcard/a.py", "mlflow.db", "mlflow.db-wal", "mlartifacts/0/x.py"):
        (repository / name).parent.mkdir(parents=True, exist_ok=True)
        (repository / name).write_text("x")
    code = capture_code(repository)
    assert code.untracked == {"deep/features.py": b"z = 3\r\n\xe9"}
    assert files_of(code) == {"untracked/deep/features.py": b"z = 3\r\n\xe9"}
    assert code.left_out == {
        "huge.json": "untracked; larger than 1 MB",
        "binary.txt": "untracked; not text",
        "link.py": "untracked; a link that leads out of the repository",
    }
    assert code.dirty


def test_a_flood_of_files_is_cut_off(repository, monkeypatch):
    monkeypatch.setattr("runcard.provenance.capture.untracked.MOST_SOURCE_FILES", 3)
    for n in range(9):
        (repository / f"new_{n}.py").write_text("x = 1\n")
    code = capture_code(repository)
    assert list(code.untracked) == ["new_0.py", "new_1.py", "new_2.py"]
    assert code.left_out == {"...": "untracked; 6 more files, too many to keep"}


def test_what_runcard_and_mlflow_write_is_no_change(repository):
    (repository / "mlflow.db").write_text("1")
    (repository / "examples" / "mlartifacts").mkdir(parents=True)
    (repository / "examples" / "mlartifacts" / "x.py").write_text("1")
    git(repository, "add", ".")
    git(repository, "commit", "-m", "a database by mistake")
    (repository / "mlflow.db").write_text("2")
    (repository / "examples" / "mlartifacts" / "x.py").write_text("2")
    code = capture_code(repository)
    assert (code.dirty, code.diff, code.untracked) == (False, b"", {})


PRIVATE_KEY = "-----BEGIN " + "RSA PRIVATE KEY-----\nMIIE\n"
AMAZON_KEY = "key = 'AKIA" + "IOSFODNN7EXAMPLE'\n"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        (".env", "A=1"),
        ("conf/.env.production", "A=1"),
        ("server.pem", "x"),
        ("id_rsa", "x"),
        ("credentials.json", "{}"),
        (".aws/config.toml", "x"),
        ("deploy.py", PRIVATE_KEY),
        ("settings.py", AMAZON_KEY),
        ("settings.yaml", "aws_secret_access_key: " + "wJalr/XUtnFEMI+K7MDENG" + "bPxRfiCYEXAMPLEKEY"),
    ],
)
def test_secrets_stay_here(repository, name, content):
    (repository / name).parent.mkdir(exist_ok=True)
    (repository / name).write_text(content)
    untracked = capture_code(repository)
    assert untracked.untracked == {}
    assert untracked.left_out[name].startswith("untracked; looks like a secret")
    git(repository, "add", "--force", name)
    (repository / "model.py").write_text("line = 1\n")
    tracked = capture_code(repository)
    assert tracked.left_out[name].startswith("changed; looks like a secret")
    assert name.encode() not in tracked.diff
    assert b"line = 1" in tracked.diff


def test_a_secret_renamed_is_still_one(repository):
    (repository / ".env").write_text("A=1\n" * 20)
    git(repository, "add", "--force", ".env")
    git(repository, "commit", "-m", "oh")
    git(repository, "mv", ".env", "harmless.txt")
    (repository / "harmless.txt").write_text("A=1\n" * 20 + "B=2\n")
    code = capture_code(repository)
    assert code.diff == b""
    assert code.left_out == {"harmless.txt": "changed; looks like a secret"}


def test_credentials_in_uris_are_removed(repository, tmp_path):
    git(repository, "remote", "add", "upstream", "https://example.org/up.git")
    git(repository, "remote", "add", "origin", "https://me:Geheim1@example.org/repo.git")
    (repository / "model.py").write_text("URI = 'postgresql://me:Geheim2@host/db'\n")
    (repository / "new.py").write_text("URI = 'postgresql://me:Geheim3@host/db'\n")
    code = capture_code(repository)
    assert code.remote == "https://example.org/repo.git"
    assert code.redacted
    assert b"Geheim" not in code.diff + code.untracked["new.py"]
    assert "Geheim" not in json.dumps(code.as_dict())
    (repository / "model.py").write_text("URI = 'postgresql://***@host/db'\n")
    assert_rebuilds(code, repository, tmp_path)  # added lines alone were changed: it still applies


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("git@example.org:a/b.git", "git@example.org:a/b.git"),
        ("ssh://git@example.org/a/b.git", "ssh://git@example.org/a/b.git"),
        ("https://token@example.org/a/b.git", "https://example.org/a/b.git"),
    ],
)
def test_remotes(repository, given, expected):
    git(repository, "remote", "add", "somewhere", given)
    assert capture_code(repository).remote == expected


def test_subfolder_sees_the_whole_repository(repository, tmp_path):
    (repository / "examples" / "churn").mkdir(parents=True)
    (repository / "examples" / "churn" / "card.yaml").write_text("a: 1\n")
    change_everything(repository)
    git(repository, "config", "diff.relative", "true")
    code = capture_code(repository / "examples" / "churn")
    assert code == replace(capture_code(repository), folder="examples/churn")
    assert list(code.untracked) == ["examples/churn/card.yaml"]
    assert_rebuilds(code, repository, tmp_path)


def test_worktree(repository, tmp_path):
    git(repository, "worktree", "add", "-b", "side", str(tmp_path / "side"))
    (tmp_path / "side" / "model.py").write_text("side = True\n")
    code = capture_code(tmp_path / "side")
    assert (code.branch, code.dirty) == ("side", True)
    assert b"+side = True" in code.diff
    assert capture_code(repository).dirty is False


def test_detached_head(repository):
    git(repository, "checkout", "--detach")
    code = capture_code(repository)
    assert code.commit
    assert code.branch is None


def test_merge_conflict_does_not_stop_a_run(repository):
    git(repository, "checkout", "-b", "other")
    (repository / "model.py").write_text("other = 1\n")
    git(repository, "commit", "-am", "other")
    git(repository, "checkout", "trunk")
    (repository / "model.py").write_text("trunk = 1\n")
    git(repository, "commit", "-am", "trunk")
    with pytest.raises(subprocess.CalledProcessError):
        git(repository, "merge", "other")
    code = capture_code(repository)
    assert code.dirty
    assert b"<<<<<<<" in code.diff


def test_before_the_first_commit(tmp_path):
    git(tmp_path, "init", "--initial-branch", "trunk")
    (tmp_path / "added.py").write_text("a = 1\n")
    git(tmp_path, "add", ".")
    (tmp_path / "free.py").write_text("b = 1\n")
    code = capture_code(tmp_path)
    assert (code.commit, code.branch, code.dirty, code.reason) == (None, "trunk", True, "no commit yet")
    assert code.untracked == {"added.py": b"a = 1\n", "free.py": b"b = 1\n"}


def test_no_repository(tmp_path):
    code = capture_code(tmp_path)
    assert (code.commit, code.branch, code.dirty) == (None, None, None)
    assert "not a git repository" in code.reason


def test_folder_that_its_repository_ignores(repository):
    (repository / ".gitignore").write_text("scratch/\n")
    (repository / "scratch").mkdir()
    code = capture_code(repository / "scratch")
    assert code.commit is None
    assert code.reason == "the repository around the folder ignores it"


def test_git_missing(repository, monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert capture_code(repository).reason == "git is not installed"


@pytest.mark.slow
def test_git_hanging(repository, tmp_path, monkeypatch):
    slow = tmp_path / "bin" / "git"
    slow.parent.mkdir()
    slow.write_text(f'#!/bin/sh\ncase "$*" in *--binary*) exec sleep 60;; esac\nexec {shutil.which("git")} "$@"\n')
    slow.chmod(0o755)
    monkeypatch.setenv("PATH", f"{slow.parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setattr("runcard.provenance.git.TIMEOUT_SECONDS", 0.25)
    (repository / "model.py").write_text("a = 1\n")
    code = capture_code(repository)
    assert code.commit  # what is known is kept
    assert code.reason == "no diff: `git diff` took longer than 1.5 s"


def test_as_dict_is_json(repository):
    change_everything(repository)
    (repository / "new.py").write_text("b = 1\n")
    code = capture_code(repository)
    read = json.loads(json.dumps(code.as_dict()))
    assert read["diff"]["bytes"] == len(code.diff)
    assert read["untracked"]["new.py"]["bytes"] == 6


def test_tags_as_mlflow_writes_them(repository):
    git(repository, "remote", "add", "origin", "https://me:secret@example.org/repo.git")
    code = capture_code(repository)
    tags = mlflow_tags(code, "runcard run configs/a.yaml --tracking-uri https://me:secret@host")
    user = tags.pop("mlflow.user")
    assert user
    assert tags == {
        "mlflow.source.git.commit": code.commit,
        "mlflow.source.git.branch": "trunk",
        "mlflow.source.git.repoURL": "https://example.org/repo.git",
        "mlflow.source.name": "runcard run configs/a.yaml --tracking-uri https://***@host",
        "mlflow.source.type": "LOCAL",
    }


@pytest.mark.slow
def test_tags_equal_those_of_mlflow(repository, monkeypatch):
    from mlflow.tracking.context.registry import resolve_tags

    git(repository, "remote", "add", "origin", "https://me:secret@example.org/repo.git")
    entry = str(repository / "model.py")
    monkeypatch.setattr(sys, "argv", [entry])
    ours = mlflow_tags(capture_code(repository), entry)
    theirs = {tag: value for tag, value in resolve_tags().items() if tag in ours}
    assert ours == theirs


@pytest.mark.parametrize("name", [".env", "table.json"])
def test_a_file_that_is_left_out_is_an_uncommitted_one_too(repository, name):
    (repository / name).write_text(" " * (LARGEST_TEXT_BYTES + 1))
    code = capture_code(repository)
    assert (code.dirty, code.uncommitted, code.untracked, list(code.left_out)) == (True, (name,), {}, [name])
