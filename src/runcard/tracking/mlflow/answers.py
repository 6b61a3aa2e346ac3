"""Bounds on answers of a tracking server: size, time and form are checked before MLflow's client uses them."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from runcard.bounds import LEAST_PACE, MOST_ANSWER_BYTES, MOST_MODEL_BYTES, MOST_PAGES, SILENT_SECONDS

if TYPE_CHECKING:
    import requests

_BLOCK_BYTES = 1 << 16
_API = re.compile(r"/api/2\.0/mlflow/(?P<name>[a-z-]+/[a-z-]+)(?:[/?]|$)")
# What is asked for -> what the answer cannot do without, and what that has as text.
_FORMS: dict[tuple[str, str], tuple[str, ...]] = {
    ("GET", "experiments/get"): ("experiment", "experiment_id", "name", "lifecycle_stage"),
    ("GET", "experiments/get-by-name"): ("experiment", "experiment_id", "name", "lifecycle_stage"),
    ("POST", "experiments/create"): ("experiment_id",),
    ("GET", "runs/get"): ("run", "info"),
    ("POST", "runs/create"): ("run", "info"),
    ("POST", "runs/update"): ("run_info",),
    ("GET", "registered-models/get"): ("registered_model", "name"),
    ("POST", "registered-models/create"): ("registered_model", "name"),
    ("GET", "registered-models/alias"): ("model_version", "name", "version"),
    ("GET", "model-versions/get"): ("model_version", "name", "version"),
    ("POST", "model-versions/create"): ("model_version", "name", "version"),
}
_OPEN: list[object] = []
"""Connections that are open: MLflow's sessions are the process's, and others may use them when none is."""
Page = TypeVar("Page")


@contextmanager
def bounded_answers() -> Iterator[None]:
    """Bound what MLflow's client reads from servers, while the context is open."""
    from mlflow.utils import request_utils

    if request_utils._get_request_session.__name__ != _bounding.__name__:
        request_utils._get_request_session = _bounding(request_utils._get_request_session)
    _OPEN.append(None)
    try:
        yield
    finally:
        _OPEN.pop()


def pages_of(ask: Callable[[str | None], Page]) -> Iterator[Page]:
    """Iterate over the pages of a list while the server has more; `ask` takes a page token.

    Raises
    ------
    InvalidJSONError
        There is no end to them.
    """
    import requests

    token: str | None = None
    seen: set[str] = set()
    while len(seen) < MOST_PAGES:
        page = ask(token)
        yield page
        token = getattr(page, "token", None)
        if not token:
            return
        if token in seen:
            break
        seen.add(token)
    raise requests.exceptions.InvalidJSONError("its list has no end")


def _bounding(make_session: Callable[..., requests.Session]) -> Callable[..., requests.Session]:
    def make(*given: Any, **named: Any) -> requests.Session:
        session = make_session(*given, **named)
        if _hold not in session.hooks["response"]:
            session.hooks["response"].append(_hold)
        return session

    make.__name__ = _bounding.__name__
    return make


def _hold(answer: requests.Response, *, stream: bool = False, **_: Any) -> requests.Response:
    """Read an answer within the bounds; a file, which is read later, is wrapped to be bounded then."""
    if not _OPEN:
        return answer
    if stream:
        read = answer.iter_content

        def counted(*given: Any, **named: Any) -> Iterator[bytes]:
            return _counted(read(*given, **named), MOST_MODEL_BYTES)

        answer.iter_content = counted  # type: ignore[method-assign]
        return answer
    answer._content = b"".join(_counted(_blocks(answer), MOST_ANSWER_BYTES))
    answer._content_consumed = True
    _check_form(answer)
    return answer


def _blocks(answer: requests.Response) -> Iterator[bytes]:
    """Yield data as it arrives: waiting for whole blocks could take for ever."""
    import requests
    from urllib3.exceptions import HTTPError, ReadTimeoutError

    try:
        while block := answer.raw.read1(_BLOCK_BYTES, decode_content=True):
            yield block
    except ReadTimeoutError as error:
        raise requests.Timeout("its answer breaks off, and no more of it comes") from error
    except HTTPError as error:
        raise requests.ConnectionError(f"its answer breaks off: {error}") from error
    finally:
        answer.raw.release_conn()


def _counted(blocks: Iterator[bytes], most: int) -> Iterator[bytes]:
    import requests

    begun, n_bytes = time.monotonic(), 0
    for block in blocks:
        if n_bytes and time.monotonic() - begun > SILENT_SECONDS + n_bytes / LEAST_PACE:
            raise requests.Timeout(f"its answer comes slower than {LEAST_PACE / 1e3:.0f} kB a second")
        n_bytes += len(block)
        if n_bytes > most:
            raise requests.exceptions.ContentDecodingError(f"its answer is larger than {most / 1e6:,.0f} MB")
        yield block


def _check_form(answer: requests.Response) -> None:
    """Check that an answer has the requested content, without which MLflow makes a nameless experiment."""
    import requests

    request = answer.request
    found = _API.search(request.url or "")
    form = _FORMS.get((request.method or "", found["name"])) if found else None
    if form is None or answer.status_code != 200:
        return
    try:
        value: Any = json.loads(answer.content)[form[0]]
        is_sound = bool(value) and all(value[name] for name in form[1:])
    except (ValueError, LookupError, TypeError, RecursionError):
        is_sound = False
    if not is_sound:
        raise requests.exceptions.InvalidJSONError(f"asked for `{form[0]}`, it says {_described(answer)}")


def _described(answer: requests.Response) -> str:
    from runcard.tracking.judged import describe_answer

    return f"HTTP {answer.status_code}, {describe_answer(answer.content)}"
