"""Hashes that identify a plan, its split and its trials."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    pass


def digest(value: object) -> str:
    """Hash any JSON-like value to 64 hex digits, equal in every process and on every machine."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=True, separators=(",", ":"), default=_jsonable)
    return hashlib.sha256(text.encode()).hexdigest()


def _jsonable(value: object) -> object:
    if hasattr(value, "tolist"):
        return value.tolist()
    return repr(value)
