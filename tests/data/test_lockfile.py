"""`runcard.lock`: what is written is read again, git merges it, and what is wrong with it is said."""

from __future__ import annotations

import subprocess
import threading
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from projects import environment

from runcard import errors
from runcard.data.fingerprint import ColumnFingerprint, Fingerprint, fingerprint
from runcard.data.locked import DvcVersion, FileContent, Locked, lock_content, locked_name
from runcard.data.lockfile import lock_for_writing, read_lock, write_text

CONTENT = fingerprint(pd.DataFrame({"age": [1, 2], "the city": ["Ulm", "Köln"]}))
FULL = lock_content(
    "data/a b.csv",
    CONTENT,
    na_values=["?", "NA", "a, b"],
    file=FileContent(12, "f" * 64),
    dvc=DvcVersion("0" * 32, "1" * 40),
    reason='the "second" wave\nof answers',
)


def entry(name: str, digit: str = "0") -> Locked:
    return replace(lock_content(f"dataset:{name}", replace(CONTENT, digest=digit * 64)), name=name)


def add(root: Path, *entries: Locked) -> None:
    with lock_for_writing(root, root / ".runcard") as lock:
        lock.update({found.name: found for found in entries})


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    add(tmp_path, FULL, entry("iris"))
    assert read_lock(tmp_path)[FULL.name] == FULL
    assert list(read_lock(tmp_path)) == [FULL.name, "iris"]
    assert FULL.name == 'data/a b.csv (na_values: ?, NA, "a, b")'
    assert read_lock(tmp_path / "elsewhere") == {}


@given(
    columns=st.lists(
        st.tuples(st.text(st.characters(codec="utf-8")), st.sampled_from(["int64", "timestamp[ns, UTC]"]))
    ),
    reason=st.text(st.characters(codec="utf-8")),
    values=st.lists(st.text(st.characters(codec="utf-8"))),
)
def test_any_name_survives(columns: list[tuple[str, str]], reason: str, values: list[str]) -> None:
    parts = tuple(ColumnFingerprint(name, kind, "0" * 16) for name, kind in dict(columns).items())
    locked = lock_content("data/x.csv", Fingerprint("a" * 64, 3, parts), na_values=values, reason=reason)
    read = tomllib.loads(write_text({locked.name: locked}))[locked.name]
    assert list(read["columns"]) == [part.name for part in parts]
    assert read.get("reason", "") == reason
    assert read.get("na_values", []) == sorted(set(values))


def test_readings_of_a_path_have_different_names() -> None:
    readings = [(), ("NA",), ("NA", "?"), ("NA, ?",), ("",), (" ",), ("a)",)]
    assert len({locked_name("x.csv", values) for values in readings}) == len(readings)
    assert locked_name("data/../x.csv", ("?", "NA")) == locked_name("x.csv", ("NA", "?", "NA"))


def git(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    author = ["-c", "user.name=Ada", "-c", "user.email=ada@example.org"]
    return subprocess.run(
        ["git", *author, *words], cwd=folder, env=environment(), capture_output=True, text=True, check=False
    )


def test_git_merges_what_two_branches_locked(tmp_path: Path) -> None:
    add(tmp_path, *(entry(name) for name in ("b", "d")))
    (tmp_path / ".gitignore").write_text(".runcard/\n")
    git(tmp_path, "init", "-q", "-b", "main")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-qm", "first")
    for branch, names in (("left", ["a"]), ("right", ["c", "e"])):
        git(tmp_path, "switch", "-qc", branch, "main")
        add(tmp_path, *(entry(name) for name in names))
        git(tmp_path, "commit", "-qam", branch)
    merged = git(tmp_path, "merge", "-q", "left", "-m", "both")
    assert merged.returncode == 0, merged.stdout
    assert list(read_lock(tmp_path)) == ["a", "b", "c", "d", "e"]

    for branch, digit in (("one", "1"), ("two", "2")):
        git(tmp_path, "switch", "-qc", branch, "main")
        add(tmp_path, entry("b", digit))
        git(tmp_path, "commit", "-qam", branch)
    assert git(tmp_path, "merge", "-q", "one").returncode == 1
    with pytest.raises(errors.LockUnreadable) as caught:
        read_lock(tmp_path)
    assert caught.value.what == "runcard.lock holds both sides of a merge"


def test_many_writers_lose_nothing(tmp_path: Path) -> None:
    writers = [threading.Thread(target=add, args=(tmp_path, entry(f"n{number}"))) for number in range(12)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert len(read_lock(tmp_path)) == 12
    assert sorted(path.name for path in tmp_path.iterdir()) == [".runcard", "runcard.lock"]


def test_what_is_not_changed_is_not_written(tmp_path: Path) -> None:
    add(tmp_path, FULL)
    before = (tmp_path / "runcard.lock").stat()
    add(tmp_path, FULL)
    assert (tmp_path / "runcard.lock").stat().st_mtime_ns == before.st_mtime_ns


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("version = 1\n[iris\n", "line 2"),
        ("version = 1\n[iris]\nrows = 3\n", "`columns` is missing in `[iris]`"),
        ("version = 1\niris = 3\n", "it is no table in `[iris]`"),
        ("version = 1\n[iris]\ncolumns = {a = 1}\n", "column `a` is not what it should be in `[iris]`"),
        (
            'version = 1\n[iris]\ncolumns = {}\nsource = "s"\nfingerprint = 1\n',
            "`fingerprint` is not what it should be",
        ),
        ("version = 2\n", "this runcard reads version 1"),
        ("", "this runcard reads version 1"),
        (b"\xff", "utf-8"),
    ],
)
def test_a_lock_that_is_not_ours_is_refused(text: Any, problem: str, tmp_path: Path) -> None:
    (tmp_path / "runcard.lock").write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(errors.LockUnreadable, match=r"runcard\.lock") as caught:
        read_lock(tmp_path)
    assert problem in caught.value.why
