"""What is written whole is on the disk when the call returns: the content first, then that it is in its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from runcard.durable import flush_folder, write_whole


def test_a_file_is_flushed_before_it_takes_its_place_and_its_folder_after(
    tmp_path: Path, flushed: list[tuple[str, int]]
) -> None:
    path, draft = tmp_path / "lock", tmp_path / "draft"
    write_whole(path, b"content", draft=draft)
    assert flushed == [(str(draft), 7), (str(tmp_path), -1)]
    assert (path.read_bytes(), draft.exists()) == (b"content", False)


def test_a_folder_is_flushed(tmp_path: Path, flushed: list[tuple[str, int]]) -> None:
    flush_folder(tmp_path)
    assert flushed == [(str(tmp_path), -1)]


def test_what_cannot_be_put_in_its_place_leaves_the_old_and_no_draft(tmp_path: Path) -> None:
    (tmp_path / "lock").mkdir()
    (tmp_path / "lock" / "inside").touch()
    with pytest.raises(OSError, match="lock"):
        write_whole(tmp_path / "lock", b"content", draft=tmp_path / "draft")
    assert [path.name for path in tmp_path.iterdir()] == ["lock"]
