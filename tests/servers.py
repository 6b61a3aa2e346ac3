"""Real servers for tests: MLflow on loopback, over SQLite or over a PostgreSQL of its own, Dask, and dead ones.

Each is a plain context manager, and a fixture of the same name started once a session.
"""

from __future__ import annotations

import contextlib
import http.client
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Literal

import pytest

from runcard.tracking.judged import NOBODYS_MODEL
from runcard.tracking.mlflow import MlflowTracker, quiet_mlflow

START_SECONDS = 90


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def running(
    command: list[str], is_up: Callable[[], bool], stop: signal.Signals, log: Path, **how: object
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server as a process group of its own until it is up, and stop all of it at the end."""
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, start_new_session=True, **how)
    try:
        deadline = time.monotonic() + START_SECONDS
        while not is_up():
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{command[0]} did not start:\n{log.read_text(errors='replace')[-3000:]}")
            time.sleep(0.05)
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, stop)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@contextlib.contextmanager
def run_mlflow(backend: str, folder: Path) -> Iterator[str]:
    """Run `mlflow server` on loopback and yield its address."""
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port)]
    command += ["--workers", "1", "--backend-store-uri", backend]
    command += ["--artifacts-destination", str(folder / "artifacts")]
    environment = os.environ | {
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_DISABLE_TELEMETRY": "true",
    }

    def is_up() -> bool:
        try:
            with urllib.request.urlopen(f"{address}/health", timeout=1) as answer:
                return answer.status == 200
        except OSError:
            return False

    with running(command, is_up, signal.SIGTERM, folder / "server.log", env=environment, cwd=folder):
        yield address


@contextlib.contextmanager
def run_postgres() -> Iterator[str]:
    """Run a PostgreSQL with a data folder, port and password of its own and yield the URI of a database."""
    import psycopg2

    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: float(path.parent.name))
    if not found:
        pytest.fail("PostgreSQL is not installed (`apt-get install postgresql`), and these tests need it")
    # It refuses to run as root, and then needs a folder that its own user may reach: pytest's are private.
    who = {"user": "postgres", "group": "postgres"} if os.geteuid() == 0 else {}
    folder = Path(tempfile.mkdtemp(prefix="runcard-postgres-"))
    try:
        secret = folder / "password"
        secret.write_text("s3cret")
        if who:
            for path in (folder, secret):
                shutil.chown(path, **who)
        data = folder / "data"
        setup = [found[-1] / "initdb", "-D", data, "-U", "runner", "--auth=scram-sha-256", "--no-sync"]
        setup += [f"--pwfile={secret}", "--encoding=UTF8", "--locale=C.UTF-8"]
        subprocess.run(setup, check=True, capture_output=True, cwd=folder, **who)
        port = free_port()
        where = f"runner:s3cret@127.0.0.1:{port}/postgres"

        def is_up() -> bool:
            try:
                psycopg2.connect(f"postgresql://{where}", connect_timeout=2).close()
            except psycopg2.OperationalError:
                return False
            return True

        command = [str(found[-1] / "postgres"), "-D", str(data), "-p", str(port), "-h", "127.0.0.1"]
        command += ["-k", "", "-c", "fsync=off"]
        log = folder / "log"
        with running(command, is_up, signal.SIGINT, log, cwd=folder, **who):
            yield f"postgresql+psycopg2://{where}"  # without a driver's name, SQLAlchemy's version decides
    finally:
        shutil.rmtree(folder, ignore_errors=True)


Mood = Literal["well", "down", "silent", "broken", "slow", "forgetful"]
"""What a relay does with a request: pass it on; hang up; say nothing for ever; answer 500; pass it on late; pass it
on and hang up, so that the answer is lost."""


class Relay(ThreadingHTTPServer):
    """Stands between a client and a server, and treats each request as it is in the mood for."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, target: str, port: int) -> None:
        super().__init__(("127.0.0.1", port), _RelayHandler)
        self.target = target
        self.address = f"http://127.0.0.1:{self.server_address[1]}"
        self.mood: Callable[[str], Mood] = lambda request: "well"
        """From a request's method, path and body to what is done with it."""
        self.requests: list[str] = []
        """What was asked but for the probes, `METHOD /path`."""
        self.slow_seconds = 2.0
        self.is_closed = threading.Event()

    def handle_error(self, *_: object) -> None:
        """Clients that have given up are no news."""


class _RelayHandler(BaseHTTPRequestHandler):
    server: Relay

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.path != NOBODYS_MODEL:
            self.server.requests.append(f"{self.command} {self.path.partition('?')[0]}")
        mood = self.server.mood(f"{self.command} {self.path} {body!r}")
        if mood == "silent":
            self.server.is_closed.wait()
        elif mood == "slow":
            self.server.is_closed.wait(self.server.slow_seconds)
        elif mood == "broken":
            self._answer(500, b'{"error_code": "INTERNAL_ERROR", "message": "out of order"}')
        if mood in ("well", "slow", "forgetful"):
            answer = self._pass_on(body)
            if mood != "forgetful":
                self._answer(*answer)

    do_POST = do_PUT = do_PATCH = do_DELETE = do_GET

    def _pass_on(self, body: bytes) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection(self.server.target.removeprefix("http://"), timeout=60)
        with contextlib.closing(connection):
            connection.request(self.command, self.path, body, dict(self.headers))
            answer = connection.getresponse()
            return answer.status, answer.read()

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


@contextlib.contextmanager
def run_relay(target: str, *, port: int = 0) -> Iterator[Relay]:
    """Run a relay in front of a server."""
    with Relay(target, port) as relay:
        thread = threading.Thread(target=relay.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield relay
        finally:
            relay.is_closed.set()
            relay.shutdown()
            thread.join()


@contextlib.contextmanager
def run_silent_server() -> Iterator[int]:
    """Yield a port where connections are accepted and nothing is ever answered."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(16)
        yield int(listener.getsockname()[1])


@dataclass(frozen=True)
class DaskCluster:
    """A scheduler and workers, each a process of its own started by a command, in folders of their own."""

    address: str
    folder: Path
    scheduler: int
    """Its process id."""

    def leftovers(self) -> list[Path]:
        """List what runcard has in the workers' folders, while the workers may be removing it."""
        walk = os.walk(self.folder)  # unlike `rglob`, does not fail on a folder that has just gone
        return [Path(at, name) for at, folders, _ in walk for name in folders if name.startswith("runcard-")]


@contextlib.contextmanager
def run_dask_scheduler(folder: Path) -> Iterator[DaskCluster]:
    """Run `dask scheduler` on loopback."""
    port = free_port()
    command = [sys.executable, "-m", "distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", str(port)]

    def is_up() -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    folder.mkdir(parents=True, exist_ok=True)
    with running([*command, "--no-dashboard"], is_up, signal.SIGKILL, folder / "scheduler.log", cwd=folder) as process:
        yield DaskCluster(f"tcp://127.0.0.1:{port}", folder, process.pid)


@contextlib.contextmanager
def run_dask_worker(cluster: DaskCluster, *arguments: str, path: str = "") -> Iterator[int]:
    """Run `dask worker`, by default as one process with one thread, and yield its process id once it has joined."""
    folder = Path(tempfile.mkdtemp(dir=cluster.folder, prefix="worker-"))
    command = [sys.executable, "-m", "distributed.cli.dask_worker", cluster.address, "--no-dashboard"]
    command += ["--local-directory", str(folder), *(arguments or ("--no-nanny", "--nthreads", "1"))]
    paths = [place for place in (path, os.environ.get("PYTHONPATH", "")) if place]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(paths)} if paths else dict(os.environ)
    log = folder / "log"

    def is_up() -> bool:
        return "Registered to" in log.read_text(errors="replace")

    try:
        with running(command, is_up, signal.SIGKILL, log, cwd=folder, env=environment) as process:
            yield process.pid
    finally:
        shutil.rmtree(folder)


@pytest.fixture(scope="session")
def dask_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DaskCluster]:
    """A scheduler and two workers."""
    with (
        run_dask_scheduler(tmp_path_factory.mktemp("cluster")) as cluster,
        run_dask_worker(cluster),
        run_dask_worker(cluster),
    ):
        yield cluster


