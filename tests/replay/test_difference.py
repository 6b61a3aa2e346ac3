from __future__ import annotations

from dataclasses import replace
from typing import Any

from runcard.replay import Account, Difference, find_differences

COLUMNS = [["age", "int64", "a" * 64], ["city", "string", "c" * 64]]
PLAN: dict[str, Any] = {
    "data": {"digest": "d" * 64, "n_rows": 10, "columns": COLUMNS},
    "columns": {"target": "churn", "numerical": ["age"], "categorical": ["city"]},
    "task": "classification",
    "classes": ["No", "Yes"],
    "positive": "Yes",
    "split": {"kind": "plain", "n_train": 8, "n_test": 2, "n_folds": 5},
    "metrics": ["f1"],
    "seed": 42,
    "parts": dict.fromkeys(("data", "target", "split", "features", "metrics", "seed"), "0" * 64),
}
HARDWARE = {"cpu": "Ryzen", "os": "Linux", "gpus": [], "threads": [
    {"library": "openblas", "version": "0.3.30", "n_threads": 2, "architecture": "Zen"}]}  # fmt: skip
ENVIRONMENT = {
    "python": "3.12.1", "implementation": "CPython", "packages": {"numpy": "2.3.1"}, "runcard_source": "e" * 64,
    "locale": "C", "encoding": "UTF-8", "timezone": "UTC", "variables": {},
}  # fmt: skip
ACCOUNT = Account(
    "forest", "a: 1\nb: 2\n", PLAN, {"commit": "c0ffee", "modules": {"own.py": "1" * 64}}, {"own.py": "x = 1\n"},
    ENVIRONMENT, HARDWARE,
)  # fmt: skip


def differences(**changed: Any) -> list[Difference]:
    return find_differences(ACCOUNT, replace(ACCOUNT, **changed))


def test_nothing_differs_from_itself() -> None:
    assert differences() == []


def test_a_line_of_code_and_of_the_card() -> None:
    code = {"commit": "c0ffee", "modules": {"own.py": "2" * 64}}
    (found,) = differences(code=code, modules={"own.py": "x = 2\n"})
    assert (found.part, found.name, found.lines[-2:]) == ("code", "own.py", ("-x = 1", "+x = 2"))
    assert str(found) == "code own.py, line 1: `x = 1`, now `x = 2`"
    (found,) = differences(card="a: 1\nb: 3\n")
    assert (found.part, found.decides, found.lines[-2:]) == ("card", True, ("-b: 2", "+b: 3"))
    assert str(found) == "card, line 2: `b: 2`, now `b: 3`"
    (longer,) = differences(card="a: 1\nb: 2\nc: 3\n")
    assert str(longer) == "card, line 3: nothing, now `c: 3`"


def test_a_commit_of_another_name_is_noted_only() -> None:
    (found,) = differences(code={"commit": "beef", "modules": {"own.py": "1" * 64}})
    assert (found.part, found.decides, found.is_environment) == ("commit", False, False)


def test_a_column_that_changed_or_is_gone_and_rows() -> None:
    data = {"digest": "e" * 64, "n_rows": 11, "columns": [["age", "double", "b" * 64], ["town", "string", "c" * 64]]}
    assert [str(found) for found in differences(plan={**PLAN, "data": data})] == [
        "data rows: 10, now 11",
        "data column `age`: int64 aaaaaaaaaaaa, now double bbbbbbbbbbbb",
        "data column `city`: string cccccccccccc, now not there",
        "data column `town`: not there before, now string cccccccccccc",
    ]


def test_parts_of_the_protocol_are_told_in_words_or_by_their_hashes() -> None:
    parts = {**PLAN["parts"], "seed": "1" * 64, "split": "2" * 64}
    seed, split = sorted(differences(plan={**PLAN, "seed": 7, "parts": parts}), key=lambda found: found.part)
    assert (seed.recorded, seed.now, seed.decides) == ("42", "7", True)
    assert (split.recorded, split.now) == ("000000000000", "222222222222")


def test_environment_and_machine() -> None:
    packages, variables = {"numpy": "2.3.2"}, {"OMP_NUM_THREADS": "1"}
    library = {**HARDWARE["threads"][0], "architecture": "Haswell", "n_threads": 4}
    found = differences(
        environment={**ENVIRONMENT, "python": "3.13.0", "packages": packages, "variables": variables},
        hardware={**HARDWARE, "cpu": "Xeon", "threads": [library]},
    )
    assert [(each.part, each.is_environment, each.decides) for each in found] == [
        ("python", True, False), ("package", True, False), ("cpu", False, False), ("blas", False, False),
        ("threads", False, False), ("setting", False, False),
    ]  # fmt: skip
    assert str(found[1]) == "package numpy: 2.3.1, now 2.3.2"
