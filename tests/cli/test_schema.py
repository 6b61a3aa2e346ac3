from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from runcard.card.schema import card_schema
from runcard.cli import main

CARD = "# yaml-language-server: $schema={}\ndata: {{dataset: iris}}\nmodels: [{{name: svc}}]\n"


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "configs").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_schema_is_printed() -> None:
    answer = CliRunner().invoke(main, ["schema"])
    assert answer.exit_code == 0
    assert json.loads(answer.stdout) == card_schema()


def test_check_writes_it_where_the_card_points(place: Path) -> None:
    (place / "configs" / "a.yaml").write_text(CARD.format("../own.schema.json"))
    answer = CliRunner().invoke(main, ["check", "a", "--schema"])
    assert answer.exit_code == 0, answer.stderr
    assert "own.schema.json" in answer.stderr
    assert json.loads((place / "own.schema.json").read_text()) == card_schema()


def test_a_bad_card_gets_it_too(place: Path) -> None:
    (place / "configs" / "a.yaml").write_text("models: 3\n")
    answer = CliRunner().invoke(main, ["check", "a", "--schema"])
    assert answer.exit_code == 2
    assert (place / "configs" / "runcard.schema.json").exists()


def test_an_address_cannot_be_written_to(place: Path) -> None:
    (place / "configs" / "a.yaml").write_text(CARD.format("https://example.org/card.json"))
    answer = CliRunner().invoke(main, ["check", "a", "--schema"])
    assert answer.exit_code == 2
    assert "points to a URL" in answer.stderr
