"""A sandbox that is asked for confines what runs in it, or is refused; it is never left out silently."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from projects import can_confine, environment

from runcard import errors
from runcard.provenance.rebuild.beneath import read_beneath
from runcard.provenance.rebuild.sandbox import bases_of, confine, plain_variables, require_sandbox

ATTACK = """
import json, os, pathlib, socket, sys

def tried(act):
    try:
        act()
    except OSError as error:
        return type(error).__name__
    return "done"

port, mine, secret, folder = int(sys.argv[1]), *map(pathlib.Path, sys.argv[2:])
print(json.dumps({
    "network": tried(lambda: socket.create_connection(("127.0.0.1", port), 5)),
    "home": tried(secret.read_text),
    "elsewhere": tried(lambda: mine.write_text("x")),
    "system": tried(lambda: pathlib.Path("/etc/runcard-was-here").write_text("x")),
    "processes": [name for name in os.listdir("/proc") if name.isdigit() and int(name) > 100],
    "variables": sorted(name for name in os.environ if "SECRET" in name),
    "folder": tried(lambda: (folder / "x").write_text("x")),
}))
"""
REFUSED = {"ConnectionRefusedError", "OSError", "FileNotFoundError", "PermissionError"}


def test_what_runs_in_it_reaches_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if not can_confine():
        with pytest.raises(errors.SandboxMissing, match="does not work here"):
            require_sandbox()
        return
    require_sandbox()
    home, folder = tmp_path / "home", tmp_path / "folder"
    for made in (home, folder, folder / "home", folder / "tmp"):
        made.mkdir()
    (home / "id_rsa").write_text("secret")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("MY_SECRET", "x")
    with socket.create_server(("127.0.0.1", 0)) as server:
        places = [str(place) for place in (tmp_path / "mine", home / "id_rsa", folder)]
        command = [sys.executable, "-I", "-c", ATTACK, str(server.getsockname()[1]), *places]
        confined = confine(command, folder=folder, at=folder, readable=bases_of(Path(sys.executable)))
        done = subprocess.run(confined, env=plain_variables(folder), capture_output=True, check=True, timeout=60)
    found = json.loads(done.stdout)
    assert {found.pop(name) for name in ("network", "home", "elsewhere", "system")} <= REFUSED
    assert found == {"processes": [], "variables": [], "folder": "done"}
    assert not (tmp_path / "mine").exists()


def test_the_command_hides_homes_and_shares_no_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever this machine can: what it would be asked for."""
    home = tmp_path / "home"
    (home / "python" / "bin").mkdir(parents=True)
    monkeypatch.setenv("HOME", str(home))
    words = confine(["run"], folder=tmp_path / "f", at=tmp_path / "f" / "t", readable=[home / "python", Path("/")])
    text = " ".join(words)
    assert words[:4] == ["bwrap", "--unshare-all", "--die-with-parent", "--new-session"]
    assert "--share-net" not in words
    assert text.index("--ro-bind / / ") < text.index(f"--tmpfs {home} ") < text.index(f"--ro-bind {home}/python ")
    assert text.count("--ro-bind / / ") == 1
    assert [words[n + 1] for n, word in enumerate(words) if word == "--bind"] == [str(tmp_path / "f")]
    assert words[-4:] == ["--chdir", str(tmp_path / "f" / "t"), "--", "run"]


@pytest.mark.parametrize(
    ("script", "said"),
    [(None, "not installed"), ("echo no permission to create namespace >&2; exit 1", "does not work here")],
)
def test_without_one_nothing_is_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str | None, said: str
) -> None:
    if script:
        (tmp_path / "bwrap").write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / "bwrap").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path) + (f":{os.defpath}" if script else ""))
    with pytest.raises(errors.SandboxMissing, match=said) as caught:
        require_sandbox()
    assert "--sandbox" in caught.value.hint
    assert not script or caught.value.why == "no permission to create namespace"


def test_what_is_left_behind_is_read_as_a_file_and_nothing_else(tmp_path: Path) -> None:
    """Code in the sandbox makes links and pipes where its answer is expected."""
    outside = tmp_path / "secret"
    outside.write_text("secret")
    top = tmp_path / "top"
    top.mkdir()
    (top / "link").symlink_to(outside)
    (top / "folder").symlink_to(tmp_path)
    os.mkfifo(top / "pipe")
    (top / "large").write_bytes(b"x" * 11)
    for name in ("link", "folder/secret", "pipe", "large", "../secret"):
        with pytest.raises(OSError, match=r"."):
            read_beneath(top, name, most_bytes=10)
    (top / "file").write_text("x")
    assert read_beneath(top, "file", most_bytes=10) == b"x"


def test_here_there_is_none(tmp_path: Path) -> None:
    said = subprocess.run(
        [sys.executable, "-m", "runcard", "reproduce", "x", "--here", "--sandbox"],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert said.returncode == 2
    assert "`--sandbox` has no meaning with `--here`" in said.stderr
