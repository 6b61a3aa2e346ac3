"""Files kept beside the journal: whole or not there."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from runcard import errors
from runcard.journal import check_files, stage_files
from runcard.journal.files import FOLDER, file_folder


def keep(home: Path, record_id: str = "r1") -> dict[str, tuple[str, int]]:
    with stage_files(home, record_id) as (folder, manifest):
        (folder / "model").mkdir()
        (folder / "model" / "weights").write_bytes(b"abc")
        (folder / "notes.txt").write_text("hello")
        assert manifest == {}
    return manifest


def test_files_are_moved_into_place_with_their_digests(tmp_path: Path) -> None:
    manifest = keep(tmp_path)
    assert manifest == {
        "model/weights": (hashlib.sha256(b"abc").hexdigest(), 3),
        "notes.txt": (hashlib.sha256(b"hello").hexdigest(), 5),
    }
    folder = check_files(tmp_path, "r1", manifest)
    assert folder == file_folder(tmp_path, "r1")
    assert (folder / "notes.txt").read_text() == "hello"
    assert [path.name for path in (tmp_path / FOLDER).iterdir()] == ["r1"]


@pytest.mark.parametrize("error", [RuntimeError("full"), KeyboardInterrupt()])
def test_nothing_is_left_of_a_folder_that_was_not_finished(tmp_path: Path, error: BaseException) -> None:
    def begin() -> None:
        with stage_files(tmp_path, "r1") as (folder, _):
            (folder / "half").write_text("half")
            raise error

    with pytest.raises(type(error)):
        begin()
    assert list((tmp_path / FOLDER).iterdir()) == []


def test_a_process_killed_while_writing_leaves_no_record_and_can_begin_again(tmp_path: Path) -> None:
    code = """
import os, pathlib, signal, sys
from runcard.journal import stage_files
with stage_files(pathlib.Path(sys.argv[1]), "r1") as (folder, _):
    (folder / "half").write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
"""
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], env=os.environ, check=False)
    assert done.returncode == -signal.SIGKILL
    assert not file_folder(tmp_path, "r1").exists()
    assert set(keep(tmp_path)) == {"model/weights", "notes.txt"}
    assert [path.name for path in (tmp_path / FOLDER).iterdir()] == ["r1"]


@pytest.mark.parametrize("harm", ["changed", "missing"])
def test_harm_is_noticed(tmp_path: Path, harm: str) -> None:
    manifest = keep(tmp_path)
    path = file_folder(tmp_path, "r1") / "notes.txt"
    if harm == "changed":
        path.write_text("hallo")
    else:
        path.unlink()
    word = "damaged" if harm == "changed" else "missing"
    with pytest.raises(errors.FileDamaged, match=f"a kept file is {word}") as raised:
        check_files(tmp_path, "r1", manifest)
    assert raised.value.where == str(path)


def test_files_are_on_the_disk_before_the_folder_takes_its_place(
    tmp_path: Path, flushed: list[tuple[str, int]]
) -> None:
    keep(tmp_path)
    aside = file_folder(tmp_path, "r1.part")
    assert flushed == [(str(aside / "model" / "weights"), 3), (str(aside / "notes.txt"), 5), (str(aside.parent), -1)]
