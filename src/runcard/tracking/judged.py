"""Checks whether the server at an address is an MLflow server that can take records."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from runcard import errors
from runcard.redact import redact
from runcard.tracking import addresses

NOBODYS_MODEL = f"/api/2.0/mlflow/logged-models/m-{'0' * 32}"
"""What is asked for: it is never there, which MLflow 3 says in its own words and nothing else does."""

AskServer = Callable[[str], tuple[int, bytes]]
"""From a path to the status and the content of the answer."""

_BUSY = (408, 425, 429)
_NEEDED = "runcard needs an MLflow 3 server"


def judge_server(uri: str, ask: AskServer, experiment: str | None = None) -> None:
    """Check that an MLflow 3 server answers, and that the experiment was not deleted there.

    Raises
    ------
    TrackingAway
        It is out of order for now.
    TrackingError
        It is another thing, an older one, or refuses the credentials.
    ExperimentDeleted
    """
    status, content = ask(NOBODYS_MODEL)
    if status in (401, 403):
        raise _unwelcome(uri, status)
    said = _json(content)
    code = said.get("error_code") if isinstance(said, dict) else None
    if code is None and (status in _BUSY or status >= 500):
        raise addresses.away(uri, f"it answers with HTTP {status}")
    if code is None or code == "ENDPOINT_NOT_FOUND":
        raise _other(uri, status, content, _version(ask))
    if experiment is not None:
        _judge_experiment(uri, ask, experiment)


def _judge_experiment(uri: str, ask: AskServer, name: str) -> None:
    said = _json(ask(f"/api/2.0/mlflow/experiments/get-by-name?experiment_name={quote(name, safe='')}")[1])
    found = said.get("experiment") if isinstance(said, dict) else None
    if isinstance(found, dict) and found.get("lifecycle_stage") == "deleted":
        raise addresses.deleted_experiment(uri, name, found.get("experiment_id"))


def _unwelcome(uri: str, status: int) -> errors.TrackingError:
    return errors.TrackingError(
        f"the tracking server refuses the credentials (HTTP {status})",
        where=redact(uri),
        hint="set `MLFLOW_TRACKING_USERNAME` and `MLFLOW_TRACKING_PASSWORD`,\nor `MLFLOW_TRACKING_TOKEN`",
    )


def _other(uri: str, status: int, content: bytes, version: str) -> errors.TrackingError:
    if version:
        return errors.TrackingError(
            f"the tracking server is MLflow {version}, which cannot keep models as MLflow 3 does",
            where=redact(uri),
            why=f"it answers with HTTP {status} where models are asked for; {_NEEDED}",
            hint="upgrade the server, or name another with `--tracking-uri`",
        )
    return errors.TrackingError(
        "what answers at this address is no MLflow server",
        where=redact(uri),
        why=f"HTTP {status}, {describe_answer(content)}; {_NEEDED}",
        hint="correct the address: host, port, and the path that the server is under, if any",
    )


def describe_answer(content: bytes) -> str:
    """Describe briefly what kind of answer came."""
    text = content[:4000].decode(errors="replace").strip()
    if not text:
        return "without content"
    if text.startswith("<"):
        return "a web page"
    return f"`{redact(' '.join(text.split()))[:60]}`"


def _version(ask: AskServer) -> str:
    """Ask for the version of an MLflow server; None from any other."""
    status, content = ask("/version")
    text = content[:40].decode(errors="replace").strip()
    is_one = status == 200 and text[:1].isdigit() and text.count(".") >= 1 and " " not in text
    return text if is_one else ""


def _json(content: bytes) -> Any:
    try:
        return json.loads(content)
    except ValueError:
        return None


def ask_plainly(uri: str) -> AskServer:
    """Send a request without MLflow, whose import takes seconds, and so without its ways of passing credentials."""
    import requests

    def ask(path: str) -> tuple[int, bytes]:
        answer = requests.get(uri.rstrip("/") + path, timeout=addresses.PROBE_SECONDS)
        return answer.status_code, answer.content

    return ask
