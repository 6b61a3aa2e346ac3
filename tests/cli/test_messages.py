"""What a reader is told of cards that are not quite one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from projects import call_cli, customers_card, make_customers, write_project

SETS = """
import runcard
from sklearn.preprocessing import FunctionTransformer

@runcard.features
def by_city():
    return FunctionTransformer(_cities)

def _cities(frame):
    return frame[["age"]].assign(home=frame["city"].str.len())

@runcard.features(rowwise=True)
def by_city_alone(frame):
    return _cities(frame)
"""


@pytest.mark.parametrize(
    ("changes", "where", "hint"),
    [
        ({"models": ["ridge"]}, "models[0]", "write `- name: ridge`"),
        ({"models": [{"name": "svc"}, "ridge"]}, "models[1]", "write `- name: ridge`"),
        ({"models": "ridge"}, "models", "write a list: `models:`, and below it `- name: ridge`"),
        ({"models": {"name": "ridge"}}, "models", "write a list: `models:`, and below it `- name: ...`"),
        ({"features": {"target": ["left", "age"]}}, "features.target", "name one column: several targets"),
    ],
)
def test_the_way_to_write_it_is_shown(tmp_path: Path, changes: dict[str, Any], where: str, hint: str) -> None:
    path = write_project(tmp_path / "project", customers_card(**changes), table=make_customers())
    said = call_cli(path.parents[1], "check", str(path)).stderr
    assert where in said
    assert hint in said


@pytest.mark.slow
@pytest.mark.parametrize("name", ["by_city", "by_city_alone"])
def test_a_set_that_looks_for_the_group_is_told_that_it_is_withheld(tmp_path: Path, name: str) -> None:
    evaluation = {"metrics": ["accuracy"], "cv_folds": 2}
    card = customers_card(
        evaluation=evaluation, data={"raw_path": "table.csv", "group": "city"}, features={"target": "left", "set": name}
    )
    path = write_project(tmp_path / "project", card, table=make_customers(), modules={"sets": SETS})
    said = call_cli(path.parents[1], "check" if name == "by_city_alone" else "run", str(path)).stderr
    assert f"`{name}`" in said
    assert "card.yaml:" in said
    assert "features.set" in said
    assert "`city` is the card's group, which no feature set is given" in said
