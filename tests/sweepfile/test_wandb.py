"""Sweep files, each judged as W&B's own engine judges it (golden/wandb/expected.tsv), or for a reason otherwise."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pytest

from runcard import errors
from runcard.card.check import KnownNames
from runcard.project import find_project
from runcard.search.space import parse_parameter, values_of
from runcard.sweepfile.draft import draft_card
from runcard.sweepfile.remarks import Remark
from runcard.sweepfile.sweep import read_sweep
from runcard.yaml import parse

FOLDER = Path(__file__).parents[1] / "golden" / "wandb"
ROWS = csv.DictReader((FOLDER / "expected.tsv").read_text().splitlines(), delimiter="\t", quoting=csv.QUOTE_NONE)
EXPECTED = {row["file"]: row["W&B's own engine (PyPI sweeps 0.3.0)"] for row in ROWS}
ACCEPTED = [name for name, said in EXPECTED.items() if said == "accepts"]
REFUSED = [name for name, said in EXPECTED.items() if said == "refuses"]
OTHERWISE = {
    "goal_wrong_way.yaml": "the goal of `val_loss` cannot be to maximize it",
    "goal_wrong_way2.yaml": "the goal of `val_acc` cannot be to minimize it",
    "inf.yaml": "`a`: `max` must be a finite number, not `inf`",
}
"""What W&B accepts and runcard does not, with what it says."""
NEVER_RUN = {
    "bayes_nometric.yaml": "`method: bayes` needs a `metric`",
    "custom.yaml": "`method` cannot be `custom`",
    "grid_prob.yaml": "`n`: a grid has no use for `probabilities`",
    "grid_uniform.yaml": "`n`: a grid cannot go over the distribution `uniform`",
    "name_int.yaml": "the sweep has a key that is not text: `1`",
    "nested.yaml": "all `parameters` of the sweep are nested",
}
"""What W&B accepts and then cannot run: refused."""


def import_sweep(name: str, folder: Path) -> tuple[str, list[Remark]]:
    project, remarks = find_project(folder), list[Remark]()
    sweep = read_sweep(FOLDER / name, KnownNames(project), tell=remarks.append)
    return draft_card(sweep, project=project, name="card.yaml").text, remarks


def refusals(name: str, folder: Path) -> list[errors.RuncardError]:
    with pytest.raises(errors.CardError) as caught:
        import_sweep(name, folder)
    return list(getattr(caught.value, "errors", [caught.value]))


def test_every_file_is_judged() -> None:
    assert set(EXPECTED) == {path.name for path in FOLDER.glob("*.yaml")}
    assert NEVER_RUN.keys() == set(EXPECTED) - {*ACCEPTED, *REFUSED}
    assert OTHERWISE.keys() < set(ACCEPTED)


@pytest.mark.parametrize("name", [name for name in ACCEPTED if name not in OTHERWISE])
def test_what_wandb_accepts_becomes_a_card(name: str, tmp_path: Path) -> None:
    text, _ = import_sweep(name, tmp_path)
    for raw in parse(text, "card.yaml").value["models"][0]["params"].values():
        parse_parameter(raw)


@pytest.mark.parametrize("name", REFUSED)
def test_what_wandb_refuses_is_refused_with_its_place(name: str, tmp_path: Path) -> None:
    for fault in refusals(name, tmp_path):
        assert re.search(rf"{name}:\d+:\d+", fault.where) or name == "empty.yaml"


@pytest.mark.parametrize(("name", "what"), {**OTHERWISE, **NEVER_RUN}.items())
def test_what_wandb_accepts_and_runcard_does_not(name: str, what: str, tmp_path: Path) -> None:
    assert refusals(name, tmp_path)[0].what == what


@pytest.mark.parametrize(
    ("name", "params"),
    [
        ("anchors2.yaml", {"a": [1, 2], "c": [1, 2]}),
        (
            "merge.yaml",
            {
                "a": {"distribution": "uniform", "min": 0, "max": 1},
                "c": {"distribution": "uniform", "min": 0, "max": 2},
            },
        ),
        ("tag_float.yaml", {"a": {"min": 1e-4, "max": 0.1}}),
        ("tag_int.yaml", {"a": 3}),
        ("tag_str.yaml", {"a": ["1", "2"]}),
        ("octal.yaml", {"a": [8, 16]}),
        ("sexa.yaml", {"a": ["a", 90]}),
        ("yesno.yaml", {"a": [True, False]}),
        ("date.yaml", {"a": ["2020-01-01"]}),
        ("big.yaml", {"a": [1000, 2000]}),
        ("none.yaml", {"a": ["None", 3]}),
        ("null.yaml", {"a": [None, 3]}),
        ("dup_num.yaml", {"a": [1, 1.0, True]}),
        ("dup.yaml", {"a": {"values": [1, 2], "probabilities": [0.666666666667, 0.333333333333]}}),
        ("dupkey.yaml", {"a": [3]}),
        ("sigma0.yaml", {"a": 0.0}),
        ("lists.yaml", {"a": [[32, 32], [64]]}),
        ("tuple_text.yaml", {"a": ["(32, 32)", "(64,)"]}),
        ("beta_def.yaml", {"a": {"distribution": "beta", "a": 1, "b": 1}}),
    ],
)
def test_the_card_has_the_values_that_wandb_has(name: str, params: dict[str, object], tmp_path: Path) -> None:
    text, _ = import_sweep(name, tmp_path)
    assert repr(parse(text, "card.yaml").value["models"][0]["params"]) == repr(params)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("grid_quniform.yaml", (50, 150, 250, 350)),
        ("grid_quniform2.yaml", (1, 3, 5, 7, 9)),
        ("grid_int.yaml", (1, 2, 3, 4)),
    ],
)
def test_grids_are_those_of_wandb(name: str, values: tuple[int, ...], tmp_path: Path) -> None:
    text, _ = import_sweep(name, tmp_path)
    assert values_of(parse_parameter(parse(text, "card.yaml").value["models"][0]["params"]["n"])) == values


@pytest.mark.parametrize(
    ("name", "search"),
    [
        ("et_maxfloat.yaml", {"type": "hyperband", "max_iter": 27, "s": 2}),
        ("et_sfloat.yaml", {"type": "hyperband", "max_iter": 27, "s": 2}),
        ("et_min_max.yaml", {"type": "hyperband", "min_iter": 3}),
        ("et_strict.yaml", {"type": "hyperband", "min_iter": 3, "strict": True}),
        ("et_eta_f.yaml", {"type": "hyperband", "min_iter": 3, "eta": 1.5}),
    ],
)
def test_where_trials_are_stopped(name: str, search: dict[str, object], tmp_path: Path) -> None:
    text, _ = import_sweep(name, tmp_path)
    assert parse(text, "card.yaml").value["search"]["early_terminate"] == search


@pytest.mark.parametrize(
    ("name", "label", "said"),
    [
        ("dup.yaml", "warning", "a choice stands twice; it is drawn as often, which `probabilities` say"),
        ("dupkey.yaml", "warning", "the key stands twice; W&B takes the last one, and so has the card"),
        ("octal.yaml", "warning", "W&B reads `010` as 8, as YAML 1.1 does, and so has the card"),
        ("yesno.yaml", "warning", "W&B reads `yes` as true, as YAML 1.1 does, and so has the card"),
        ("date.yaml", "warning", "W&B reads `2020-01-01` as a date; in a card it is a text"),
        ("sigma0.yaml", "warning", "without a spread it is always 0.0"),
        (
            "et_min_max.yaml",
            "left out",
            "W&B takes it, and fails at it without `s`; the brackets are placed by `min_iter`",
        ),
    ],
)
def test_what_is_said_of_it(name: str, label: str, said: str, tmp_path: Path) -> None:
    _, remarks = import_sweep(name, tmp_path)
    assert (label, said) in [(remark.label, remark.text) for remark in remarks]


def test_few_bytes_do_not_stand_for_billions(tmp_path: Path) -> None:
    lines = ["a0: &a0 [1, 2, 3, 4, 5, 6, 7, 8, 9]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
    (tmp_path / "sweep.yaml").write_text("method: grid\n" + "\n".join(lines))
    with pytest.raises(errors.YamlInvalid, match="aliases for more than 100,000 values"):
        read_sweep(tmp_path / "sweep.yaml", KnownNames(find_project(tmp_path)))


def test_depth_is_bounded_through_aliases(tmp_path: Path) -> None:
    lines = ["a0: &a0 [1]"] + [f"a{n}: &a{n} [*a{n - 1}]" for n in range(1, 30)]
    (tmp_path / "sweep.yaml").write_text("method: grid\n" + "\n".join(lines))
    with pytest.raises(errors.YamlInvalid, match="more than 20 levels"):
        read_sweep(tmp_path / "sweep.yaml", KnownNames(find_project(tmp_path)))


def test_a_fault_in_what_an_alias_brings_in_is_placed_where_it_stands(tmp_path: Path) -> None:
    text = "method: random\nrun_cap: 9\nparameters:\n  a: &a {min: x, max: 2}\n  b: *a\n  c: {<<: *a, max: 3}\n"
    (tmp_path / "sweep.yaml").write_text(text)
    with pytest.raises(errors.CardErrors) as caught:
        read_sweep(tmp_path / "sweep.yaml", KnownNames(find_project(tmp_path)))
    places = [fault.where.split("sweep.yaml:")[1] for fault in caught.value.errors]
    assert places == [f"4:15, parameters.{name}.min" for name in "abc"]


def test_anchors_stand_for_what_stood_there(tmp_path: Path) -> None:
    """Also where the key that held it comes again with something else."""
    text = "method: grid\nparameters:\n  a: &a {values: [010, x]}\n  a: {values: ['7', '8']}\n  b: *a\n"
    (tmp_path / "sweep.yaml").write_text(text)
    sweep = read_sweep(tmp_path / "sweep.yaml", KnownNames(find_project(tmp_path)))
    assert sweep.parameters == {"a": {"values": ["7", "8"]}, "b": {"values": [8, "x"]}}
