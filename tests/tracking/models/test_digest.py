"""A saved model's digest."""

from __future__ import annotations

from pathlib import Path

import pytest

from runcard.tracking.models.digest import model_digest

DESCRIPTION = "flavors:\n  sklearn: {pickled_model: model.skops}\nrun_id: null\nmodel_id: null\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "code").mkdir()
    (tmp_path / "MLmodel").write_text(DESCRIPTION)
    (tmp_path / "model.skops").write_bytes(b"fitted")
    (tmp_path / "code" / "own.py").write_text("x = 1\n")
    return tmp_path


def test_what_mlflow_adds_does_not_change_it(folder: Path) -> None:
    before = model_digest(folder)
    (folder / "MLmodel").write_text(
        DESCRIPTION.replace("null", "abc") + "model_uuid: m-1\nartifact_path: models:/m-1\n"
    )
    (folder / "registered_model_meta").write_text("model_name: churn\n")
    (folder / "code" / "__pycache__").mkdir()
    (folder / "code" / "__pycache__" / "own.pyc").write_bytes(b"compiled")
    assert model_digest(folder) == before


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("model.skops", b"fitteD"),
        ("code/own.py", b"x = 2\n"),
        ("MLmodel", DESCRIPTION.replace("model.skops", "other.skops").encode()),
        ("more.bin", b""),
    ],
)
def test_whatever_else_is_changed_or_added_does(folder: Path, name: str, content: bytes) -> None:
    before = model_digest(folder)
    (folder / name).write_bytes(content)
    assert model_digest(folder) != before


def test_a_renamed_file_changes_it(folder: Path) -> None:
    before = model_digest(folder)
    (folder / "model.skops").rename(folder / "model.skop")
    assert model_digest(folder) != before
