"""Standard output is for the answer, in characters that it can hold; whatever is in a name is seen and does nothing."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import click
import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from projects import COMMAND, environment, run_cli, write_project
from rich.console import Console

from runcard.cli.answer import Command, answer, answer_json
from runcard.cli.console import PlainConsole, results_console
from runcard.cli.main import _COMMANDS, main
from runcard.cli.refusal import refusal_of
from runcard.report.blocks import Column, ReportTable
from runcard.report.terminal import InTerminal

LOUD = """
import ctypes, os, subprocess, sys
import runcard
from sklearn.dummy import DummyClassifier

def shout(who):
    print("printed by", who)
    os.write(1, b"written\\n")
    ctypes.CDLL(None).printf(b"from C\\n")
    subprocess.run(["echo", "from a child"], check=True)

shout("the module")

@runcard.dataset
def rows():
    import pandas as pd
    shout("the dataset")
    return pd.DataFrame({"a": range(40), "y": [n % 2 for n in range(40)]})

class Loud(DummyClassifier):
    def fit(self, X, y, sample_weight=None):
        shout("the estimator")
        return super().fit(X, y, sample_weight)

@runcard.model
def loud(strategy="prior"):
    return Loud(strategy=strategy)
"""
CARD = {
    "data": {"dataset": "rows"},
    "features": {"target": "y"},
    "models": [{"name": "loud"}, {"name": "logistic_regression"}],
}


@pytest.mark.slow
def test_whatever_prints_standard_output_is_the_answer(tmp_path: Path) -> None:
    evaluation = {"evaluation": {"metrics": ["accuracy"], "cv_folds": 2}}
    write_project(tmp_path / "p", {**CARD, **evaluation}, modules={"loud_project": LOUD})
    for command in (
        ("run", "card", "--workers", "1", "--json"),
        ("check", "card", "--json"),
        ("list", "models", "--json"),
    ):
        done = run_cli(tmp_path / "p", *command)
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)
        for words in ("printed by the module", "written", "from C", "from a child"):
            assert words in done.stderr
        assert ("printed by the estimator" in done.stderr) is (command[0] == "run")
    registered = run_cli(tmp_path / "p", "register", "card")
    assert registered.stdout == "card/1\n"


def said_in(encoding: str, folder: Path, *command: str) -> str:
    done = subprocess.run(
        [*COMMAND, *command], cwd=folder, env=environment(PYTHONIOENCODING=encoding), capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.decode(encoding)


@pytest.fixture(scope="module")
def foreign(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A card with names in many letters, run where the output holds none of them."""
    rows = np.random.default_rng(0)
    table = pd.DataFrame({"größe": rows.normal(size=60), "日本": rows.normal(size=60), "y": [0, 1] * 30})
    card = {
        "experiment": {"name": "versuch_ü"},
        "data": {"raw_path": "table.csv"},
        "features": {"target": "y"},
        "models": [{"name": "logistic_regression", "params": {"C": [1, 2]}}],
        "evaluation": {"metrics": ["accuracy"], "cv_folds": 2},
    }
    folder = tmp_path_factory.mktemp("foreign") / "p"
    write_project(folder, card, table=table)
    assert "+-" in said_in("ascii", folder, "run", "card", "--workers", "1")
    said_in("ascii", folder, "audit", "card")
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "utf-8"])
def test_what_the_output_cannot_hold_is_replaced(foreign: Path, encoding: str) -> None:
    checked, compared = (said_in(encoding, foreign, command, "card") for command in ("check", "compare"))
    assert ("±" in compared) is ("größe" in checked) is (encoding != "ascii")
    assert ("日本" if encoding == "utf-8" else "\\u65e5\\u672c") in checked


def test_every_command_keeps_standard_output_to_itself() -> None:
    context = click.Context(main)
    for name in _COMMANDS:
        found = main.get_command(context, name)
        commands = found.commands.values() if isinstance(found, click.Group) else [found]
        assert all(isinstance(command, Command) for command in commands), name


