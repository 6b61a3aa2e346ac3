"""`runcard compare`, `runcard sync` and `runcard ui` on the runs of one project."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import urllib.request
from pathlib import Path

import pytest
from click.testing import CliRunner
from projects import COMMAND, environment
from servers import free_port

import runcard
from runcard.cli import main
from runcard.comparison import set_beside
from runcard.report.compared import comparison_table
from runcard.report.ranked import ranking_report
from runcard.stats import standard_error
from runcard.workflow.choose.compare import compare_runs


@pytest.fixture
def result(customers_run: tuple[Path, runcard.Result], monkeypatch: pytest.MonkeyPatch) -> runcard.Result:
    folder, found = customers_run
    monkeypatch.chdir(folder)
    return found


@pytest.mark.parametrize("name", [[], ["card"], ["customers"], ["configs/card.yaml"]])
def test_compare_finds_the_only_card_a_card_or_an_experiment(result: runcard.Result, name: list[str]) -> None:
    said = CliRunner().invoke(main, ["compare", *name, "--format", "json"])
    assert said.exit_code == 0, said.stderr
    found = json.loads(said.stdout)
    assert (found["experiments"], found["metric"]) == (["customers"], "roc_auc")
    assert [row["run_id"] for row in found["runs"]] == list(result.table["run_id"])


def test_compare_prints_the_ranking_and_how_sure_it_is(result: runcard.Result) -> None:
    said = CliRunner().invoke(main, ["compare"])
    lines = said.stdout.splitlines()
    assert lines[0].startswith("Trials by roc_auc (greater is better): mean ± standard error over the folds")
    assert [line.split()[1] for line in lines[2:6]] == list(result.table["model"])
    best = result.best.record.scores["roc_auc"]
    assert f"{result.best.mean:.4f} ± {standard_error(best):.4f}" in lines[2]
    assert "of the other 3" in said.stdout
    assert "The score of the best of 4 trials is optimistic" in said.stdout
    assert f"got {result.best.final.scores['roc_auc']:.4f}." in said.stdout


def test_run_and_compare_show_the_same_of_a_trial(result: runcard.Result) -> None:
    table, *_ = ranking_report(result.comparison)
    ours = {column.name: cells for column, cells in table.to_show()}
    theirs = {column.name: cells for column, cells in comparison_table(compare_runs()).to_show()}
    assert all("±" in cell for cell in ours["cv_roc_auc_mean"])
    for name in ("model", "params", "cv_roc_auc_mean", "fit_seconds"):
        assert ours[name] == theirs[name], name
    assert table.title == comparison_table(compare_runs()).title.partition("; beside")[0]


def test_compare_says_of_tracked_folds_what_the_journals_say(result: runcard.Result) -> None:
    said = CliRunner().invoke(main, ["compare", "--format", "json", "--baseline", result.table["run_id"][3]])
    rows = json.loads(said.stdout)["runs"]
    folds = [standing.record.scores["roc_auc"] for standing in result.comparison.standings]
    besides = set_beside(folds[3], folds[:3], greater_is_better=True, test_share=1 / 2)
    assert [row["p"] for row in rows] == pytest.approx([*(beside.p for beside in besides), None], nan_ok=True)
    assert [tuple(row["folds"]) for row in rows] == folds


def test_compare_from_where_mlflow_is_not_needed(result: runcard.Result) -> None:
    code = "import sys; from runcard.cli import main; main(['compare'], standalone_mode=False); "
    code += "assert 'mlflow' not in sys.modules"
    said = subprocess.run([*COMMAND[:1], "-c", code], env=environment(), capture_output=True, text=True, check=False)
    assert said.returncode == 0, said.stderr


def test_compare_in_other_formats(result: runcard.Result) -> None:
    told = CliRunner().invoke(main, ["compare", "customers", "--format", "csv", "--top", "2"]).stdout.splitlines()
    assert (len(told), told[0].split(",")[:2]) == (3, ["rank", "run_id"])
    told = CliRunner().invoke(main, ["compare", "customers", "--format", "markdown"]).stdout.splitlines()
    assert told[2].startswith("| rank | model | parameters | roc_auc |")


def test_compare_with_an_unknown_experiment(result: runcard.Result) -> None:
    said = CliRunner().invoke(main, ["compare", "customer"])
    assert said.exit_code == 1
    assert said.stderr.startswith("error[RC502]")
    assert "did you mean `customers`?" in said.stderr


def test_sync_has_nothing_to_do(result: runcard.Result) -> None:
    said = CliRunner().invoke(main, ["sync"])
    assert (said.exit_code, said.stdout) == (0, "0 delivered; MLflow has everything.\n")


@pytest.mark.slow
def test_ui_serves_the_runs_on_loopback_until_ctrl_c(result: runcard.Result) -> None:
    port = free_port()
    process = subprocess.Popen(
        [*COMMAND, "ui", "--port", str(port), "--no-browser"],
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )
    try:
        said_first = process.stdout.readline()  # once it answers, and before any Ctrl-C
        assert f"http://127.0.0.1:{port}" in said_first, process.communicate()
        request = urllib.request.Request(
            f"http://127.0.0.1:{port}/api/2.0/mlflow/experiments/get-by-name?experiment_name=customers"
        )
        with urllib.request.urlopen(request, timeout=20) as answer:
            assert json.load(answer)["experiment"]["name"] == "customers"
        others = [info[4][0] for info in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)]
        for address in {address for address in others if not address.startswith("127.")}:
            with pytest.raises(OSError, match="refused"):
                socket.create_connection((address, port), timeout=2)
        os.killpg(process.pid, signal.SIGINT)
        _, said = process.communicate(timeout=30)
        assert process.returncode in (0, 130)
        assert "Traceback" not in said
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
