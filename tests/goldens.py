"""Golden files: what must stay as it is unless somebody decides otherwise, reads the difference and says why."""

from __future__ import annotations

import csv
import importlib.metadata
import io
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

GOLDEN = Path(__file__).parent / "golden"
VERSIONS = {
    **{"scikit-learn": "1.9.0", "numpy": "2.4.0", "scipy": "1.17.0", "pandas": "3.0.0", "optuna": "4.6.0"},
    **{"xgboost": "3.2.0", "lightgbm": "4.6.0", "catboost": "1.2.8"},
}
"""What trial keys hold of packages, whichever are installed."""


@contextmanager
def fixed_versions() -> Iterator[None]:
    """Let identities be the same whichever versions are installed."""
    real = importlib.metadata.version

    def version(name: str) -> str:
        if name == "xgboost-cpu":
            raise importlib.metadata.PackageNotFoundError(name)
        return VERSIONS.get(name) or real(name)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(importlib.metadata, "version", version)
        yield


def require_golden(request: pytest.FixtureRequest, name: str, text: str) -> None:
    """Require a text to be that of a golden file; `--write-golden` writes it anew, and fails where that changes it."""
    path = GOLDEN / name
    if request.config.getoption("--write-golden") and not (path.exists() and path.read_text("utf-8") == text):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        pytest.fail(f"{name} is written anew: read the difference, then run without --write-golden")
    assert text == path.read_text(encoding="utf-8")


class Mask:
    """Hides what differs from run to run: where, when, how fast, and ids; known digests are left as they are."""

    def __init__(self, folder: Path, known: str) -> None:
        self._folder = folder
        self._known = set(re.findall(r"\b[0-9a-f]{64}\b", known))

    def __call__(self, text: str) -> str:
        """Mask a text of lines; runs of spaces become one, as widths hang on what is masked."""
        text = re.sub(r"^\d+ done, .* [1-9]\d* left.*\n", "", text, flags=re.MULTILINE)  # as often as it takes long
        text = text.replace(str(self._folder), "<root>")
        text = re.sub(r"\b\d{8}-\d{6}\b|\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d)?(\.\d+)?(\+00:00|Z)?", "<time>", text)
        text = re.sub(r"(?<![\d.])\d+\.\d{1,2}(?![\d.])", "<n>", text)  # scores have four digits
        text = re.sub(r"(?<![0-9a-zA-Z.])[0-9a-f]{8,64}(?![0-9a-zA-Z])", self._id, text)
        return "\n".join(re.sub(r" {2,}", "  ", line).rstrip() for line in text.splitlines())

    def _id(self, found: re.Match[str]) -> str:
        text = found.group()
        return text if any(digest.startswith(text) for digest in self._known) else "<id>"

    def value(self, value: Any, name: str = "") -> Any:
        """Mask what JSON holds; numbers keep ten digits, measured ones none."""
        if isinstance(value, dict):
            return {key: self.value(item, key) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [self.value(item, name) for item in value]
        if name in _OF_THE_MACHINE:
            return f"<{name}>"
        return self._text(value) if isinstance(value, str) else _number_shown(value, name)

    def _text(self, value: str) -> Any:
        if re.match(r"\w+(,\w+)+\n", value):
            return [self.value({key: _number(cell) for key, cell in row.items()}) for row in _rows_of_csv(value)]
        return self(value)


def _number_shown(value: Any, name: str) -> Any:
    if isinstance(value, int | float) and not isinstance(value, bool) and _is_measured(name):
        return "<n>"
    return float(f"{value:.10g}") if isinstance(value, float) else value


_OF_THE_MACHINE = {"mlflow.source.name", "mlflow.user", "runcard.version", "runcard", "host"}


def _is_measured(name: str) -> bool:
    return bool(re.search(r"seconds|_ms\b|_ms_|model_mb|bytes|started|ended|^at$|time", name))


def _rows_of_csv(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def _number(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text


def rows_of(path: Path, query: str) -> list[dict[str, Any]]:
    """Read rows of a database."""
    with closing(sqlite3.connect(path)) as connection:
        connection.row_factory = sqlite3.Row
        return [dict(row) for row in connection.execute(query)]
