"""Which gates hold: the card's, key by key before the project's, before the default."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from projects import customers_card, write_project

from runcard import errors
from runcard.project import find_project
from runcard.workflow.promote.rules import Rules, read_rules

KEPT = json.dumps({"models": [], "registry": {"model": "kept", "gates": {"margin": 0.5}}})


def rules(folder: Path, settings: str = "", **registry: Any) -> Rules:
    if registry:
        write_project(folder, customers_card(registry=registry))
    folder.mkdir(exist_ok=True)
    (folder / "pyproject.toml").write_text(f"[tool.runcard]\n{settings}")
    return read_rules(find_project(folder), "customers", KEPT)


def test_the_card_comes_before_the_project_and_the_project_before_the_default(tmp_path: Path) -> None:
    settings = '[tool.runcard.gates]\nmargin = 0.1\nconfidence = 0.99\nfloors = {roc_auc = ">= 0.7"}\n'
    found = rules(tmp_path / "p", settings, model="churn", gates={"margin": -0.01, "reproduced": True})
    gates = found.gates
    assert (found.model, found.where) == ("churn", "configs/card.yaml")
    assert (gates.margin, gates.confidence, gates.floors) == (-0.01, 0.99, {"roc_auc": ">= 0.7"})
    assert (gates.reproduced, gates.digest, gates.beats_holder) == (True, True, True)


def test_without_a_card_of_the_experiment_the_kept_one_holds(tmp_path: Path) -> None:
    found = rules(tmp_path / "p")
    assert (found.model, found.gates.margin, found.where) == ("kept", 0.5, "the card kept with the run")


def test_two_cards_of_one_experiment_leave_it_to_the_kept_one(tmp_path: Path) -> None:
    rules(tmp_path / "p", model="churn")
    (tmp_path / "p" / "configs" / "other.yaml").write_text((tmp_path / "p" / "configs" / "card.yaml").read_text())
    (tmp_path / "p" / "configs" / "broken.yaml").write_text("models: [")
    assert read_rules(find_project(tmp_path / "p"), "customers", KEPT).model == "kept"


@pytest.mark.parametrize(
    ("setting", "kind", "words"),
    [
        ("margn = 1", errors.KeyUnknown, "unknown key `margn`"),
        ('floors = {rocauc = ">= 0.5"}', errors.MetricUnknown, "unknown metric `rocauc`"),
        ('constraints = {roc_auc = ">= 0.5"}', errors.KeyUnknown, "a gate cannot constrain `roc_auc`"),
        ("confidence = 2", errors.ValueInvalid, "`confidence` cannot be `2`"),
    ],
)
def test_wrong_gates_of_the_project_are_named(
    tmp_path: Path, setting: str, kind: type[errors.RuncardError], words: str
) -> None:
    with pytest.raises(kind, match=words) as caught:
        rules(tmp_path / "p", f"[tool.runcard.gates]\n{setting}\n")
    assert "[tool.runcard.gates]" in caught.value.where


def test_the_registry_section_is_checked_with_the_card_and_changes_no_key(tmp_path: Path) -> None:
    from projects import make_customers

    from runcard.workflow.resolve import resolve

    plain = write_project(tmp_path / "plain", customers_card(), table=make_customers())
    gated = write_project(
        tmp_path / "gated", customers_card(registry={"gates": {"margin": 0.2}}), table=make_customers()
    )
    assert resolve(plain).plan.hash == resolve(gated).plan.hash
    wrong = {"model": "a/b", "gates": {"metric": "rocauc", "floors": {"roc_auc": "0.8", "log_loss": 0.5}}}
    write_project(tmp_path / "wrong", customers_card(registry=wrong))
    from runcard.card import load_card

    with pytest.raises(errors.CardErrors) as caught:
        load_card(tmp_path / "wrong" / "configs" / "card.yaml")
    said = str(caught.value)
    assert "write `model: a-b`" in said
    assert 'write `roc_auc: ">= 0.8"`' in said
    assert 'write `log_loss: "<= 0.5"`' in said
