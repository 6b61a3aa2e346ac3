"""Sources that git does not know: which links among them are kept."""

from __future__ import annotations

from pathlib import Path

import pytest

from runcard.provenance.capture.untracked import leads_out, read_sources


@pytest.mark.parametrize(
    ("name", "target", "is_out"),
    [
        ("link.py", b"model.py", False),
        ("a/link.py", b"../model.py", False),
        ("link.py", b"../model.py", True),
        ("a/link.py", b"../../model.py", True),
        ("link.py", b"/etc/passwd", True),
        ("link.py", b".git/config", True),
        ("a/link.py", b"../.git/config", True),
        ("link.py", b".gitignore", False),
        ("a/link.py", b".git/config", False),
    ],
)
def test_a_link_stays_within_the_repository_and_out_of_gits_own_folder(name: str, target: bytes, is_out: bool) -> None:
    assert leads_out(name, target) is is_out


def test_a_link_into_gits_own_folder_is_left_out_with_its_reason(tmp_path: Path) -> None:
    (tmp_path / "good.py").symlink_to("model.py")
    (tmp_path / "bad.py").symlink_to(".git/config")
    found = read_sources(tmp_path, ["good.py", "bad.py"])
    assert (found.kept, found.modes) == ({"good.py": b"model.py"}, {"good.py": "120000"})
    assert found.left_out == {"bad.py": "untracked; a link that leads out of the repository"}
