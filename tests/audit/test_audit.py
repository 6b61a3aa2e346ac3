"""Each item of the checklist, by the evidence that it looks at."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from runcard.audit import N_ITEMS, Audit, Evidence, KeptModel, RecordedReplay, StoredData, make_audit

SPLIT = {"n_train": 120, "n_test": 40, "n_folds": 3}
WHOLE = Evidence(
    run_id="a" * 32,
    name="ridge-1",
    experiment="prices",
    card_run_id="b" * 32,
    tags={"runcard.card_path": "configs/prices.yaml", "runcard.model": "ridge", "runcard.finalist": "true"},
    card={
        "experiment": {"manual_steps": "none"},
        "data": {"raw_path": "prices.csv", "description": "Offers of May, read off the agency's pages."},
    },
    plan={
        "data": {"source": "prices.csv", "digest": "d" * 64, "n_rows": 160},
        "columns": {"numerical": ["size"], "categorical": []},
        "split": SPLIT,
    },
    parts={
        "code": {"commit": "c" * 40, "branch": "main", "remote": "git@host:a/b", "dirty": False, "modules": {}},
        "environment": {
            "python": "3.12.3",
            "implementation": "CPython",
            "packages": {"numpy": "2.3.1", "scikit-learn": "1.7.2"},
            "locks": {"uv.lock": "e" * 64},
        },
        "hardware": {"gpus": []},
        "container": None,
        "notebooks": {"found": [{"path": "look.ipynb", "n_outputs": 0, "reason": ""}], "reason": None},
        "seeds": {"random_state": 42, "set_in": ["numpy"]},
    },
    hyperparameters={"alpha": 1.5},
    feature_set="default",
    altered=(),
    split="same",
    data=StoredData("kept in the data store"),
    model=KeptModel("f" * 64, "same"),
    replays=(RecordedReplay("e" * 32, "identical", None, "2026-05-01"),),
)
DIRTY = {"commit": "c" * 40, "dirty": True, "diff": {"bytes": 3}, "untracked": {"new.py": {}}, "left_out": {}}
UNPUSHED = {"commit": "c" * 40, "remote": "git@host:a/b", "pushed": False}
FULL = [{"path": "look.ipynb", "n_outputs": 2, "reason": ""}, {"path": "b.ipynb", "n_outputs": None, "reason": "huge"}]


def parts(**changed: Any) -> dict[str, Any]:
    return {"parts": {**WHOLE.parts, **changed}}


def environment(**changed: Any) -> dict[str, Any]:
    return parts(environment={**WHOLE.part("environment"), **changed})


def dirty(**changed: Any) -> dict[str, Any]:
    return parts(code=DIRTY | changed)


def data(**changed: Any) -> dict[str, Any]:
    return {"card": {"data": changed}}


def replayed(verdict: str, is_deterministic: bool | None = None) -> dict[str, Any]:
    return {"replays": (RecordedReplay("e" * 32, verdict, is_deterministic, "2026-05-01"),)}


NOT = "not applicable"
CASES: list[tuple[str, dict[str, Any], str, str, str]] = [
    # item, what is otherwise, verdict, what its evidence says, what its mend says
    ("commit pinned", {}, "passed", "commit cccccccccccc, branch main, remote git@host:a/b", ""),
    ("commit pinned", parts(code={"reason": "not a git repository"}), "failed", "not a git repository", "git init"),
    ("commit pinned", parts(code=UNPUSHED), "failed", "on no remote branch", "git push"),
    ("commit pinned", parts(code=UNPUSHED | {"remote": None}), "passed", "commit cccccccccccc", ""),
    (
        "commit pinned",
        parts(code=UNPUSHED) | {"pushed_since": True},
        "passed",
        "on a remote branch of this clone now",
        "",
    ),
    ("uncommitted changes kept", {}, "passed", "nothing was uncommitted", ""),
    (
        "uncommitted changes kept",
        dirty(),
        "passed",
        "the diff and 1 uncommitted file kept",
        "",
    ),
    ("uncommitted changes kept", dirty(left_out={".env": "looks like a secret"}), "failed", ".env (looks", "git add"),
    ("uncommitted changes kept", dirty() | {"code_problem": "`a` is missing"}, "failed", "`a` is missing", "git add"),
    ("uncommitted changes kept", dirty(altered=["a.py"]), "failed", "credentials that were in a.py", "git add"),
    ("notebooks stripped of output", {}, "passed", "none with output: look.ipynb", ""),
    ("notebooks stripped of output", parts(notebooks={"found": [], "reason": None}), NOT, "no notebook", ""),
    (
        "notebooks stripped of output",
        parts(notebooks={"found": FULL, "reason": None}),
        "failed",
        "look.ipynb (2 cells), b.ipynb (huge)",
        "jupyter nbconvert --clear-output --inplace look.ipynb b.ipynb",
    ),
    ("notebooks stripped of output", parts(notebooks={"found": [], "reason": "no git"}), "failed", "no git", "run"),
    ("manual steps written down", {}, "passed", "manual_steps in card.yaml: none", ""),
    ("manual steps written down", {"card": {}}, "failed", "no experiment.manual_steps", "add `manual_steps:`"),
    ("dependencies locked", {}, "passed", "2 packages with exact versions", ""),
    ("dependencies locked", environment(locks={}), "passed", "no lock file of its own", ""),
    ("dependencies locked", environment(packages={"a": ""}), "failed", "no version is known of a", "uv pip install a"),
    (
        "dependencies locked",
        environment(sources={"own": {"url": "file:///home/x/own", "dir_info": {}}, "runcard": {"dir_info": {}}}),
        "failed",
        "own came from a folder",
        "uv pip install own",
    ),
    (
        "dependencies locked",
        environment(sources={"own": {"folder": ".", "dir_info": {}}, "tool": {"vcs_info": {"commit_id": "1"}}}),
        "passed",
        "2 packages",
        "",
    ),
    ("Python version", {}, "passed", "CPython 3.12.3", ""),
    ("GPU and driver", {}, NOT, "no GPU", ""),
    ("GPU and driver", parts(hardware={"gpus": [{"name": "H100", "driver": "570.1"}]}), "passed", "driver 570.1", ""),
    ("GPU and driver", parts(hardware={"gpus": [{"name": "H100", "driver": ""}]}), "failed", "H100", "nvidia-smi"),
    ("container image", {}, NOT, "not made in a container", ""),
    ("container image", parts(container={"kind": "docker", "image": "a@sha256:1"}), "passed", "image a@sha256:1", ""),
    (
        "container image",
        parts(container={"kind": "docker", "image": None}),
        "failed",
        "nothing tells",
        "RUNCARD_IMAGE=",
    ),
    ("versioned", {}, "passed", "fingerprint dddddddddddd; kept in the data store", ""),
    ("versioned", {"data": StoredData(None, "gone")}, "failed", "gone", "runcard lock prices.csv"),
    ("collection described", {}, "passed", "Offers of May", ""),
    ("collection described", data(raw_path="a.csv"), "failed", "no data.description", "add `description:`"),
    ("collection described", data(dataset="iris"), "passed", "scikit-learn describes", ""),
    ("preprocessing tracked", {}, "passed", "1 numerical and 0 categorical columns", ""),
    ("preprocessing tracked", {"plan": {}}, "failed", "no plan", "--fresh"),
    ("preprocessing tracked", {"feature_set": "ratios"}, "failed", "feature set `ratios`", "write it in a module"),
    (
        "preprocessing tracked",
        {"feature_set": "ratios"} | parts(code={"modules": {"own.py": "1" * 64}}),
        "passed",
        "feature set `ratios`, their source in own.py (111111111111)",
        "",
    ),
    ("preprocessing tracked", data(dataset="own_v1"), "failed", "dataset `own_v1`", "write it in a module"),
    ("split indices kept", {}, "passed", "120 train, 40 test rows, 3 folds", ""),
    ("split indices kept", {"split": None}, "failed", "were not kept", "runcard run configs/prices.yaml --fresh"),
    ("split indices kept", {"split": "changed"}, "failed", "is not what the plan's digests say", "--fresh"),
    ("seeds", {}, "passed", "random_state 42", ""),
    ("all hyperparameters", {}, "passed", "ridge, 1 given: alpha=1.5", ""),
    ("all hyperparameters", {"hyperparameters": None}, "failed", "no exact hyperparameters", "--fresh"),
    ("model kept", {}, "passed", "hash to ffffffffffff", ""),
    ("model kept", {"model": KeptModel("f" * 64, "changed")}, "failed", "not those that were saved", "--fresh"),
    ("model kept", {"model": KeptModel("f" * 64, "gone")}, "failed", "gone", "--fresh"),
    ("model kept", {"model": KeptModel(None, None)}, "failed", "nothing says", "--fresh"),
    ("model kept", {"model": None}, "failed", "not saved", "--model-format"),
    ("model kept", {"model": None, "tags": {}}, "failed", "no finalist", "alone in a card"),
    ("record as it was written", {}, "passed", "agree with their seals", ""),
    ("record as it was written", {"altered": ("a: metric `m` is 2",)}, "failed", "a: metric `m` is 2", "--fresh"),
    ("record as it was written", {"altered": None}, "failed", "seal", "--fresh"),
    ("non-determinism known", {}, "passed", "identical", ""),
    ("non-determinism known", {"replays": ()}, "failed", "never run again", "runcard reproduce aaaaaaaa --repeat 2"),
    ("non-determinism known", replayed("different"), "failed", "does not tell why", "--repeat 2"),
    ("non-determinism known", replayed("not comparable"), "failed", "not comparable", "--repeat 2"),
    ("non-determinism known", replayed("different", False), "passed", "it is not deterministic", ""),
]


def finding(audit: Audit, name: str) -> Any:
    return next(item.finding for item in audit.items if item.name == name)


@pytest.mark.parametrize(("name", "changes", "verdict", "evidence", "mend"), CASES)
def test_an_item(name: str, changes: dict[str, Any], verdict: str, evidence: str, mend: str) -> None:
    found = finding(make_audit(replace(WHOLE, **changes)), name)
    assert (found.verdict, bool(found.mend)) == (verdict, verdict == "failed")
    assert evidence in found.evidence
    assert mend in found.mend


def test_all_items_can_pass_and_what_does_not_apply_counts_as_held() -> None:
    audit = make_audit(WHOLE)
    assert {case[0] for case in CASES} == {item.name for item in audit.items}
    assert (audit.count("passed"), audit.count("failed"), audit.count(NOT), audit.n_held) == (15, 0, 2, N_ITEMS)
    assert [item["item"] for item in audit.as_dict()["items"] if item["mend"]] == []


def test_of_nothing_nothing_is_believed() -> None:
    """A run that runcard did not make, of which MLflow knows a commit."""
    plain = Evidence(run_id="a" * 32, name="x", experiment="e", tags={"mlflow.source.git.commit": "c" * 40})
    audit = make_audit(plain)
    assert [item.name for item in audit.items if item.finding.verdict != "failed"] == ["commit pinned"]
    assert all(item.finding.mend for item in audit.items[1:])
    assert "which runcard did not make" in finding(audit, "seeds").evidence


@pytest.mark.parametrize("part", [p for p, about in WHOLE.parts.items() if about])
@pytest.mark.parametrize("value", ["x", 5, ["x"], [5], {"x": 5}, {"x": "y"}, True])
def test_a_record_of_another_shape_fails_its_items_and_no_audit(part: str, value: Any) -> None:
    about = dict.fromkeys(WHOLE.parts[part], value)
    assert len(make_audit(replace(WHOLE, parts={**WHOLE.parts, part: about})).items) == N_ITEMS
