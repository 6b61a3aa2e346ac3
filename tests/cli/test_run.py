"""`runcard run` as it shows itself: on a terminal, in a pipe, as JSON."""

from __future__ import annotations

import io
import json
import os
import pty
import re
import subprocess
from pathlib import Path

import pytest
from projects import COMMAND, customers_card, environment, make_customers, run_cli, write_project
from rich.console import Console

import runcard
from runcard.cli.progress import Show
from runcard.workflow.resolve import resolve
from runcard.workflow.run.listener import Counts


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory):
    folder = tmp_path_factory.mktemp("show") / "project"
    return resolve(write_project(folder, customers_card(), table=make_customers())).plan


def show(*, quiet: bool = False) -> tuple[Show, io.StringIO, io.StringIO]:
    said, results = io.StringIO(), io.StringIO()
    listener = Show(Console(file=said, width=120), Console(file=results, width=120), quiet=quiet)
    return listener, said, results


def test_a_new_run_says_what_it_is_about(plan) -> None:
    listener, said, _ = show()
    listener.planned(plan, Counts(0, 0, 4))
    assert said.getvalue() == "customers: 4 trials, 3 folds, 120 training and 40 test rows\n"


def test_a_run_that_goes_on_says_so(plan) -> None:
    listener, said, _ = show()
    listener.planned(plan, Counts(2, 1, 1))
    assert said.getvalue().startswith("Resuming: 3 done, 1 left\n")


def test_what_was_interrupted_is_said(plan) -> None:
    listener, said, _ = show()
    listener.planned(plan, Counts(0, 0, 4, interrupted=1))
    assert said.getvalue().startswith("Resuming: 0 done, 1 interrupted, 3 left\n")


def test_the_end_of_a_run_shows_the_ranking_once(plan, customers_run: tuple[Path, runcard.Result]) -> None:
    _, result = customers_run
    listener, _, results = show()
    listener.planned(plan, Counts(0, 0, 4))
    listener.ranked(result.comparison, plan, result.decision)
    listener.conclude(result)
    assert results.getvalue().count("Trials by roc_auc") == 1
    assert results.getvalue().count("Finalists: ") == 1


def test_nothing_to_run_shows_the_same_tables(customers_run: tuple[Path, runcard.Result]) -> None:
    _, result = customers_run
    listener, said, results = show()
    listener.conclude(result)
    assert said.getvalue().startswith("Nothing to run: all 4 trials are done.\n")
    assert results.getvalue().count("Trials by roc_auc") == 1


def test_a_run_whose_trials_were_done_but_not_its_finalists_is_not_called_nothing(
    plan, customers_run: tuple[Path, runcard.Result]
) -> None:
    """Show a run that was interrupted while it refitted."""
    _, result = customers_run
    listener, said, results = show()
    listener.planned(plan, Counts(4, 0, 0))
    listener.ranked(result.comparison, plan, result.decision)
    listener.conclude(result)
    assert "Nothing to run" not in said.getvalue()
    assert results.getvalue().count("Trials by roc_auc") == 1


def test_quiet_still_warns(plan) -> None:
    listener, said, results = show(quiet=True)
    listener.planned(plan, Counts(0, 0, 4))
    listener.step("Refitting")
    listener.warn("the server is away")
    assert said.getvalue() == "warning: the server is away\n"
    assert results.getvalue() == ""


@pytest.mark.slow
def test_json_is_all_that_standard_output_gets(tmp_path: Path) -> None:
    write_project(tmp_path / "project", customers_card(), table=make_customers())
    answer = run_cli(tmp_path / "project", "run", "card", "--json")
    assert answer.returncode == 0
    assert answer.stderr == ""
    said = json.loads(answer.stdout)
    assert set(said) == {"experiment", "metric", "run_id", "n_run", "n_left", "decision", "trials", "warnings"}
    assert [row["rank"] for row in said["trials"]] == [1, 2, 3, 4]
    assert all(row["run_id"] for row in said["trials"])


@pytest.mark.slow
def test_a_terminal_has_a_bar_and_the_tables_fit_it(tmp_path: Path) -> None:
    """Run in a pseudo-terminal of 100 columns."""
    write_project(tmp_path / "project", customers_card(), table=make_customers())
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [*COMMAND, "run", "card"],
        cwd=tmp_path / "project",
        env=environment(COLUMNS="100", TERM="xterm-256color"),
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    said = b""
    try:
        while part := os.read(ours, 65536):
            said += part
    except OSError:  # the other side is closed
        pass
    finally:
        os.close(ours)
    assert process.wait() == 0
    text = said.decode()
    assert "━" in text
    assert re.search(r"\d done, 0 failed, \d left", text)
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)
    assert max(len(line) for line in re.split(r"[\r\n]+", plain)) <= 100
    assert "Finalists: refitted on all training rows" in plain
