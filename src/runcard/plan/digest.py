"""Hashes that name a plan, its split and its trials."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    pass


def digest(value: object) -> str:
    """Hash any JSON-like value, 64 hex digits, the same in every process and on every machine."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=True, separators=(",", ":"), default=_jsonable)
    return hashlib.sha256(text.encode()).hexdigest()


def _jsonable(value: object) -> object:
    if hasattr(value, "tolist"):
        return value.tolist()
    return repr(value)