@pytest.fixture(scope="session")
def empty_mlflow_db(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an MLflow database with its tables and nothing in it; making one takes three seconds."""
    path = tmp_path_factory.mktemp("mlflow") / "mlflow.db"
    with MlflowTracker(f"sqlite:///{path}", artifact_root=path.parent / "mlartifacts") as tracker:
        tracker.ensure_experiment("Default")
    return path


@pytest.fixture
def sqlite_uri(empty_mlflow_db: Path, tmp_path: Path) -> str:
    """Return the address of an empty MLflow database of the test's own."""
    shutil.copy(empty_mlflow_db, tmp_path / "mlflow.db")
    return f"sqlite:///{tmp_path / 'mlflow.db'}"


@pytest.fixture(scope="session")
def shared_mlflow_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("server")
    with run_mlflow(f"sqlite:///{folder / 'mlflow.db'}", folder) as address:
        yield address


@pytest.fixture(scope="module")
def mlflow_server(shared_mlflow_server: str) -> Iterator[str]:
    """Yield a server that every file of tests finds empty."""
    yield shared_mlflow_server
    clear(shared_mlflow_server)


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    with run_postgres() as uri:
        yield uri


@pytest.fixture(scope="module")
def own_postgres(postgres: str) -> str:
    """Return a database of the file's own: the server has the other one."""
    import psycopg2

    name = f"own_{uuid.uuid4().hex}"
    with contextlib.closing(psycopg2.connect(postgres.replace("+psycopg2", ""))) as connection:
        connection.autocommit = True
        connection.cursor().execute(f"CREATE DATABASE {name}")
    return postgres.removesuffix("postgres") + name


@pytest.fixture(scope="session")
def shared_mlflow_server_on_postgres(postgres: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with run_mlflow(postgres, tmp_path_factory.mktemp("server-on-postgres")) as address:
        yield address


@pytest.fixture(scope="module")
def mlflow_server_on_postgres(shared_mlflow_server_on_postgres: str) -> Iterator[str]:
    """Yield a server over PostgreSQL that every file of tests finds empty."""
    yield shared_mlflow_server_on_postgres
    clear(shared_mlflow_server_on_postgres)


def clear(address: str) -> None:
    """Remove a server's models, and its experiments with their names, which MLflow keeps of what is deleted."""
    from mlflow import MlflowClient

    with quiet_mlflow():
        client = MlflowClient(address, address)
        for experiment in client.search_experiments(filter_string="name != 'Default'"):
            client.rename_experiment(experiment.experiment_id, uuid.uuid4().hex)
            client.delete_experiment(experiment.experiment_id)
        for model in client.search_registered_models():
            client.delete_registered_model(model.name)


@contextlib.contextmanager
def run_s3(folder: Path, bucket: str) -> Iterator[dict[str, str]]:
    """Run moto's S3 on loopback with one bucket and yield the settings that AWS's clients find it by."""
    from botocore.session import Session

    port = free_port()
    settings = {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_ACCESS_KEY_ID": "runcard",
        "AWS_SECRET_ACCESS_KEY": "s3cret",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }

    def is_up() -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    command = [sys.executable, "-m", "moto.server", "--host", "127.0.0.1", "--port", str(port)]
    folder.mkdir(parents=True, exist_ok=True)
    with running(command, is_up, signal.SIGTERM, folder / "s3.log", env=os.environ | settings, cwd=folder):
        with pytest.MonkeyPatch.context() as patch:
            for name, value in settings.items():
                patch.setenv(name, value)
            Session().create_client("s3").create_bucket(Bucket=bucket)
        yield settings
