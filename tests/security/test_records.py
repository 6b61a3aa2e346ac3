"""What a store says of a run is data: each of these would run a command, or write where it must not."""

from __future__ import annotations

import hashlib
import os
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from runcard import errors
from runcard.provenance.bundle import files_of, read_code
from runcard.provenance.capture.code import Code, capture_code
from runcard.provenance.rebuild.beneath import copy_beneath, edit_beneath, link_beneath, write_beneath
from runcard.provenance.rebuild.code import restore_code
from runcard.provenance.rebuild.records import check_code, check_environment, is_address, is_below, is_commit

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.mark.parametrize("commit", [COMMIT, COMMIT + "0" * 24])
def test_a_commit_is_a_hash_in_hexadecimal(commit: str) -> None:
    assert is_commit(commit)


@pytest.mark.parametrize(
    "commit", ["--output=/some/file", "HEAD", COMMIT[:12], COMMIT.upper(), f"{COMMIT}\n", f"-{COMMIT[1:]}", "", None, 7]
)
def test_what_is_no_commit_is_none(commit: Any) -> None:
    assert not is_commit(commit)


@pytest.mark.parametrize(
    "address",
    [
        *(
            "https://host/a/b.git",
            "https://user@host:8443/a",
            "ssh://git@host/a.git",
            "git://host/a",
            "file:///srv/a b",
        ),
        *("git@host:team/a.git", "host:a.git", "/srv/git/a.git", "https://host/~me/a.git?x=1"),
    ],
)
def test_addresses_that_people_have(address: str) -> None:
    assert is_address(address.replace(" ", "%20") if address.startswith("file") else address)


@pytest.mark.parametrize(
    "address",
    [
        *("--upload-pack=touch /tmp/x", "-u", "ext::sh -c touch% /tmp/x", "fd::17", "https::https://host/a"),
        *("ssh://-oProxyCommand=touch/x", "-oProxyCommand=x:a", "git@-oProxyCommand=x:a", "-x@host:a", "host:\n--x"),
        *("host:-x", "../a.git", "https://host/a\nb", "", "a b:c", None),
    ],
)
def test_addresses_that_could_run_a_command(address: Any) -> None:
    assert not is_address(address)


@pytest.mark.parametrize("path", ["a.py", "a/b c/é.py", ".hidden/x", "a..b"])
def test_paths_below(path: str) -> None:
    assert is_below(path)


@pytest.mark.parametrize(
    "path", ["../a", "a/../../b", "/etc/passwd", ".git/hooks/pre-push", "a/.GIT/x", "-a", "~/x", "", "a\0b"]
)
def test_paths_that_lead_out(path: str) -> None:
    assert not is_below(path)


FILE = {"bytes": 1, "sha256": "0" * 64}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"commit": "--output=/some/"}, "commit"),
        ({"branch": "-d"}, "branch"),
        ({"branch": "../../HEAD"}, "branch"),
        ({"folder": "../elsewhere"}, "folder"),
        ({"untracked": {"../x.py": FILE}}, "path"),
        ({"untracked": {".git/hooks/post-checkout": FILE}}, "path"),
        ({"untracked": {"x.py": FILE | {"mode": "106755"}}}, "file mode"),
        ({"changed": {"/etc/x": None}}, "path"),
        ({"line_endings": {"core.fsmonitor": "touch x"}}, "setting"),
        ({"line_endings": {"core.eol": "touch x"}}, "setting"),
    ],
)
def test_a_description_of_code_is_refused_whole(change: dict[str, Any], said: str) -> None:
    sound = Code(
        commit=COMMIT, branch="feature/a-b", remote="git@host:a.git", line_endings={"core.eol": "lf"}
    ).as_dict()
    check_code(sound)
    with pytest.raises(errors.RecordUnsafe, match=f"holds a {said} that is none"):
        read_code(sound | change, {})


SOUND: dict[str, Any] = {
    "implementation": "CPython",
    "python": "3.11.7",
    "packages": {"numpy": "2.3.1", "scikit-learn": "1.8.0", "own": "0.1+g12.d2026", "none": None},
    "sources": {
        "scikit-learn": {"url": "https://host/a.git", "vcs_info": {"vcs": "git", "commit_id": COMMIT}},
        "own": {"url": "file:///home/me/own", "folder": ".", "dir_info": {"editable": True}},
        "numpy": {"url": "https://host/n-1.whl", "archive_info": {"hashes": {"sha256": "0" * 64}}},
    },
}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"python": "3.11.7 --preview"}, "Python"),
        ({"implementation": "/tmp/evil"}, "Python"),
        ({"packages": {"--index-url": "1"}}, "package"),
        ({"packages": {"numpy": "1\n--index-url https://evil/simple"}}, "version"),
        ({"packages": {"numpy": "1 ; sys_platform"}}, "version"),
        ({"sources": {"numpy": {"url": "https://host/a b"}}}, "source of a package"),
        ({"sources": {"numpy": {"url": "-r /etc/passwd"}}}, "source of a package"),
        (
            {"sources": {"numpy": {"url": "https://h/a", "vcs_info": {"vcs": "hg", "commit_id": COMMIT}}}},
            "version control",
        ),
        ({"sources": {"numpy": {"url": "https://h/a", "vcs_info": {"vcs": "git", "commit_id": "main"}}}}, "commit"),
        ({"sources": {"numpy": {"url": "https://h/a", "subdirectory": "../x"}}}, "folder"),
        ({"sources": {"numpy": {"url": "file:///a", "folder": "../../x"}}}, "folder"),
        ({"sources": {"numpy": {"url": "https://h/a", "archive_info": {"hashes": {"sha256": "x --y"}}}}}, "digest"),
    ],
)
def test_a_description_of_an_environment_is_refused_whole(change: dict[str, Any], said: str) -> None:
    check_environment(SOUND)
    with pytest.raises(errors.RecordUnsafe, match=f"holds a {said} that is none"):
        check_environment(SOUND | change)


