"""Local servers: MLflow's page, and a free port to serve on."""

from __future__ import annotations

import errno
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from runcard import errors
from runcard.tracking import addresses
from runcard.tracking.moved import ARTIFACTS, bring_up_to_date

HOST = "127.0.0.1"
_START_SECONDS = 90.0


@dataclass(frozen=True, slots=True)
class Server:
    """A running server."""

    address: str
    process: subprocess.Popen[bytes]

    def wait(self) -> int:
        """Wait until it ends, and return its exit code."""
        return self.process.wait()


@contextmanager
def serve(uri: str, *, root: Path, port: int) -> Iterator[Server]:
    """Serve a store's runs and artifacts once it answers; leaving the context stops the server.

    Raises
    ------
    TrackingError
        There is no database, the port is taken, or the server does not start.
    """
    with listening(HOST, port, command="runcard ui"):
        pass  # it is free
    with _at_hand(uri) as plain, _started(plain, root, port) as server:
        yield server


@contextmanager
def _at_hand(uri: str) -> Iterator[str]:
    """Give an address that MLflow reads as runcard does, creating nothing where nothing was recorded."""
    from runcard.tracking.mlflow.opening import plain_address

    file = addresses.sqlite_file(uri)
    if file is None:
        yield uri
        return
    if not file.exists():
        raise errors.TrackingError(
            "there is nothing to be seen yet",
            where=str(file),
            why="nothing was recorded there",
            hint="run a card first: `runcard run CARD`",
        )
    bring_up_to_date(file)
    with plain_address(file, uri) as plain:
        yield plain


@contextmanager
def _started(uri: str, root: Path, port: int) -> Iterator[Server]:
    command = [sys.executable, "-m", "mlflow", "server", "--backend-store-uri", uri]
    command += ["--default-artifact-root", str(root / ARTIFACTS), "--no-serve-artifacts"]
    command += ["--host", HOST, "--port", str(port), "--workers", "1"]
    # Without the job runner, and with one worker, it starts in half the time.
    environment = os.environ | {
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_DISABLE_TELEMETRY": "true",
    }
    process = subprocess.Popen(
        command,
        env=environment,
        cwd=root,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    server = Server(f"http://{HOST}:{port}", process)
    try:
        _wait_until_up(server)
        yield server
    finally:
        _stop(process)


@contextmanager
def listening(host: str, port: int, *, command: str) -> Iterator[socket.socket]:
    """Bind a port of this machine; `command` is what the error suggests to run with another port.

    Raises
    ------
    TrackingError
        The port is taken, or the host is not this machine.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as found:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            found.bind((host, port))
        except OSError as error:
            is_taken = error.errno == errno.EADDRINUSE
            raise errors.TrackingError(
                f"port {port} is taken" if is_taken else f"nothing can be served on {host}:{port}",
                where=f"{host}:{port}",
                why=error.strerror or str(error),
                hint=f"choose another: `{command} --port {port + 1}`",
            ) from None
        yield found


def _wait_until_up(server: Server) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and server.process.poll() is None:
        try:
            with urllib.request.urlopen(f"{server.address}/health", timeout=2):
                return
        except OSError:
            time.sleep(0.2)
    server.process.kill()
    said = (server.process.stderr.read() if server.process.stderr else b"").decode(errors="replace").strip()
    raise errors.TrackingError(
        "MLflow's server does not start",
        where=server.address,
        why=said.splitlines()[-1] if said else "it is silent",
    )


def _stop(process: subprocess.Popen[bytes]) -> None:
    import signal

    try:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(timeout=10)
    except ProcessLookupError:
        pass
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    if process.stderr is not None:
        process.stderr.close()
