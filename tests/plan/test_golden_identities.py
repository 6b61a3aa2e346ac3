"""Plans of many cards to the last byte: journals and MLflow hold their hashes, and with others all is trained anew."""

from __future__ import annotations

from pathlib import Path

import pytest
from golden_cards import CARDS, OURS
from goldens import GOLDEN, fixed_versions, require_golden
from projects import call_cli, copy_example, make_customers, write_project

EXAMPLES = {"churn": ("churn", "first"), "diabetes": ("diabetes",), "iris": ("exp_v1",)}
FOLDER = "plans"


def require_plan(request: pytest.FixtureRequest, name: str, project: Path, card: str) -> None:
    with fixed_versions():
        said = call_cli(project, "check", card, "--json")
    assert (said.returncode, said.stderr) == (0, "")
    require_golden(request, f"{FOLDER}/{name}.json", said.stdout)


@pytest.mark.parametrize("name", CARDS)
def test_a_card(name: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    modules = {"ours": OURS} if name == "own_code" else {}
    write_project(tmp_path / "project", CARDS[name], table=make_customers(), modules=modules)
    require_plan(request, name, tmp_path / "project", "card")


@pytest.mark.parametrize(("example", "card"), [(name, card) for name, cards in EXAMPLES.items() for card in cards])
def test_an_example(example: str, card: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    require_plan(request, f"example_{example}_{card}", copy_example(example, tmp_path), card)


def test_there_is_no_plan_too_many() -> None:
    examples = {f"example_{name}_{card}" for name, cards in EXAMPLES.items() for card in cards}
    assert {path.stem for path in (GOLDEN / FOLDER).iterdir()} == {*CARDS, *examples}
