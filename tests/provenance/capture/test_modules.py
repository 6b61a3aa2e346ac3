from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest

from runcard.provenance.capture.modules import capture_modules


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def write(**texts: str) -> Path:
        for name, text in texts.items():
            path = tmp_path.joinpath(*name.split("__")).with_suffix(".py")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return tmp_path

    monkeypatch.syspath_prepend(tmp_path)
    return write


def test_what_is_imported_counts_wherever_it_is_imported(write) -> None:
    root = write(
        own_a="import numpy\nfrom own_pack import low\n",
        own_pack__low="def f():\n    from . import deep\n    import own_late\n",
        own_pack__deep="from .. import nothing\n",
        own_late="",
        own_other="import own_a\n",
    )
    (root / "own_pack" / "__init__.py").touch()
    found = capture_modules(root, ["own_a"])
    assert list(found.files) == [
        "own_a.py",
        "own_late.py",
        "own_pack/__init__.py",
        "own_pack/deep.py",
        "own_pack/low.py",
    ]


def test_a_folder_below_the_root_that_modules_come_from(write, monkeypatch: pytest.MonkeyPatch) -> None:
    root = write(src__own_b="import own_c\n", src__own_c="")
    monkeypatch.syspath_prepend(root / "src")
    importlib.import_module("own_b")
    assert list(capture_modules(root, ["own_b"]).digests) == ["src/own_b.py", "src/own_c.py"]
    del sys.modules["own_b"], sys.modules["own_c"]


def test_what_looks_like_a_secret_has_a_digest_and_is_not_kept(write) -> None:
    root = write(own_d="KEY = 'AKIAABCDEFGHIJKLMNOP'\n")
    found = capture_modules(root, ["own_d"])
    assert list(found.digests) == ["own_d.py"]
    assert found.kept() == {}


def test_what_cannot_be_read_as_python_is_still_hashed(write) -> None:
    assert list(capture_modules(write(own_e="def (:\n"), ["own_e"]).digests) == ["own_e.py"]
