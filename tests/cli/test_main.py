"""The command line itself: finding commands, and how errors end."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from projects import COMMAND, environment, run_cli, write_project

from runcard import __version__
from runcard.cli import main


def call(*arguments: str) -> Result:
    return CliRunner().invoke(main, list(arguments))


def test_help_lists_every_command() -> None:
    said = call("--help")
    assert said.exit_code == 0
    for name in ("check", "compare", "import", "list", "run", "schema", "sync", "ui"):
        assert f"\n  {name} " in said.output


@pytest.mark.parametrize("name", ["check", "compare", "import", "list", "run", "schema", "sync", "ui"])
def test_every_command_has_help(name: str) -> None:
    said = call(name, "--help")
    assert said.exit_code == 0
    assert f"Usage: main {name}" in said.output


def test_the_version() -> None:
    assert call("--version").output == f"runcard, version {__version__}\n"


def test_an_unknown_command_has_its_nearest_offered() -> None:
    said = call("rnu", "card")
    assert said.exit_code == 2
    assert said.stderr.startswith("error[RC001]: unknown command `rnu`")
    assert "hint:  did you mean `runcard run`?" in said.stderr


def test_wrong_options_are_usage_errors() -> None:
    assert call("run").exit_code == 2
    assert call("run", "x", "--workers", "0").exit_code == 2
    assert call("run", "x", "--model-format", "pickle").exit_code == 2


def test_a_missing_card_is_an_error_on_standard_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    said = call("run", "nothing")
    assert (said.exit_code, said.stdout) == (2, "")
    assert said.stderr.startswith("error[RC101]: there is no card `nothing`")


def test_passwords_in_errors_are_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = """
import runcard

@runcard.dataset
def rows():
    raise ConnectionError("no answer from postgresql://me:s3cret@host/db")
"""
    card = {"data": {"dataset": "rows"}, "features": {"target": "y"}, "models": [{"name": "ridge"}]}
    write_project(tmp_path / "project", card, modules={"away": module})
    monkeypatch.chdir(tmp_path / "project")
    said = call("check", "card")
    assert said.exit_code == 2
    assert "postgresql://***@host/db" in said.stderr
    assert "s3cret" not in said.stderr


@pytest.mark.slow
def test_what_was_not_expected_is_one_line_and_with_debug_a_traceback(tmp_path: Path) -> None:
    write_project(tmp_path / "project", {"data": {"raw_path": "t.csv"}, "models": [{"name": "ridge"}]})
    (tmp_path / "project" / ".runcard").write_text("in the way of the journal")
    (tmp_path / "project" / "t.csv").write_text("a,b\n1,2\n")
    said = run_cli(tmp_path / "project", "run", "card")
    assert said.returncode != 0
    assert "Traceback" not in said.stderr
    said = run_cli(tmp_path / "project", "--debug", "run", "card")
    assert "Traceback" in said.stderr


@pytest.mark.slow
def test_a_closed_pipe_is_no_error(tmp_path: Path) -> None:
    done = subprocess.run(
        f"set -o pipefail; {sys.executable} -m runcard list models | head -1",
        shell=True,
        executable="/bin/bash",
        env=environment(),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""


AT_THE_END = """
import atexit, sys
from runcard.cli import main, program

class TakenApart:
    def __del__(self):
        print("taken apart", flush=True)

sys.kept = TakenApart()
main.callback = lambda debug: atexit.register(print, "registered for the end")
sys.argv = ["runcard", *sys.argv[1:]]
program()
"""


@pytest.mark.slow
@pytest.mark.parametrize(("words", "code"), [(["--help"], 0), (["nonsense"], 2), (["check", "missing"], 2)])
def test_a_process_ends_with_its_code_and_its_words_and_is_not_taken_apart(
    words: list[str], code: int, tmp_path: Path
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", AT_THE_END, *words],
        env=environment(),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, done.stderr
    assert "taken apart" not in done.stdout
    assert ("registered for the end" in done.stdout) == (words[0] == "check")
    assert ("Commands:" in done.stdout) == (words == ["--help"])
    assert ("error[" in done.stderr) == (code != 0)


@pytest.mark.slow
def test_what_cannot_be_printed_is_no_success(tmp_path: Path) -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [*COMMAND, "--version"], stdout=full, stderr=subprocess.PIPE, text=True, cwd=tmp_path, check=False
        )
    assert done.returncode != 0
    assert "No space left" in done.stderr
