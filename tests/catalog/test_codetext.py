from __future__ import annotations

import importlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from runcard.catalog.codetext import code_digest

MAIN = """
import math
import helpers
from helpers import double
LIMIT = 3

def function(x):
    return double(x) + LIMIT + helpers.unused()

def other(x):
    return math.sqrt(x)

class Child(helpers.Parent):
    def method(self):
        return double(1)
"""
HELPERS = """
def double(x):
    return inner(x)

def inner(x):
    return 2 * x

def unused():
    return 0

class Parent:
    def base(self):
        return 1
"""


@pytest.fixture
def digests(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))

    def write_and_hash(main: str = MAIN, helpers: str = HELPERS) -> dict[str, str]:
        for name, text in (("helpers", helpers), ("main_module", main)):
            Path(tmp_path, f"{name}.py").write_text(text)
            sys.modules.pop(name, None)
        importlib.invalidate_caches()
        sys.dont_write_bytecode, kept = True, sys.dont_write_bytecode
        try:
            module = importlib.import_module("main_module")
        finally:
            sys.dont_write_bytecode = kept
        import linecache

        linecache.clearcache()
        return {name: code_digest(getattr(module, name)) for name in ("function", "other", "Child")}

    yield write_and_hash
    for name in ("helpers", "main_module"):
        sys.modules.pop(name, None)


def test_the_same_text_has_the_same_digest(digests):
    assert digests() == digests()


@pytest.mark.parametrize(
    ("main", "helpers", "changed"),
    [
        (MAIN.replace("LIMIT = 3", "LIMIT = 4"), HELPERS, {"function"}),
        (MAIN, HELPERS.replace("2 * x", "3 * x"), {"function", "Child"}),
        (MAIN.replace("math.sqrt(x)", "math.sqrt(x) + 1"), HELPERS, {"other"}),
        (MAIN, HELPERS.replace("return 1", "return 2"), {"function", "Child"}),
    ],
    ids=["a constant", "a helper's helper", "the function", "a base class, in a module used as a whole"],
)
def test_what_is_used_counts_and_nothing_else(digests, main, helpers, changed):
    before, after = digests(), digests(main, helpers)
    assert {name for name in before if before[name] != after[name]} == changed


SETS = """
def helper(x):
    return x

NAMES = {"one", "two", "three", "four", "five"}
CALLS = {"help": helper, "low": [helper]}

def function(x):
    return x in NAMES, CALLS["help"](x)
"""


def test_sets_and_functions_in_containers_are_the_same_in_every_process(tmp_path):
    (tmp_path / "sets_module.py").write_text(SETS)
    program = (
        "import sets_module; from runcard.catalog.codetext import code_digest; print(code_digest(sets_module.function))"
    )

    def digest(seed: str, text: str = SETS) -> str:
        (tmp_path / "sets_module.py").write_text(text)
        given = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONDONTWRITEBYTECODE": "1"}
        done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, env=given, capture_output=True, check=True)
        return done.stdout.decode()

    first = digest("1")
    assert digest("2") == first
    assert digest("1", SETS.replace("return x\n\nNAMES", "return -x\n\nNAMES")) != first


def test_moving_a_function_is_no_change(digests):
    assert digests("\n\n\n" + MAIN) == digests()
