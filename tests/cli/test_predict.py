"""`runcard predict` and `runcard serve`, as real processes on a registered model."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pandas as pd
import pytest
from projects import (
    COMMAND,
    call_cli,
    customers_card,
    environment,
    make_customers,
    run_cli,
    start_cli,
    wait_for,
    write_project,
)
from registered import load_pipeline, register
from servers import free_port

import runcard

pytestmark = pytest.mark.slow

PEAK = """
import resource, subprocess, sys
answer = subprocess.run(sys.argv[1:], stderr=subprocess.DEVNULL).returncode
print(answer, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory, empty_mlflow_db: Path) -> runcard.Result:
    folder = tmp_path_factory.mktemp("serve") / "project"
    card = customers_card(models=[{"name": "logistic_regression"}])
    return runcard.run(write_project(folder, card, table=make_customers(), db=empty_mlflow_db), workers=1)


@pytest.fixture(scope="module")
def model_id(result: runcard.Result) -> str:
    return register(result, "logistic_regression", "customers", alias="production")


@pytest.fixture
def project(result: runcard.Result, model_id: str) -> Path:
    return Path(result.tracking_uri.removeprefix("sqlite:///")).parent


def write_rows(n_rows: int, path: Path) -> None:
    frame = make_customers(1000).drop(columns="left")
    with path.open("w") as file:
        for start in range(0, n_rows, len(frame)):
            frame.to_csv(file, index=False, header=start == 0)


def test_predict_says_what_there_is_to_say(project: Path, tmp_path: Path) -> None:
    make_customers(30).replace({"city": {"Ulm": "Bonn"}}).to_csv(tmp_path / "rows.csv", index=False)
    answer = call_cli(project, "predict", "customers@production", str(tmp_path / "rows.csv"), "-o", "out.csv")
    assert (answer.returncode, answer.stdout) == (0, ""), answer.stderr
    n_bonn = (make_customers(30)["city"] == "Ulm").sum()
    assert answer.stderr.splitlines() == [
        "Not used by the model: `left`",
        f"{n_bonn} rows have a `city` that training never saw: `Bonn`",
        "30 rows predicted by customers/1: out.csv",
    ]
    assert len(pd.read_csv(project / "out.csv")) == 30


def test_memory_does_not_grow_with_the_rows(project: Path, tmp_path: Path) -> None:
    peaks = []
    for n_rows in (400_000, 1_200_000):  # the smaller one fills all buffers, too
        write_rows(n_rows, tmp_path / "rows.csv")
        command = [*COMMAND, "predict", "customers@production", str(tmp_path / "rows.csv"), "-o", "out.parquet"]
        done = subprocess.run(
            [sys.executable, "-c", PEAK, *command],
            cwd=project,
            env=environment(),
            capture_output=True,
            text=True,
            check=True,
        )
        code, peak = done.stdout.split()
        assert code == "0"
        peaks.append(int(peak) / 1024)
        assert len(pd.read_parquet(project / "out.parquet")) == n_rows
    assert peaks[1] - peaks[0] < 30, peaks  # megabytes; the larger table alone has eighty more


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_serve_answers_the_line_that_it_prints_until_it_is_interrupted(
    result: runcard.Result, project: Path, model_id: str, tmp_path: Path, number: signal.Signals
) -> None:
    port = free_port()
    private = tmp_path / "private"
    private.mkdir()
    process = start_cli(project, "serve", "customers@production", "--port", str(port), TMPDIR=str(private))
    try:
        line = process.stdout.readline().strip()  # type: ignore[union-attr]
        assert line, process.communicate()
        body = line.partition(" -d ")[2].strip("'")
        asked = json.loads(body)["dataframe_split"]
        expected = load_pipeline(result, model_id).predict(pd.DataFrame(asked["data"], columns=asked["columns"]))
        assert ask(line, port, body) == {"predictions": expected.tolist()}
        others = [info[4][0] for info in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)]
        for address in {address for address in others if not address.startswith("127.")}:
            with pytest.raises(OSError, match="refused"):
                socket.create_connection((address, port), timeout=2)
        taken = run_cli(project, "serve", "customers@production", "--port", str(port))
        assert taken.returncode == 1
        assert f"port {port} is taken" in taken.stderr
        os.killpg(process.pid, number)
        out, said = process.communicate(timeout=30)
        assert process.returncode == 0
        assert out == ""
        assert said == f"customers/1 answers at http://127.0.0.1:{port}/invocations (Ctrl-C ends it)\n"
        wait_for(lambda: not list(private.glob("runcard-model-*")), seconds=5)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()


def ask(line: str, port: int, body: str) -> object:
    """Run the line in a shell; where there is no curl, ask the same."""
    if shutil.which("curl"):
        return json.loads(subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=True).stdout)
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/invocations", body.encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=20) as answer:
        return json.load(answer)