def test_printing_in_a_command_goes_to_standard_error() -> None:
    @click.command("say", cls=Command)
    def say_() -> None:
        print("noise")
        answer("the answer")
        answer_json({"é": Path("p")})
        results_console().print("a [red]table[/b]")

    said = CliRunner().invoke(say_)
    assert said.stdout == 'the answer\n{\n  "\\u00e9": "p"\n}\na [red]table[/b]\n'
    assert said.stderr == "noise\n"


@pytest.mark.slow
def test_a_reader_that_leaves_ends_the_command_in_peace(tmp_path: Path) -> None:
    shell = f"{' '.join(COMMAND)} list models --json | head -1; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", shell], capture_output=True, text=True, env=environment(), check=False)
    assert (done.stdout.splitlines(), done.stderr) == (["[", "0"], "")


@pytest.mark.slow
@pytest.mark.parametrize("closed", ["<&- >&- 2>&-", "2>&-"])
def test_streams_that_are_closed_matter_to_no_file(tmp_path: Path, closed: str) -> None:
    write_project(tmp_path / "p", {**CARD, "evaluation": {"cv_folds": 2}}, modules={"loud_project": LOUD})
    shell = f"{' '.join(COMMAND)} run card --workers 1 {closed}"
    done = subprocess.run(
        ["bash", "-c", shell], cwd=tmp_path / "p", env=environment(), capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr
    found = run_cli(tmp_path / "p", "compare", "card", "--format", "json")
    assert len(json.loads(found.stdout)["runs"]) == 2


def test_names_are_no_markup_and_do_nothing_to_a_terminal() -> None:
    cell = "[/nope] \x1b[2J\u202eevil\nline"
    table = ReportTable([Column[str]("[red]head[/b]", lambda row: row)], [cell], "[b]:smile:\x1b[31m")
    console = PlainConsole(width=80, highlight=False)
    with console.capture() as shown:
        console.print(InTerminal(table))
        console.print("[/x] \x9b5m :smile:")
    said = shown.get()
    for words in ("[b]:smile:\\x1b[31m", "[red]head[/b]", "[/nope] \\x1b[2J\\u202eevil\\nline", "[/x] \\x9b5m :smile:"):
        assert words in said
    plain = Console(width=80)
    with plain.capture() as shown:
        plain.print(InTerminal(ReportTable((), (), "[/b]")))


def test_errors_show_what_would_act_on_a_terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    said = CliRunner().invoke(main, ["check", "no\x1b[31msuch\u202ecard"])
    assert said.stderr.startswith("error[RC101]: there is no card `no\\x1b[31msuch\\u202ecard`")


@pytest.mark.parametrize("limit", [12, 24])
@pytest.mark.slow
def test_too_few_files_are_a_clear_error(tmp_path: Path, limit: int) -> None:
    write_project(tmp_path / "p", {**CARD, "evaluation": {"cv_folds": 2}}, modules={"loud_project": LOUD})
    shell = f"ulimit -n {limit}; {' '.join(COMMAND)} run card --workers 2"
    done = subprocess.run(
        ["bash", "-c", shell], cwd=tmp_path / "p", env=environment(), capture_output=True, check=False
    )
    assert b"RC000" not in done.stderr
    assert b"Traceback" not in done.stderr
    assert b"too many files are open" in done.stderr


def test_a_refusal_behind_another_error_is_found() -> None:
    try:
        try:
            raise OSError(24, "Too many open files", "x.py")
        except OSError as error:
            raise ImportError("cannot import") from error
    except ImportError as error:
        found = refusal_of(error)
    assert found is not None
    assert (found.what, found.where) == ("too many files are open", "x.py")
    assert refusal_of(ValueError("no")) is None
    assert refusal_of(MemoryError()) is not None
    assert "ulimit" in found.hint
