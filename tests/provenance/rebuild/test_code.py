import json
import os
import shutil
import stat
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from runcard import errors
from runcard.provenance.bundle import files_of, read_code
from runcard.provenance.capture.code import capture_code
from runcard.provenance.rebuild.code import restore_code

BINARY = bytes(range(256)) * 40
LINES = "".join(f"line_{n} = {n}\n" for n in range(30))


def git(folder, *words):
    identity = ["-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]
    settings = [*identity, "-c", "protocol.file.allow=always"]
    environment = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")}
    done = subprocess.run(["git", *settings, *words], cwd=folder, capture_output=True, check=True, env=environment)
    return done.stdout.decode("utf-8", "surrogateescape")


def begin(folder):
    folder.mkdir(parents=True)
    git(folder, "init", "--initial-branch", "trunk")
    for name, content in {
        "model.py": LINES.encode(),
        "run.sh": b"#!/bin/sh\necho\n",
        "latin.py": "# Grüße\n".encode("latin-1"),
        "table.bin": BINARY,
        "old name.py": b"x = 1\n" * 30,
        'we"ird\t\\b/b.py': b"q = 1\n",
        "gone.py": b"g = 1\n",
        "unindexed.py": b"u = 1\n",
        "end.py": b"no newline",
        "becomes_link.py": b"l = 1\n",
        "deep/b/empty.py": b"",
        "project/card.yaml": b"a: 1\n",
    }.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    (folder / "link.py").symlink_to("model.py")
    git(folder, "add", ".")
    git(folder, "commit", "-m", "first")
    return folder


def make_nasty(folder):
    (folder / "model.py").write_text(LINES.replace("line_7 = 7", "line_7 = 'é'"))
    os.chmod(folder / "run.sh", 0o755)
    (folder / "latin.py").write_bytes("# Öl\r\n# more\r\n".encode("latin-1"))
    (folder / "table.bin").write_bytes(BINARY[::-1])
    git(folder, "mv", "old name.py", "new näme.py")
    (folder / "new näme.py").write_bytes(b"x = 1\n" * 30 + b"y = 2")
    (folder / 'we"ird\t\\b/b.py').write_bytes(b"q = 2\n")
    (folder / "gone.py").unlink()
    git(folder, "rm", "--cached", "unindexed.py")
    (folder / "end.py").write_bytes(b"no newline either")
    (folder / "becomes_link.py").unlink()
    (folder / "becomes_link.py").symlink_to("deep/b")
    (folder / "link.py").unlink()
    (folder / "link.py").symlink_to("end.py")
    (folder / "staged.py").write_text("s = 1\n")
    git(folder, "add", "staged.py")
    (folder / "staged.py").write_text("s = 2\n")
    (folder / "intended.py").write_text("i = 1\n")
    git(folder, "add", "--intent-to-add", "intended.py")
    (folder / "b" / "b b").mkdir(parents=True)
    (folder / "b" / "b b" / "it's new.py").write_bytes(b"n = 1\r\n")
    with open(os.fsencode(folder) + b"/caf\xe9.py", "wb") as file:
        file.write(b"\xe9 = 1")
    (folder / "tool.sh").write_text("#!/bin/sh\n")
    (folder / "tool.sh").chmod(0o755)
    (folder / "features.py").symlink_to("model.py")


def content_of(folder):
    """Every file and link but git's own, with content and executable bit."""
    found = {}
    for path in Path(folder).rglob("*"):
        name = path.relative_to(folder)
        if ".git" in name.parts or (path.is_dir() and not path.is_symlink()):
            continue
        is_link = path.is_symlink()
        runs = bool(path.lstat().st_mode & stat.S_IXUSR)
        found[str(name)] = os.readlink(path) if is_link else (path.read_bytes(), runs)
    return found


def keep(code):
    """Keep code as a run's artifacts, and read it back as another machine would."""
    return read_code(json.loads(json.dumps(code.as_dict())), files_of(code))


def state_of(repository):
    """All of a repository that a replay must leave alone."""
    # The time of an object is when git last saw it.
    git_files = {str(p): "objects" in p.parts or p.stat().st_mtime_ns for p in (repository / ".git").rglob("*")}
    return content_of(repository), git_files


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    return begin(tmp_path_factory.mktemp("original") / "repository")


@pytest.fixture
def repository(original, tmp_path):
    shutil.copytree(original, tmp_path / "repository", symlinks=True)
    git(tmp_path / "repository", "status")  # the copied files have other times than the index knows
    return tmp_path / "repository"


@pytest.mark.parametrize("setting", ["false", "true", "input"])
def test_a_nasty_tree_comes_back_byte_by_byte(repository, tmp_path, setting):
    git(repository, "config", "core.autocrlf", setting)
    for path in git(repository, "ls-files", "-z").split("\0")[:-1]:
        (repository / path).unlink()
    git(repository, "checkout", "--", ".")  # now with the line endings that the setting asks for
    make_nasty(repository)
    before = state_of(repository)
    code = capture_code(repository / "project")
    kept = keep(code)
    restored = restore_code(kept, repository=repository, into=tmp_path / "tree")
    assert content_of(restored.top) == content_of(repository)
    assert (restored.root, restored.remarks) == (tmp_path / "tree" / "project", ())
    assert state_of(repository) == before
    again = capture_code(restored.root)
    assert (again.commit, again.branch, again.diff, again.untracked) == (
        code.commit,
        "trunk",
        code.diff,
        code.untracked,
    )


def test_a_clean_commit_from_a_detached_head(repository, tmp_path):
    first = git(repository, "rev-parse", "HEAD").strip()
    git(repository, "checkout", "--detach")
    code = capture_code(repository)
    assert (code.folder, code.dirty, code.uncommitted) == (".", False, ())
    git(repository, "checkout", "trunk")
    (repository / "model.py").write_text("later = 1\n")
    git(repository, "commit", "-am", "later")
    restored = restore_code(code, repository=repository, into=tmp_path / "tree")
    assert capture_code(restored.root) == replace(code, line_endings={"core.autocrlf": "false"})
    assert git(restored.top, "rev-parse", "HEAD").strip() == first
    assert (restored.root / "model.py").read_text() == LINES


@pytest.mark.slow
def test_many_and_large_changes_are_kept_whole(repository, tmp_path):
    (repository / "model.py").write_text("".join(f"line_{n} = {n * n}\n" for n in range(260_000)))
    for n in range(300):
        (repository / f"new_{n}.py").write_text(f"n = {n}\n")
    code = capture_code(repository)
    assert len(code.diff) > 4e6
    assert (len(code.untracked), code.left_out, code.reason) == (300, {}, None)
    assert files_of(code).keys() == {"diff.patch.gz", "untracked.tar.gz"}
    kept = keep(code)
    restored = restore_code(kept, repository=repository, into=tmp_path / "tree")
    assert content_of(restored.top) == content_of(repository)


def test_changes_that_git_was_told_not_to_see(repository, tmp_path):
    git(repository, "update-index", "--assume-unchanged", "model.py")
    git(repository, "update-index", "--skip-worktree", "run.sh", "gone.py")
    (repository / "gone.py").unlink()  # as in a sparse checkout
    assert capture_code(repository).dirty is False
    (repository / "model.py").write_text("hidden = 1\n")
    (repository / "run.sh").write_text("#!/bin/sh\nhidden\n")
    before = state_of(repository)
    code = capture_code(repository)
    assert code.uncommitted == ("model.py", "run.sh")
    assert state_of(repository) == before
    restored = restore_code(code, repository=repository, into=tmp_path / "tree")
    assert (restored.root / "model.py").read_text() == "hidden = 1\n"


def test_what_was_left_out_is_told(repository, tmp_path):
    (repository / ".env").write_text("A=1\n")
    (repository / "table.bin").write_bytes(b"-----BEGIN " + b"PRIVATE KEY-----\n")
    (repository / "new.py").write_text("URI = 'postgresql://me:Geheim@host/db'\n")
    git(repository, "init", "vendored")
    (repository / "vendored" / "x.py").write_text("x = 1\n")
    code = keep(capture_code(repository))
    assert "sha256" not in code.changed["table.bin"]
    restored = restore_code(code, repository=repository, into=tmp_path / "tree")
    assert sorted(restored.remarks) == [
        ".env was not kept with the run (untracked; looks like a secret)",
        "`new.py` lack the credentials they had",
        "table.bin was not kept with the run (changed; looks like a secret: a private key)",
        "vendored/ was not kept with the run (untracked; a git repository of its own)",
    ]
    assert (restored.root / "table.bin").read_bytes() == BINARY


def test_a_commit_that_is_not_in_this_clone_is_fetched(repository, tmp_path):
    git(tmp_path, "clone", "--bare", str(repository), "hub.git")
    git(repository, "remote", "add", "origin", str(tmp_path / "hub.git"))
    git(tmp_path, "clone", str(tmp_path / "hub.git"), "clone")
    (repository / "model.py").write_text("later = 1\n")
    git(repository, "commit", "-am", "later")
    unpushed = capture_code(repository)
    before = state_of(tmp_path / "clone")
    with pytest.raises(errors.CommitMissing, match=unpushed.commit) as caught:
        restore_code(unpushed, repository=tmp_path / "clone", into=tmp_path / "none")
    assert "it was on no remote branch when the run was made" in caught.value.why
    git(repository, "push", "origin", "trunk")
    code = capture_code(repository)
    assert (unpushed.pushed, code.pushed) == (False, True)
    restored = restore_code(code, repository=tmp_path / "clone", into=tmp_path / "tree")
    assert (restored.root / "model.py").read_text() == "later = 1\n"
    assert state_of(tmp_path / "clone") == before
    nowhere = restore_code(
        replace(code, remote=str(tmp_path / "hub.git")), repository=tmp_path, into=tmp_path / "other"
    )
    assert (nowhere.root / "model.py").read_text() == "later = 1\n"


def test_a_remote_that_asks_for_a_password_is_not_waited_for(repository, tmp_path):
    asked = tmp_path / "asked"
    helper = tmp_path / "helper"
    helper.write_text(f"#!/bin/sh\ntouch {asked}\nsleep 60\n")
    helper.chmod(0o755)
    code = replace(capture_code(repository), commit="1" * 40, remote="ssh://git@localhost:1/none.git")
    git(repository, "config", "core.askPass", str(helper))
    with pytest.raises(errors.CommitMissing):
        restore_code(code, repository=repository, into=tmp_path / "tree")
    assert not asked.exists()


def test_submodules(repository, tmp_path):
    library = begin(tmp_path / "library")
    git(repository, "submodule", "add", str(library), "vendor/library")
    git(repository, "commit", "-m", "a submodule")
    code = capture_code(repository)
    restored = restore_code(code, repository=repository, into=tmp_path / "tree")
    assert content_of(restored.top) == content_of(repository)
    (repository / "vendor" / "library" / "model.py").write_text("at_work = 1\n")
    dirty = capture_code(repository)
    assert dirty.left_out == {"vendor/library": "a submodule with changes of its own"}
    git(tmp_path, "clone", str(repository), "clone")
    elsewhere = restore_code(code, repository=tmp_path / "clone", into=tmp_path / "elsewhere")
    assert elsewhere.remarks[0].startswith("the submodule vendor/library is empty")


def test_a_diff_that_lost_its_credentials_may_not_apply(repository, tmp_path):
    (repository / "db.py").write_text("URI = 'postgresql://me:Geheim@host/db'\nx = 1\n")
    git(repository, "add", ".")
    git(repository, "commit", "-m", "a password by mistake")
    (repository / "db.py").write_text("URI = 'postgresql://me:Geheim@host/db'\nx = 2\n")
    with pytest.raises(errors.CodeNotRestored) as caught:
        restore_code(capture_code(repository), repository=repository, into=tmp_path / "tree")
    assert "credentials were taken out of `db.py`" in caught.value.why


@pytest.mark.parametrize("tampered", ["diff.patch", "untracked/new.py"])
def test_kept_files_that_were_changed_are_refused(repository, tampered):
    (repository / "model.py").write_text("a = 1\n")
    (repository / "new.py").write_text("b = 1\n")
    code = capture_code(repository)
    files = files_of(code)
    with pytest.raises(errors.CodeNotRestored, match="is not the file that was recorded"):
        read_code(code.as_dict(), files | {tampered: files[tampered].replace(b" = 1", b" = 2")})
    del files[tampered]
    with pytest.raises(errors.CodeNotRestored, match="is missing from the run"):
        read_code(code.as_dict(), files)


def test_a_tree_that_does_not_come_out_as_recorded_is_refused(repository, tmp_path):
    (repository / "model.py").write_text("a = 1\n")
    code = capture_code(repository)
    other = replace(code, diff=code.diff.replace(b"a = 1", b"a = 2"))
    with pytest.raises(errors.CodeNotRestored, match="cannot be put back"):
        restore_code(other, repository=repository, into=tmp_path / "tree")


def test_a_path_that_leads_out_is_refused(repository, tmp_path):
    code = replace(capture_code(repository), untracked={"../out.py": b"x = 1\n"})
    with pytest.raises(errors.CodeNotRestored, match="cannot be put back"):
        restore_code(code, repository=repository, into=tmp_path / "tree")
    assert not (tmp_path / "out.py").exists()


def test_nothing_is_left_of_a_restoration_that_is_killed(repository, tmp_path):
    before = state_of(repository)
    code = (
        "import os, runcard.provenance.rebuild.code as r\n"
        "from pathlib import Path\n"
        "from runcard.provenance.capture.code import capture_code\n"
        "r._compare = lambda *_: os.kill(os.getpid(), 9)\n"
        f"r.restore_code(capture_code(Path({str(repository)!r})), repository=Path({str(repository)!r}),"
        f" into=Path({str(tmp_path / 'tree')!r}))\n"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == -9
    assert (tmp_path / "tree" / "model.py").exists()
    shutil.rmtree(tmp_path / "tree")
    assert state_of(repository) == before
    assert git(repository, "worktree", "list").count("\n") == 1
