"""The picture of the house: what the contract says, and at most ten arrows among the rooms of the workflow."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "make_house.py"


@pytest.fixture(scope="module")
def house() -> dict[str, Any]:
    return runpy.run_path(str(SCRIPT), run_name="make_house")


def test_it_is_current(house: dict[str, Any]) -> None:
    assert house["PICTURE"].read_text(encoding="utf-8") == house["draw_house"]()


def test_every_floor_and_room_is_in_it(house: dict[str, Any]) -> None:
    floors = house["contracts"]()["runcard"]
    assert ["workflow"] in floors
    picture = house["draw_house"]()
    assert all(f">{name}</text>" in picture for floor in floors for name in floor)


def test_the_rooms_of_the_workflow_need_few_others(house: dict[str, Any]) -> None:
    rooms = {path.name for path in (house["SOURCE"] / "workflow").iterdir() if path.is_dir()} - {"__pycache__"}
    assert rooms == {"run", "choose", "promote", "replay", "datasets", "models"}
    arrows = {(one, other) for one, other in house["needs"]("workflow") if {one, other} <= rooms}
    assert 0 < len(arrows) <= 10
    files = {path.name for path in (house["SOURCE"] / "workflow").glob("*.py")} - {"__init__.py"}
    assert files == {"agreement.py", "refs.py", "resolve.py"}
