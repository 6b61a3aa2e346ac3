"""Fetching a registered model, and what its runs say of it."""

from __future__ import annotations

import pickle
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runcard import errors
from runcard.names import VersionRef
from runcard.redact import redact
from runcard.tracking.versions import ModelOrigin, ModelVersion


@dataclass(frozen=True, slots=True)
class Fetched:
    """A version of a registered model, with its files in a folder."""

    version: ModelVersion
    origin: ModelOrigin
    folder: Path


def fetch(ref: VersionRef, uri: str, place: Path) -> Fetched:
    """Find a model in the registry at an address and copy its files to below a folder.

    Raises
    ------
    ModelVersionUnknown, TrackingAway, TrackingError
    """
    from runcard.tracking.mlflow import MlflowRegistry, read_origin

    with MlflowRegistry(uri) as registry:
        registry.probe()
        version = registry.find(ref)
        return Fetched(version, read_origin(registry, version), registry.fetch(version, place))


def fetch_apart(ref: VersionRef, uri: str, place: Path) -> Fetched:
    """Fetch in a process of its own, unless MLflow is already loaded in this one.

    MLflow takes more than a hundred megabytes and seconds of loading, in which what loads the model is loaded here.
    """
    if "mlflow" in sys.modules:
        return fetch(ref, uri, place)
    file = place / "answer"
    # Not as arguments, which other users see: an address may hold a password.
    asked = pickle.dumps((ref, uri, place, file))
    command = [sys.executable, "-P", "-c", f"from {__name__} import answer_fetch; answer_fetch()"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, start_new_session=True, **pipes) as process:  # type: ignore[call-overload]
        try:
            process.stdin.write(asked)
            process.stdin.close()
            import sklearn.compose  # noqa: F401

            said = process.stderr.read()
            process.wait()
        except BaseException:  # Ctrl-C is heard here alone
            process.kill()
            raise
    if not file.is_file():
        raise _died(ref, uri, process.returncode, said)
    found = pickle.loads(file.read_bytes())
    file.unlink()
    if isinstance(found, errors.RuncardError):
        raise found
    fetched: Fetched = found
    return fetched


def _died(ref: VersionRef, uri: str, code: int, said: bytes) -> errors.TrackingError:
    lines = redact(said.decode(errors="replace")).strip().splitlines()
    why = lines[-1] if lines else f"the process that fetched it ended with exit code {code}"
    return errors.TrackingError(f"`{ref}` could not be fetched", where=redact(uri), why=why, hint="try it again")


def answer_fetch() -> None:
    """Fetch what standard input asks for; the entry point of `fetch_apart`'s process."""
    ref, uri, place, file = pickle.load(sys.stdin.buffer)
    found: Any
    try:
        found = fetch(ref, uri, place)
    except errors.RuncardError as error:
        found = error
    file.write_bytes(pickle.dumps(found))
