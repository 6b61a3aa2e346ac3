"""The set-up that make runs, with a stand-in for uv: what is kept, made anew, and left by a failure."""

import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "set_up.py"


@pytest.fixture
def script(tmp_path, monkeypatch) -> ModuleType:
    """The script, at work in a folder of its own."""
    spec = importlib.util.spec_from_file_location("set_up", SCRIPT)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "ROOT", tmp_path)
    monkeypatch.setattr(module, "VENV", tmp_path / ".venv")
    monkeypatch.setattr(module, "TOOLS", tmp_path / ".tools")
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    return module


@pytest.fixture
def uv(tmp_path, monkeypatch) -> Path:
    """A `uv` on PATH that writes down how it was called and fails when asked to sync `broken.txt`."""
    folder = tmp_path / "path"
    folder.mkdir()
    command = folder / "uv"
    command.write_text(
        f'#!/bin/sh\necho "$@" >> {tmp_path}/calls\ncase "$*" in *broken.txt) exit 7;; esac\n'
        f'case "$1" in venv) for last; do :; done; mkdir -p "$last/bin";'
        f' ln -s {sys.executable} "$last/bin/python";; esac\n'
    )
    command.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    return command


def calls(tmp_path: Path) -> list[str]:
    return (tmp_path / "calls").read_text().splitlines()


def set_up(script: ModuleType, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["set_up.py", name])
    script.main()


def test_a_working_environment_is_filled_not_made_anew(script, uv, tmp_path, monkeypatch, capsys):
    python = tmp_path / ".venv" / "bin" / "python"
    python.symlink_to(sys.executable)
    set_up(script, "dev", monkeypatch)
    lock = tmp_path / "requirements" / "dev.txt"
    assert calls(tmp_path) == [
        f"pip sync --compile-bytecode --python {python} --require-hashes {lock}",
        f"pip install --python {python} -q --no-deps --no-build-isolation --editable {tmp_path}",
    ]
    assert (tmp_path / ".venv" / ".dev").exists()
    assert re.match(r"set up in \d+ s: 0 MB in \.venv, Python 3\.", capsys.readouterr().err)


def test_an_environment_whose_python_is_gone_is_made_anew(script, uv, tmp_path, monkeypatch):
    venv = tmp_path / ".venv"
    (venv / "bin" / "python").symlink_to(tmp_path / "removed")
    (venv / "left over").touch()
    set_up(script, "demo", monkeypatch)
    assert calls(tmp_path)[0] == f"venv -q --no-python-downloads --python {sys.executable} {venv}"
    assert not (venv / "left over").exists()


def test_a_set_up_that_fails_leaves_no_stamp(script, uv, tmp_path, monkeypatch):
    (tmp_path / ".venv" / "bin" / "python").symlink_to(sys.executable)
    for name in ("demo", "dev"):
        (tmp_path / ".venv" / f".{name}").touch()
    with pytest.raises(SystemExit) as caught:
        set_up(script, "broken", monkeypatch)
    assert caught.value.code == 7
    assert not list((tmp_path / ".venv").glob(".*"))


def test_the_uv_in_tools_serves_when_there_is_none_on_path(script, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    brought = tmp_path / ".tools" / "bin" / "uv"
    brought.parent.mkdir(parents=True)
    brought.touch()
    assert script.find_uv() == str(brought)


def test_megabytes_counts_files_and_not_what_links_lead_to(script, tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "file").write_bytes(bytes(2_000_000))
    (folder / "link").symlink_to(folder / "file")
    assert script.megabytes(folder) == pytest.approx(2, abs=0.001)