# Restoring


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    folder = tmp_path / "clone"
    folder.mkdir()
    (folder / "model.py").write_text("x = 1\n")
    identity = ["-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]
    for words in (["init", "-q"], ["add", "."], ["commit", "-qm", "one"]):
        subprocess.run(["git", *identity, *words], cwd=folder, check=True)
    return folder


def test_no_source_is_written_through_a_link_that_the_diff_made(clone: Path, tmp_path: Path) -> None:
    """The diff makes a link that leads out, and a kept source has its name, or lies below it."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "file").write_text("mine")
    (clone / "out").symlink_to(outside)
    (clone / "file").symlink_to(outside / "file")
    subprocess.run(["git", "add", "out", "file"], cwd=clone, check=True)
    code = capture_code(clone)
    for name in ("out/evil.py", "file"):
        forged = replace(code, untracked={name: b"evil"})
        with pytest.raises(errors.CodeNotRestored, match="cannot be written where it was"):
            restore_code(forged, repository=clone, into=tmp_path / name.replace("/", "-"))
    assert [path.name for path in outside.iterdir()] == ["file"]
    assert (outside / "file").read_text() == "mine"


@pytest.mark.parametrize("target", [b"/etc", b"../..", b".git/config"])
def test_no_kept_link_leads_out(clone: Path, tmp_path: Path, target: bytes) -> None:
    forged = replace(capture_code(clone), untracked={"link": target}, modes={"link": "120000"})
    with pytest.raises(errors.CodeNotRestored, match="leads out"):
        restore_code(forged, repository=clone, into=tmp_path / "tree")


def test_line_endings_are_not_mended_through_a_link(clone: Path, tmp_path: Path) -> None:
    """`out/x` is recorded with other line endings than the file has that `out` leads to."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "x").write_bytes(b"a\n")
    (clone / "out").symlink_to(outside)
    subprocess.run(["git", "add", "out"], cwd=clone, check=True)
    digest = hashlib.sha256(b"a\r\n").hexdigest()
    code = capture_code(clone)
    forged = replace(code, changed={**code.changed, "out/x": {"mode": "100644", "sha256": digest}})
    with pytest.raises(errors.CodeNotRestored):
        restore_code(forged, repository=clone, into=tmp_path / "tree")
    assert (outside / "x").read_bytes() == b"a\n"


def test_a_remote_that_is_an_option_is_not_asked_and_said(clone: Path, tmp_path: Path) -> None:
    trap = tmp_path / "ran"
    forged = replace(capture_code(clone), remote=f"--upload-pack=touch {trap}")
    restored = restore_code(forged, repository=clone, into=tmp_path / "tree")
    assert any("is no address of a known form" in remark for remark in restored.remarks)
    with pytest.raises(errors.CommitMissing):
        restore_code(replace(forged, commit=COMMIT), repository=clone, into=tmp_path / "other")
    assert not trap.exists()


def test_what_is_captured_is_sound(clone: Path) -> None:
    """No command of today needs another word for one's own work: what runcard writes passes its own border."""
    (clone / "new é.py").write_text("y = 2\n")
    (clone / "model.py").write_text("x = 2\n")
    code = capture_code(clone)
    assert read_code(code.as_dict(), files_of(code)).untracked == {"new é.py": b"y = 2\n"}


# Writing


def test_files_are_written_below_a_folder_only(tmp_path: Path) -> None:
    top, outside = tmp_path / "top", tmp_path / "outside"
    for folder in (top, outside):
        folder.mkdir()
    (outside / "kept").write_text("mine")
    (top / "link").symlink_to(outside)
    (top / "file").symlink_to(outside / "kept")
    source = tmp_path / "source"
    source.write_bytes(b"data")
    for name in ("link/x", "file", "../x", "a/../../x", "/x"):
        with pytest.raises(OSError, match=r"."):
            write_beneath(top, name, b"evil")
        with pytest.raises(OSError, match=r"."):
            link_beneath(top, name, b"evil")
        with pytest.raises(OSError, match=r"."):
            copy_beneath(source, top, name)
    with pytest.raises(OSError, match=r"."), edit_beneath(top, "file"):
        raise AssertionError("it was opened")
    assert [(path.name, path.read_text()) for path in outside.iterdir()] == [("kept", "mine")]
    write_beneath(top, "a/b/c.sh", b"x", mode=0o755)
    assert os.access(top / "a/b/c.sh", os.X_OK)
    copy_beneath(source, top, "a/d")
    assert (top / "a/d").read_bytes() == b"data"


def test_programs_are_started_in_known_places_only() -> None:
    """Whoever adds a place that starts a program must look at what its words are made of, and name it here."""
    source = Path(errors.__file__).parent
    found = {
        path.relative_to(source).as_posix()
        for path in source.rglob("*.py")
        if any(word in path.read_text() for word in ("subprocess.", "os.system", "os.popen", "os.exec", "os.spawn"))
    }
    assert found == {
        *(
            "data/dvc.py",
            "engine/dask/child.py",
            "tracking/mlflow/page.py",
            "workflow/models/fetch.py",
            "workflow/replay/handing.py",
        ),
        *(
            "provenance/git.py",
            "provenance/capture/hardware.py",
            "provenance/rebuild/sandbox.py",
            "provenance/signing.py",
            "provenance/rebuild/uv.py",
            "provenance/rebuild/venv.py",
        ),
    }
