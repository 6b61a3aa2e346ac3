"""A tracking server that fails while it is written to: no record is lost, none is there twice, no trial waits."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from contents import contents_of
from engines import HereEngine
from projects import count_rows, moody_project, press_ctrl_c, run_cli
from servers import Mood, Relay, run_relay

from runcard.project import find_project
from runcard.tracking import delivery
from runcard.tracking.judged import NOBODYS_MODEL
from runcard.workflow.run import execute
from runcard.workflow.run.execute import run
from runcard.workflow.run.listener import Listener
from runcard.workflow.run.result import Result
from runcard.workflow.run.sync import sync

pytestmark = pytest.mark.slow

MODELS = [{"name": "moody", "params": {"shift": [0.0, 0.1, 0.2]}}]
N_PARCELS = 6  # the card's beginning and end, three trials, one finalist


class Ear(Listener):
    """Remembers what was said, and how many requests the server had had when the trials were done."""

    def __init__(self, relay: Relay) -> None:
        self.warnings: list[str] = []
        self.steps: list[str] = []
        self.n_requests = 0
        self._relay = relay

    def warn(self, text: str) -> None:
        self.warnings.append(text)

    def step(self, text: str) -> None:
        self.steps.append(text)

    def ranked(self, *_: object) -> None:
        self.n_requests = len(self._relay.requests)


@pytest.fixture(scope="module")
def engine() -> HereEngine:
    return HereEngine()


@pytest.fixture
def relay(mlflow_server: str, monkeypatch: pytest.MonkeyPatch, engine: HereEngine) -> Iterator[Relay]:
    monkeypatch.setattr(execute, "choose_engine", engine)
    monkeypatch.setattr(delivery, "RETRY_SECONDS", 0.01)
    with run_relay(mlflow_server) as relay:
        yield relay


def project(folder: Path, name: str) -> Path:
    return moody_project(folder / "project", MODELS, experiment={"name": name})


def carry_out(card: Path, relay: Relay) -> tuple[Result, Ear]:
    ear = Ear(relay)
    return run(card, tracking_uri=relay.address, listener=ear), ear


def deliver_rest(card: Path, relay: Relay) -> Any:
    return sync(find_project(card).with_settings(tracking_uri=relay.address))


@pytest.fixture(scope="module")
def calm(
    mlflow_server: str, engine: HereEngine, tmp_path_factory: pytest.TempPathFactory
) -> tuple[list[list[Any]], int]:
    """Run the card with a server that is well; return what MLflow has then and how many requests it took."""
    with pytest.MonkeyPatch.context() as patch, run_relay(mlflow_server) as relay:
        patch.setattr(execute, "choose_engine", engine)
        result, ear = carry_out(project(tmp_path_factory.mktemp("calm"), "calm"), relay)
        assert result.problem is None, result.problem
        assert (result.n_left, ear.warnings) == (0, [])
        return contents_of(mlflow_server, "calm"), len(relay.requests)


def once(mood: Mood) -> Callable[[str], Mood]:
    """Fail at every request that was not made before; probes are answered."""
    seen: Counter[str] = Counter()

    def decide(request: str) -> Mood:
        seen[request] += 1
        return mood if seen[request] == 1 and NOBODYS_MODEL not in request else "well"

    return decide


def after(n: int, mood: Mood, relay: Relay) -> Callable[[str], Mood]:
    """Be well for n requests, then not any more."""
    return lambda request: mood if len(relay.requests) > n else "well"


@pytest.mark.parametrize("mood", ["down", "broken", "forgetful"])
def test_when_every_request_fails_once_all_is_there_once(
    mood: Mood, relay: Relay, calm: Any, tmp_path: Path, mlflow_server: str
) -> None:
    card = project(tmp_path, mood)
    relay.mood = once(mood)
    result, ear = carry_out(card, relay)
    assert result.problem is None
    assert len(ear.warnings) == 1
    n_times = 0
    while deliver_rest(card, relay).left:
        n_times += 1
        assert n_times < 100
    assert contents_of(mlflow_server, mood) == calm[0]
    assert count_rows(card.parents[1], "parcels", "delivered = 0") == 0


@pytest.mark.parametrize("mood", ["down", "broken"])
@pytest.mark.parametrize("way", ["sync", "run"])
def test_a_server_lost_in_the_middle(
    mood: Mood, way: str, relay: Relay, calm: Any, tmp_path: Path, mlflow_server: str
) -> None:
    name = f"{mood}-{way}"
    card = project(tmp_path, name)
    relay.mood = after(calm[1] // 2, mood, relay)
    result, ear = carry_out(card, relay)
    assert result.problem is None
    assert 0 < result.n_left < N_PARCELS
    why = "the tracking server does not answer" if mood == "down" else "run `.*` could not be (created|filled)"
    assert len(ear.warnings) == 1
    assert re.fullmatch(
        rf"{result.n_left} of the records are not in MLflow yet \({why}\): `runcard sync` delivers them",
        ear.warnings[0],
    )
    relay.mood = lambda request: "well"
    if way == "sync":
        report = deliver_rest(card, relay)
        assert (report.delivered, report.left) == (result.n_left, 0)
        assert deliver_rest(card, relay).delivered == 0
    else:
        again, ear = carry_out(card, relay)
        assert (again.n_run, again.n_left, ear.warnings) == (0, 0, [])
    assert contents_of(mlflow_server, name) == calm[0]


def test_a_server_that_falls_silent_at_the_end_is_not_waited_for(
    relay: Relay, calm: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mlflow_server: str
) -> None:
    monkeypatch.setattr(delivery, "PATIENCE_SECONDS", 1.0)
    card = project(tmp_path, "silent")
    relay.mood = after(calm[1] - 3, "silent", relay)
    started = time.monotonic()
    result, ear = carry_out(card, relay)
    assert time.monotonic() - started < 25  # MLflow's client would wait for 30 seconds
    assert result.problem is None
    assert result.n_left == 1
    assert ear.warnings == [
        "1 of the records are not in MLflow yet (the tracking server does not answer): `runcard sync` delivers them"
    ]
    relay.mood = lambda request: "well"
    relay.is_closed.set()  # in this process, the thread that was left behind still holds the right to deliver
    assert deliver_rest(card, relay).left == 0
    assert contents_of(mlflow_server, "silent") == calm[0]


def test_trials_do_not_wait_for_a_slow_server_and_the_wait_at_the_end_is_told(
    relay: Relay, calm: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mlflow_server: str
) -> None:
    monkeypatch.setattr(delivery, "PATIENCE_SECONDS", 1.0)
    relay.slow_seconds = 0.2
    relay.mood = lambda request: "slow"
    result, ear = carry_out(project(tmp_path, "slow"), relay)
    assert (result.n_left, ear.warnings) == (0, [])
    assert ear.n_requests < calm[1] / 2  # when the trials were done, most of it was still to be told
    assert ear.steps[-2] == "Writing to MLflow" or len(ear.steps) > 2
    assert re.fullmatch(r"Writing to MLflow, \d left; Ctrl-C leaves them to `runcard sync`", ear.steps[-1])
    assert contents_of(mlflow_server, "slow") == calm[0]


def test_ctrl_c_while_a_slow_server_is_written_to(
    start_cli: Any, calm: Any, mlflow_server: str, tmp_path: Path
) -> None:
    card = project(tmp_path, "hurried")
    folder = card.parents[1]
    with run_relay(mlflow_server) as relay:
        relay.mood = lambda request: "slow"
        process = start_cli(folder, "run", "card", "--workers", "1", "--tracking-uri", relay.address)
        lines = iter(process.stderr.readline, "")
        said = next(line for line in lines if line.startswith("Writing to MLflow, "))
        assert said.endswith(" left; Ctrl-C leaves them to `runcard sync` ...\n")
        press_ctrl_c(process)
        _, said = process.communicate(timeout=60)
        assert process.returncode == 130
        n_left = count_rows(folder, "parcels", "delivered = 0")
        assert said.startswith("error[RC601]: interrupted: 3 of 3 trials are done and kept")
        assert "of the records are not in MLflow yet" in said
        relay.mood = lambda request: "well"
        rest = run_cli(folder, "sync", "--tracking-uri", relay.address)
        assert rest.stdout == f"{n_left} delivered; MLflow has everything.\n", rest.stderr
        kept = contents_of(mlflow_server, "hurried")
    assert [row[:4] for row in kept] == [row[:4] for row in calm[0]]
